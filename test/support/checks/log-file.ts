// Owns a log file for one test: the logger writes to it, the test reads its lines as objects.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** One line of the log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A file that is removed when the test ends. */
export interface LogFile {
  readonly path: string;
  text(): string;
  lines(): LogLine[];
  /** Lines with this event. */
  events(name: string): LogLine[];
}

/** Returns the path of a file in a new folder, without creating the file. */
export function openLogFile(): LogFile {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'easgate.log');
  const text = (): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  // What is behind the last end of a line is still being written.
  const lines = (): LogLine[] =>
    text()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LogLine);
  return {
    path,
    text,
    lines,
    events: (name) => lines().filter(({ event }) => event === name),
  };
}

// Owns a log file of a test: where the real logger writes, and its lines as objects.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One line of the log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A file that is gone after {@link remove}. */
export interface LogFile {
  readonly path: string;
  text(): string;
  lines(): LogLine[];
  /** Lines with this event. */
  events(name: string): LogLine[];
  remove(): void;
}

export function newLogFile(): LogFile {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-log-'));
  const path = join(folder, 'easgate.log');
  const text = (): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  const lines = (): LogLine[] =>
    text()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogLine);
  return {
    path,
    text,
    lines,
    events: (name) => lines().filter(({ event }) => event === name),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

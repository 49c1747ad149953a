// Owns a gateway as operators run it: a primary and its workers as processes, with its own configuration file.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { askStatus } from '../../../src/supervisor/ask-status.ts';
import { answeringWorkers } from '../../../src/supervisor/status-server.ts';
import type { GatewayStatus } from '../../../src/supervisor/status-server.ts';
import { until } from '../checks/until.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));

/** A running gateway. */
export interface GatewayProcess {
  readonly port: number;
  readonly folder: string;
  readonly child: ChildProcess;
  /** All its output, including log lines. */
  out(): string;
  /** Process ids of its workers. */
  workers(): number[];
  /** Runs another easgate command with the same configuration; resolves with its exit code. */
  command(...words: string[]): Promise<number>;
  /** What `easgate status` shows; its pid file must be `easgate.pid`. */
  status(): Promise<GatewayStatus>;
  /** Resolves when its workers hold so many polls. */
  untilHeld(polls: number): Promise<void>;
  configure(text: string): void;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/**
 * Starts `easgate serve` with this configuration. `files` are written beside it; `main` is another copy of the program;
 * `whileStarting` runs during the start.
 */
export async function startGatewayProcess(
  config: string,
  files: Readonly<Record<string, string>> = {},
  main = MAIN,
  whileStarting: (child: ChildProcess, folder: string) => Promise<void> = async () => undefined,
): Promise<GatewayProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-process-'));
  const path = join(folder, 'easgate.yaml');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(path, config);
  const spawned = (...words: string[]): ChildProcess =>
    spawn(process.execPath, [main, ...words, '--config', path], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const child = spawned('serve');
  let out = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  await whileStarting(child, folder);
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  // With what follows the port: output comes in pieces.
  const address = /listens on \S+:(\d+) /;
  await until(() => address.test(out) || isOver(), 'the gateway to serve').catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  // The last output may come after the end.
  if (isOver()) await ended;
  const port = Number(address.exec(out)?.[1]);
  if (!(port > 0)) throw new Error(`the gateway did not start: ${out}`);
  const status = (): Promise<GatewayStatus> => askStatus(join(folder, 'easgate.pid'));
  return {
    port,
    folder,
    child,
    out: () => out,
    status,
    untilHeld: (polls) =>
      until(async () => {
        const held = answeringWorkers(await status()).map(({ counters }) => counters['heldPolls'] ?? 0);
        return held.reduce((sum, count) => sum + count, 0) === polls;
      }, `${polls} polls to be held`),
    workers: () =>
      readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').map(Number),
    command: (...words) =>
      new Promise((resolve) => spawned(...words).once('close', (code) => resolve(code ?? -1))),
    configure: (text) => writeFileSync(path, text),
    stop: async () => {
      child.kill('SIGTERM');
      const code = await ended;
      rmSync(folder, { recursive: true });
      return code;
    },
  };
}

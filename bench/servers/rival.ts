// Owns the interface of a rival, the devices it allows, and helpers to start rivals.
import type { ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import type { CertificateFiles } from '../core/certificate.ts';
import { GATEWAY_CORE, line, start, stop } from '../core/processes.ts';
import { DEVICES, POLL_DEVICES, pollDevice } from '../core/traffic.ts';

/** Inputs of a rival's start. */
export interface RivalContext {
  readonly folder: string;
  readonly port: number;
  readonly upstreamPort: number;
  /** Log every request to a file, if the rival can. */
  readonly logged: boolean;
  /** TLS for phones; null = none. */
  readonly tls: CertificateFiles | null;
  /** Port of a Redis server that holds the directory; null = embedded. */
  readonly redisPort: number | null;
}

/** A rival of the table. */
export interface Rival {
  readonly name: string;
  /** Whether it refuses the blocked device. */
  readonly decides: boolean;
  /** Whether it can write an access log. */
  readonly logs: boolean;
  /** Whether it can serve TLS. */
  readonly secures: boolean;
  /** Why it cannot take part on this machine, or null. */
  missing(): string | null;
  start(context: RivalContext): Promise<ChildProcess | null>;
}

/** `count` device ids. */
export function numbered(count: number, name: (index: number) => string): string[] {
  return Array.from({ length: count }, (_, index) => name(index));
}

/** The devices that every rival allows. */
export const ALLOWED = [...DEVICES, ...numbered(POLL_DEVICES, pollDevice)];

/** Starts a Node.js program and waits until it prints `pattern`. */
export async function startNode(
  script: string,
  words: readonly string[],
  pattern: RegExp,
  cores = GATEWAY_CORE,
): Promise<ChildProcess> {
  const child = start(cores, process.execPath, [script, ...words]);
  await line(child, pattern);
  return child;
}

/** Waits until the process accepts connections on `port`. */
export async function waitForPort(child: ChildProcess, port: number): Promise<ChildProcess> {
  const end = Date.now() + 10_000;
  while (Date.now() < end && child.exitCode === null) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return child;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop(child);
  throw new Error(`nothing listens on ${port}`);
}

// Owns asking the primary of this host for its status, over the Unix socket beside its pid file.
import { Client } from 'undici';
import { codeOf, messageOf } from '../caught-error.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { statusSocket } from './status-server.ts';
import type { GatewayStatus } from './status-server.ts';

/** For a person. The primary itself waits some seconds for its processes, and all share a busy machine. */
const PATIENCE_MS = 15_000;
/** Of 256 workers, each with its phones on which a policy in the shadow differs. */
const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;

/** A connection to the gateway of a pid file, for several questions. */
export class StatusClient {
  private readonly client: Client;
  private readonly pidFile: string;
  private readonly timeoutMs: number;

  constructor(pidFile: string, timeoutMs = PATIENCE_MS) {
    this.pidFile = pidFile;
    this.timeoutMs = timeoutMs;
    this.client = new Client('http://localhost', {
      socketPath: statusSocket(pidFile),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: MAX_RESPONSE_BYTES,
    });
  }

  /** @throws ProgramError EASGATE_NOT_RUNNING when none runs, EASGATE_NO_ANSWER when one gives no answer */
  async ask(): Promise<GatewayStatus> {
    try {
      const { statusCode, body } = await this.client.request({ method: 'GET', path: '/status' });
      if (statusCode !== 200) throw new Error(`status ${statusCode}`);
      return (await body.json()) as GatewayStatus;
    } catch (error) {
      throw noStatus(this.pidFile, this.timeoutMs, error);
    }
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}

/** The status of the gateway of a pid file. @throws ProgramError when none answers */
export async function askStatus(pidFile: string, timeoutMs = PATIENCE_MS): Promise<GatewayStatus> {
  const client = new StatusClient(pidFile, timeoutMs);
  try {
    return await client.ask();
  } finally {
    await client.close();
  }
}

/** Waits of undici; and the backlog of a socket whose process accepts nothing is full (unix(7)). */
const LATE: ReadonlySet<string> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'EAGAIN',
]);

/** What to do, by the way in which the gateway's socket cannot be used. */
function noStatus(pidFile: string, timeoutMs: number, error: unknown): ProgramError {
  const code = codeOf(error, '');
  const socket = statusSocket(pidFile);
  if (code === 'ENOENT' || code === 'ECONNREFUSED')
    return new ProgramError(
      'EASGATE_NOT_RUNNING',
      `no gateway runs here with workers.pidFile ${pidFile}: start it (easgate serve, or its service), or name the configuration ` +
        'that it runs with (--config)',
    );
  if (code === 'EACCES' || code === 'EPERM')
    return new ProgramError(
      'EASGATE_NO_ANSWER',
      `the gateway of ${pidFile} does not let this user ask: run the command as the user of the gateway (socket ${socket})`,
    );
  if (LATE.has(code))
    return new ProgramError(
      'EASGATE_NO_ANSWER',
      `the gateway of ${pidFile} runs, but did not answer within ${timeoutMs / 1_000} seconds: it, or the whole machine, is busy or ` +
        'stopped; try again',
    );
  return new ProgramError(
    'EASGATE_NO_ANSWER',
    `the gateway of ${pidFile} gave no usable answer on ${socket}: look at its log, or try again (${messageOf(error)})`,
  );
}

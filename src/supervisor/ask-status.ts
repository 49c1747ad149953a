// Owns asking the primary of this host for its status, over the Unix socket beside its pid file.
import { Client } from 'undici';
import { codeOf, messageOf } from '../caught-error.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { statusSocket } from './status-server.ts';
import type { GatewayStatus } from './status-server.ts';

const TIMEOUT_MS = 5_000;
/** Of 256 workers, each with its phones on which a policy in the shadow differs. */
const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;

/** A report, and its monotonic time in milliseconds. */
export interface StatusReport {
  readonly status: GatewayStatus;
  readonly takenAt: number;
}

/** A connection to the gateway of a pid file, for several questions. */
export class StatusClient {
  private readonly client: Client;
  private readonly pidFile: string;

  constructor(pidFile: string) {
    this.pidFile = pidFile;
    this.client = new Client('http://localhost', {
      socketPath: statusSocket(pidFile),
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      maxResponseSize: MAX_RESPONSE_BYTES,
    });
  }

  /** @throws ProgramError EASGATE_NOT_RUNNING when none answers */
  async ask(): Promise<StatusReport> {
    try {
      const { statusCode, body } = await this.client.request({ method: 'GET', path: '/status' });
      if (statusCode !== 200) throw new Error(`status ${statusCode}`);
      return { status: (await body.json()) as GatewayStatus, takenAt: performance.now() };
    } catch (error) {
      throw new ProgramError('EASGATE_NOT_RUNNING', notRunningText(this.pidFile, error));
    }
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}

/** The status of the gateway of a pid file. @throws ProgramError when none answers */
export async function askStatus(pidFile: string): Promise<GatewayStatus> {
  const client = new StatusClient(pidFile);
  try {
    return (await client.ask()).status;
  } finally {
    await client.close();
  }
}

/** What to do, by the way in which the gateway's socket cannot be used. */
function notRunningText(pidFile: string, error: unknown): string {
  const code = codeOf(error, '');
  const socket = statusSocket(pidFile);
  if (code === 'ENOENT' || code === 'ECONNREFUSED')
    return (
      `no gateway runs here with workers.pidFile ${pidFile}: start it (easgate serve, or its service), or name the configuration ` +
      'that it runs with (--config)'
    );
  if (code === 'EACCES' || code === 'EPERM')
    return `the gateway of ${pidFile} does not let this user ask: run the command as the user of the gateway (socket ${socket})`;
  const cause = messageOf(error);
  return `the gateway of ${pidFile} does not answer on ${socket}: look at its log, or try again (${cause})`;
}

// Owns the status and the metrics of the running gateway, served on a Unix socket beside the pid file: `easgate status` reads
// /status, other processes of the gateway's user may read /metrics.
import { rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type { RecentTraffic } from '../metrics/recent-counts.ts';
import { METRICS_TYPE } from '../metrics/text.ts';
import type { ControlState } from './control-process.ts';
import type { GatewayState } from './health-server.ts';
import type { WorkerStatus } from './messages.ts';
import { http } from '../node-http.ts';

/** The status of one gateway. */
export interface GatewayStatus {
  /** The version of the program. */
  readonly version: string;
  readonly pid: number;
  /** When the primary started, milliseconds since the epoch. */
  readonly startedAt: number;
  readonly phase: GatewayState['phase'];
  /** The policy in use; `file` null = the actions of the configuration. */
  readonly policy: {
    readonly name: string | null;
    readonly file: string | null;
    readonly hash: string | null;
    /** The three actions of the configuration. Absent = there is a file, or the primary is of an older version. */
    readonly actions?: Readonly<Record<string, string>>;
  };
  /** Conditions that need the operator's attention, as long as they last. */
  readonly warnings: readonly string[];
  /** One entry per serving worker; null = it did not answer. */
  readonly workers: readonly (WorkerStatus | null)[];
  /** Absent = the primary is of an older version. */
  readonly traffic?: RecentTraffic;
  /** Null = the configuration wants no control process. */
  readonly control: ControlState | null;
}

/** The workers that answered; `status` null = the primary does not answer. */
export function answeringWorkers(status: GatewayStatus | null): readonly WorkerStatus[] {
  return (status?.workers ?? []).filter((worker) => worker !== null);
}

const MAX_CONNECTIONS = 16;
const TIMEOUT_MS = 5_000;
/** Only the gateway's user may connect: the status names mail servers and the policy. */
const MODE = 0o600;

/** The path of the socket that belongs to a pid file. */
export function statusSocket(pidFile: string): string {
  return `${pidFile.replace(/\.pid$/, '')}.sock`;
}

/** Serves the status until closed. */
export class StatusServer {
  private readonly server: Server;
  private readonly path: string;

  private constructor(path: string, look: () => Promise<GatewayStatus>, metrics: () => Promise<string>) {
    this.path = path;
    this.server = http.createServer(
      { headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS },
      (request, response) => {
        if (request.url === '/metrics') {
          metrics().then(
            (text) => response.setHeader('Content-Type', METRICS_TYPE).end(text),
            () => response.writeHead(503).end(),
          );
          return;
        }
        look().then(
          (status) => response.setHeader('Content-Type', 'application/json').end(JSON.stringify(status)),
          () => response.writeHead(503).end(),
        );
      },
    );
    this.server.maxConnections = MAX_CONNECTIONS;
  }

  /** Replaces a socket that an earlier gateway left: no other gateway uses it, since this one holds the pid file. Rejects on failure. */
  static async open(
    path: string,
    look: () => Promise<GatewayStatus>,
    metrics: () => Promise<string>,
  ): Promise<StatusServer> {
    const status = new StatusServer(path, look, metrics);
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      status.server.once('error', reject);
      // The socket is created in the call: it never has another mode.
      const before = process.umask(0o777 & ~MODE);
      status.server.listen(path, resolve);
      process.umask(before);
    });
    return status;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
    rmSync(this.path, { force: true });
  }
}

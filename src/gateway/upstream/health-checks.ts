// Owns periodic health checks of the mail servers (undici; outside the request path).
import { Client } from 'undici';
import { messageOf } from '../../caught-error.ts';
import type { HealthSettings } from '../settings.ts';
import { isOutOfPorts } from './source-addresses.ts';
import { undiciOptions } from './undici-options.ts';
import { undiciOrigin } from './undici-origin.ts';
import type { UpstreamServer } from './upstream-server.ts';

/** Random part of the interval, so that workers and nodes do not synchronise. */
const JITTER = 0.2;

/** Checks the servers until {@link close}. */
export class HealthChecks {
  private readonly settings: HealthSettings;
  private readonly stopping = new AbortController();
  private readonly loops: Promise<void>[];

  constructor(settings: HealthSettings, servers: readonly UpstreamServer[]) {
    this.settings = settings;
    this.loops = servers.map((server) => this.watch(server));
  }

  async close(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.loops);
  }

  private async watch(server: UpstreamServer): Promise<void> {
    const { intervalMs, rise, fall } = this.settings;
    const { signal } = this.stopping;
    let good = 0;
    let bad = 0;
    while (!signal.aborted) {
      const cause = await this.ask(server);
      if (signal.aborted) return;
      if (cause === null) {
        good++;
        bad = 0;
        if (good >= rise) server.setHealthy(true, 'health checks pass');
      } else if (cause !== undefined) {
        bad++;
        good = 0;
        if (bad >= fall) server.setHealthy(false, cause);
      }
      await pause(intervalMs * (1 + (Math.random() - 0.5) * JITTER), signal);
    }
  }

  /** One check on a new connection: null = healthy, else the reason; undefined = not checked, without a local port. */
  private async ask(server: UpstreamServer): Promise<string | null | undefined> {
    const { method, path, timeoutMs, maxStatus } = this.settings;
    const client = new Client(undiciOrigin(server.settings), undiciOptions(server.settings));
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([timeout, this.stopping.signal]);
    // undici heeds the signal once it is connected, which a host that is away may never be.
    const end = (): void => void client.destroy();
    signal.addEventListener('abort', end);
    try {
      const { hostHeader } = server.settings;
      const headers = hostHeader === null ? {} : { host: hostHeader };
      const { statusCode, body } = await client.request({ method, path, headers, signal });
      await body.dump({ limit: 65_536, signal });
      return statusCode <= maxStatus ? null : `status ${statusCode}`;
    } catch (error) {
      if (timeout.aborted) return `no answer within ${timeoutMs} ms`;
      if (isOutOfPorts(error)) return undefined;
      return messageOf(error);
    } finally {
      signal.removeEventListener('abort', end);
      await client.destroy();
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    timer.unref();
    signal.addEventListener('abort', done);
  });
}

// Owns the start of a gateway with a configuration of its own, with or without an admin API, for scenarios that need more than a rival.
import { execFileSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { ALL_CORES, freePort, line, start } from '../core/processes.ts';

/** The read model of a million devices takes a minute, on a busy machine more. */
const BUILD_MS = 600_000;

/** How to start it. */
export interface GatewaySettings {
  /** Of its own; it is made. */
  readonly folder: string;
  readonly upstreamPort: number;
  /** The part `store` of the configuration. */
  readonly store: string;
  /** With an admin API. */
  readonly administered: boolean;
  /** Further lines of the configuration. */
  readonly more?: readonly string[];
}

/** A running gateway with one worker. */
export interface Gateway {
  readonly port: number;
  readonly process: ChildProcess;
  readonly config: string;
  /** 0 = there is no admin API. */
  readonly adminPort: number;
}

/** Starts it, and waits until it serves. */
export async function startGateway(settings: GatewaySettings): Promise<Gateway> {
  const { folder, upstreamPort, store, administered, more = [] } = settings;
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'easgate.yaml');
  const [port, adminPort] = [await freePort(), administered ? await freePort() : 0];
  writeFileSync(
    config,
    [
      `listen: { address: 127.0.0.1, port: ${port} }`,
      `upstream: { url: "http://127.0.0.1:${upstreamPort}", maxIdleConnections: 1024 }`,
      'workers: { count: 1, pidFile: easgate.pid }',
      `store: ${store}`,
      'log: { access: false, destination: easgate.log }',
      'cache: { lifetimeSeconds: 600 }',
      // The throttle would stop one phone with hundreds of requests a second as a loop.
      'throttle: { burst: 0 }',
      'limits: { maxInFlightPerDevice: 0 }',
      ...(administered ? [`admin: { listen: "127.0.0.1:${adminPort}", requestsPerMinute: 1000000 }`] : []),
      ...more,
    ].join('\n'),
  );
  const process_ = start(ALL_CORES, process.execPath, ['src/main.ts', 'serve', '--config', config]);
  await line(process_, /listens on/, 60_000);
  return { port, process: process_, config, adminPort };
}

/** An operator of its admin API. */
export class Operator {
  private readonly url: string;
  private readonly token: string;
  private readonly agent = new Agent({ connections: 1 });

  /** Creates a token for the API. */
  constructor({ config, adminPort }: Gateway) {
    const words = ['tokens', 'create', 'bench', '--role', 'operator', '--json', '--config', config];
    const made = execFileSync(process.execPath, ['src/main.ts', ...words], { encoding: 'utf8' });
    this.token = (JSON.parse(made) as { readonly secret: string }).secret;
    this.url = `http://127.0.0.1:${adminPort}/api/v1`;
  }

  /** @throws Error for an answer that is no success */
  async ask(method: 'GET' | 'POST' | 'PUT', path: string, body?: object): Promise<unknown> {
    const { statusCode, body: answer } = await request(`${this.url}${path}`, {
      method,
      dispatcher: this.agent,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.text();
    if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${text.slice(0, 500)}`);
    return text === '' ? null : JSON.parse(text);
  }

  /** Waits until this has an answer: lists have none until the read model is built. */
  async untilAnswered(path: string): Promise<void> {
    const end = performance.now() + BUILD_MS;
    for (;;)
      try {
        await this.ask('GET', path);
        return;
      } catch (error) {
        if (performance.now() > end) throw error;
        await pause(500);
      }
  }

  close(): Promise<void> {
    return this.agent.close();
  }
}

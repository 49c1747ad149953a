// Owns a whole small world for user stories: the sample mail server, a store, a gateway as configured, and an operator.
import { setTimeout } from 'node:timers/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServing } from '../../src/cli/serving.ts';
import { storeOptions } from '../../src/config/gateway-settings.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { Config } from '../../src/config/schema.ts';
import { openStore } from '../../src/directory/open-store.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import type { Gateway } from '../../src/gateway/gateway.ts';
import { Phone } from '../../src/sample/phone/phone.ts';
import type { PhoneOptions } from '../../src/sample/phone/options.ts';
import { startSampleServer } from '../../src/sample/server.ts';
import type { SampleServer } from '../../src/sample/server.ts';
import { watchGateway } from './leaks.ts';
import { startRedis } from './redis.ts';

/** Users alice and bob, with passwords `alice-pw` and `bob-pw`. */
export interface Office {
  readonly mail: SampleServer;
  readonly gateway: Gateway;
  /** The directory through a handle that is not the gateway's: what happens there is news to it. */
  readonly operator: DirectoryStore;
  /** The section `store` of the configuration. */
  readonly store: Config['store'];
  readonly url: string;
  /** Resolves when the gateway has heard of what `write` changes: of anything, or of this device. */
  heard(write: () => Promise<unknown>, device?: DeviceKey): Promise<void>;
  /** Starts another gateway on the same store, or the same one anew. */
  node(): Promise<Node>;
  /** Alice's, told the URL unless it has an e-mail address to look for it. */
  phone(options: Pick<PhoneOptions, 'deviceId' | 'family'> & Partial<PhoneOptions>): Phone;
  close(): Promise<void>;
}

/** One more gateway of the office. */
export interface Node {
  readonly gateway: Gateway;
  readonly port: number;
  heard(write: () => Promise<unknown>, device?: DeviceKey): Promise<void>;
  close(): Promise<void>;
}

/** The kinds of store a story is told with. */
export const STORES = ['embedded', 'redis'] as const;
export type StoreKind = (typeof STORES)[number];

/** Starts everything; `more` is laid over the configuration, section by section, `mailServer` sets up the mail server. */
export async function openOffice(
  kind: StoreKind,
  more: Readonly<Record<string, unknown>> = {},
  mailServer: { readonly requirePolicy?: boolean } = {},
): Promise<Office> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-office-'));
  const redis = kind === 'redis' ? await startRedis() : null;
  const config: Config = configSchema.parse({
    listen: { address: '127.0.0.1', port: 0 },
    store: redis === null ? { kind, path: join(folder, 'directory.db') } : { kind, url: redis.url },
    messages: { organisation: 'Example Ltd', enrolmentUrl: 'https://enrol.example.com/' },
    log: { level: 'silent', access: false },
    ...more,
  });
  const users = ['alice', 'bob'].map((name) => ({ name, password: `${name}-pw` }));
  const mail = await startSampleServer({ users, ...mailServer });
  const nodes: Node[] = [];
  const node = async (): Promise<Node> => {
    const serving = await startServing(config, { sampleUrl: mail.url, fd: null });
    watchGateway(serving.gateway);
    let closed = false;
    const started: Node = {
      gateway: serving.gateway,
      port: serving.gateway.port,
      heard: async (write, device) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        const stop = serving.verdicts.onChange(({ devices, all }) => {
          if (device === undefined || all || devices.has(device)) resolve();
        });
        const before = await serving.store.position();
        await write();
        // What says nothing new is no change, and nobody hears of it.
        if ((await serving.store.position()) !== before) await promise;
        stop();
      },
      close: async () => {
        if (closed) return;
        closed = true;
        await serving.gateway.close();
        await serving.close();
      },
    };
    nodes.push(started);
    return started;
  };
  const first = await node();
  const operator = await openStore(storeOptions(config));
  const url = `http://127.0.0.1:${first.port}`;
  const phones: Phone[] = [];
  return {
    mail,
    gateway: first.gateway,
    operator,
    store: config.store,
    url,
    heard: (write, device) => first.heard(write, device),
    node,
    phone: (options) => {
      const phone = new Phone({
        ...(options.email === undefined ? { server: url, user: 'alice' } : {}),
        password: 'alice-pw',
        // Pauses are kept, but shortened: Retry-After, and AOSP's 30 seconds after a Sync 12.
        wait: (ms) => setTimeout(Math.min(ms, 25)),
        ...options,
      });
      phones.push(phone);
      return phone;
    },
    close: async () => {
      await Promise.all(phones.map((phone) => phone.close()));
      for (const one of nodes) await one.close();
      await operator.close();
      await mail.close();
      await redis?.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

// Owns a whole small world for user stories: the sample mail server, a store, a gateway as configured, and an operator.
import { setTimeout } from 'node:timers/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServing } from '../../../src/worker/runtime.ts';
import { storeOptions } from '../../../src/config/store-settings.ts';
import { configSchema } from '../../../src/config/schema.ts';
import type { Config } from '../../../src/config/schema.ts';
import { openStore } from '../../../src/directory/open-store.ts';
import type { DirectoryStore } from '../../../src/directory/store.ts';
import { deviceKey } from '../../../src/identity/device.ts';
import type { AccessDecision } from '../../../src/model/decision.ts';
import type { Gateway } from '../../../src/gateway/gateway.ts';
import { Phone } from '../../../src/sample/phone/phone.ts';
import type { PhoneOptions } from '../../../src/sample/phone/options.ts';
import { startSampleServer } from '../../../src/sample/server.ts';
import type { SampleServer } from '../../../src/sample/server.ts';
import { watchGateway } from '../checks/leaks.ts';
import { startRedis } from './redis.ts';
import { BY_TEST } from './directory-records.ts';

/** Users alice and bob, with passwords `alice-pw` and `bob-pw`. */
export interface Office {
  readonly mail: SampleServer;
  readonly gateway: Gateway;
  /** The directory through a handle that is not the gateway's: what happens there is news to it. */
  readonly operator: DirectoryStore;
  /** The section `store` of the configuration. */
  readonly store: Config['store'];
  readonly url: string;
  /** Resolves when the gateway has heard of all that `write` changes, and of everything before. */
  heard(write: () => Promise<unknown>): Promise<void>;
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
  heard(write: () => Promise<unknown>): Promise<void>;
  close(): Promise<void>;
}

/** The kinds of store a story is told with. */
export const STORES = ['embedded', 'redis'] as const;
export type StoreKind = (typeof STORES)[number];

/** A change that concerns nobody. */
const MARK: AccessDecision = { action: 'block', owner: 'test', reason: null, decidedAt: 0, expiresAt: null };
let marks = 0;

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
    store:
      redis === null
        ? { kind, path: join(folder, 'directory.db') }
        : { kind, url: redis.url, commandTimeoutMs: 30_000 },
    cache: { lookupTimeoutMs: 30_000 },
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
      heard: async (write) => {
        await write();
        // The log is read in order: who has heard of this one has heard of those before.
        const mark = deviceKey(`MARK${marks++}`);
        const { promise, resolve } = Promise.withResolvers<void>();
        const stop = serving.verdicts.onChange(({ devices, all }) => {
          if (all || devices.has(mark)) resolve();
        });
        await serving.store.decide({ user: null, device: mark }, MARK, BY_TEST);
        await promise;
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
    heard: (write) => first.heard(write),
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

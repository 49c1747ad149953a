// Owns a complete environment for tests from the user's view: the sample mail server, a store, a gateway, and an operator.
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
  /** The directory through another handle than the gateway's, which gets changes by the change log. */
  readonly operator: DirectoryStore;
  /** The section `store` of the configuration. */
  readonly store: Config['store'];
  readonly url: string;
  /** Resolves when the gateway has read all changes of `write`, and everything before. */
  heard(write: () => Promise<unknown>): Promise<void>;
  /** Starts another gateway on the same store, or restarts the gateway. */
  node(): Promise<Node>;
  /** A phone of alice, with the URL unless it has an e-mail address for Autodiscover. */
  phone(options: Pick<PhoneOptions, 'deviceId' | 'family'> & Partial<PhoneOptions>): Phone;
  close(): Promise<void>;
}

/** Another gateway. */
export interface Node {
  readonly gateway: Gateway;
  readonly port: number;
  heard(write: () => Promise<unknown>): Promise<void>;
  close(): Promise<void>;
}

/** The kinds of store for these tests. */
export const STORES = ['embedded', 'redis'] as const;
export type StoreKind = (typeof STORES)[number];

/** A change without effect. */
const MARK: AccessDecision = { action: 'block', owner: 'test', reason: null, decidedAt: 0, expiresAt: null };
let marks = 0;

/** Starts everything; `more` overrides sections of the configuration, `mailServer` configures the mail server. */
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
        // The change log is read in order, so the gateway has also read all earlier changes.
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
        // Pauses (Retry-After, AOSP's 30 seconds after a Sync 12) are shortened.
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

// Owns the promises of TLS to Redis: the server's certificate is checked against the configured authority, and the gateway shows its
// own one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { openStore } from '../../src/directory/open-store.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { RedisTls } from '../../src/directory/redis/redis-connection.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { until } from '../support/checks/until.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { createAuthority } from '../support/servers/certificates.ts';
import type { Authority, Credentials } from '../support/servers/certificates.ts';
import { BY_TEST, alice, decision, deviceReport, phone } from '../support/servers/directory-records.ts';
import { freePort } from '../support/servers/free-port.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

let folder: string;
let redis: TestRedis;
let authority: Authority;
let own: Credentials;
let url: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-tls-'));
  authority = await createAuthority();
  const server = await authority.issue({ names: [{ type: 'ip', value: '127.0.0.1' }] });
  own = await authority.issue({ commonNames: ['gateway'] });
  const expired = await authority.issue({ names: [{ type: 'ip', value: '127.0.0.1' }], expired: true });
  const files = {
    'ca.pem': authority.certificate,
    'server.pem': server.certificate,
    'server.key': server.key,
    'expired.pem': expired.certificate,
    'expired.key': expired.key,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const secure = await freePort();
  redis = await startRedis([
    '--tls-port',
    String(secure),
    '--tls-ca-cert-file',
    join(folder, 'ca.pem'),
    '--tls-cert-file',
    join(folder, 'server.pem'),
    '--tls-key-file',
    join(folder, 'server.key'),
    '--tls-auth-clients',
    'yes',
  ]);
  url = `rediss://127.0.0.1:${secure}/0`;
});
afterAll(async () => {
  await redis.kill();
  rmSync(folder, { recursive: true, force: true });
});

const open = (tls: RedisTls): Promise<RedisStore> =>
  RedisStore.open({ url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000, tls });

it('a walk for threads is over TLS too', async () => {
  const store = await open({ ca: authority.certificate, cert: own.certificate, key: own.key });
  const devices = Array.from({ length: 3_000 }, (_, at) => `phone${at}` as DeviceKey);
  await store.putDevices(devices.map((device) => deviceReport(device)));
  const found: string[] = [];
  for await (const { kind, packed } of store.spread.scan())
    if (kind === 'devices') found.push(...[...store.spread.devices(packed)].flat().map(({ key }) => key));
  expect(found.sort()).toEqual(devices.sort());
  await store.close();
});

it('a store is used over TLS with both certificates', async () => {
  const store = await open({ ca: authority.certificate, cert: own.certificate, key: own.key });
  await store.decide({ device: phone, user: null }, decision('block'), BY_TEST);
  expect((await store.lookup(alice, phone)).deviceDecision?.action).toBe('block');
  await store.close();
});

it('a server of an authority that is not trusted is refused, and the error says so', async () => {
  await expect(open({ cert: own.certificate, key: own.key })).rejects.toThrow(/certificate is not trusted/);
});

it('a gateway without a certificate is refused by the server', async () => {
  await expect(open({ ca: authority.certificate })).rejects.toMatchObject({ code: 'EASGATE_REDIS' });
});

it('a server certificate that expires stops no open connection; a gateway that loses its connection logs once why it gets no other one', async () => {
  const admin = new Redis(redis.url);
  onTestFinished(() => admin.disconnect());
  const use = (name: string): Promise<unknown> =>
    admin.call(
      'CONFIG',
      'SET',
      'tls-cert-file',
      join(folder, `${name}.pem`),
      'tls-key-file',
      join(folder, `${name}.key`),
    );
  const told: unknown[] = [];
  const store = await openStore(
    {
      kind: 'redis',
      url,
      keyPrefix: 'easgate:',
      commandTimeoutMs: 30_000,
      tls: { ca: authority.certificate, cert: own.certificate, key: own.key },
    },
    {
      serves: true,
      onEvent: (_level, { code, cause }) => {
        if (code === 'EASGATE_STORE_CONNECTION') told.push(cause);
      },
    },
  );
  onTestFinished(() => store.close());
  await use('expired');
  onTestFinished(async () => void (await use('server')));
  expect((await store.lookup(alice, phone)).deviceDecision?.action).toBe('block');
  expect(told).toEqual([]);
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until(() => told.length > 0, 'the log entry about the certificate');
  expect(told).toEqual([expect.stringContaining('certificate is not trusted: certificate has expired')]);
  await use('server');
  await until(
    () =>
      store.lookup(alice, phone).then(
        () => true,
        () => false,
      ),
    'the directory to answer again',
  );
  expect(told).toHaveLength(1);
});

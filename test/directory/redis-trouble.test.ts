// Owns the promise that the error for an unusable Redis names the cause, comes at once and never contains the password.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../src/directory/open-store.ts';
import { createAuthority } from '../support/servers/certificates.ts';
import { freePort } from '../support/servers/free-port.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { initDirectory, startRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { untilListening } from '../support/checks/until-listening.ts';

checkLeaks();

let folder = '';
let plain: TestRedis;
const children: ChildProcess[] = [];
const servers: Server[] = [];
const ports = { guarded: 0, secure: 0, http: 0, banner: 0, closing: 0, silent: 0, nobody: 0 };

async function redis(...args: string[]): Promise<void> {
  const child = spawn('redis-server', ['--save', '', '--bind', '127.0.0.1', ...args], { stdio: 'ignore' });
  children.push(child);
}

async function serve(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-redis-'));
  const issued = await (await createAuthority()).issue({ names: [{ type: 'ip', value: '127.0.0.1' }] });
  writeFileSync(join(folder, 'own.pem'), issued.certificate);
  writeFileSync(join(folder, 'own.key'), issued.key);
  plain = await startRedis();
  [ports.guarded, ports.secure, ports.nobody] = [await freePort(), await freePort(), await freePort()];
  await redis('--port', String(ports.guarded), '--requirepass', 'right');
  const tls = ['--tls-cert-file', join(folder, 'own.pem'), '--tls-key-file', join(folder, 'own.key')];
  await redis('--port', '0', '--tls-port', String(ports.secure), '--tls-auth-clients', 'no', ...tls);
  ports.http = await serve(createHttpServer((_request, response) => response.end('hello')));
  ports.banner = await serve(
    createServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .write('220 mail\r\n'),
    ),
  );
  ports.closing = await serve(createServer((socket) => socket.on('error', () => undefined).destroy()));
  ports.silent = await serve(createServer((socket) => socket.on('error', () => undefined).resume()));
  await untilListening(ports.guarded);
  await untilListening(ports.secure);
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const server of servers) server.close();
  await plain.kill();
  rmSync(folder, { recursive: true });
});

const opened = (url: string) =>
  openStore({ kind: 'redis', url, keyPrefix: 'easgate:', commandTimeoutMs: 1_000 });

describe('a Redis that cannot be used', () => {
  it.each<[string, () => string, RegExp]>([
    ['nobody listens', () => `redis://127.0.0.1:${ports.nobody}`, /nothing listens there/],
    ['the host has no address', () => 'redis://nowhere.invalid', /no address/],
    ['the password is missing', () => `redis://127.0.0.1:${ports.guarded}`, /requires a password/],
    [
      'the password is wrong',
      () => `redis://:hunter2@127.0.0.1:${ports.guarded}`,
      /refuses the user or the password/,
    ],
    [
      'the user is wrong',
      () => `redis://me:hunter2@127.0.0.1:${ports.guarded}`,
      /refuses the user or the password/,
    ],
    [
      'TLS is spoken to a Redis without',
      () => `rediss://127.0.0.1:${plain.port}`,
      /does not use TLS: use redis:/,
    ],
    ['TLS is spoken to something else without', () => `rediss://127.0.0.1:${ports.http}`, /does not use TLS/],
    ['TLS is wanted', () => `redis://127.0.0.1:${ports.secure}`, /requires TLS.*rediss:/],
    [
      'its certificate is nobody known',
      () => `rediss://127.0.0.1:${ports.secure}`,
      /certificate is not trusted/,
    ],
    ['a web server answers', () => `redis://127.0.0.1:${ports.http}`, /is not Redis/],
    ['a mail server answers', () => `redis://127.0.0.1:${ports.banner}`, /is not Redis/],
    ['the connection is closed', () => `redis://127.0.0.1:${ports.closing}`, /closes the connection at once/],
    ['nothing answers', () => `redis://127.0.0.1:${ports.silent}`, /no answer/],
    ['there is no such database', () => `redis://127.0.0.1:${plain.port}/99`, /no database of this number/],
  ])('says that %s', async (_what, url, words) => {
    const error: unknown = await opened(url()).then(
      (store) => store.close(),
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'EASGATE_REDIS', message: expect.stringMatching(words) });
    expect(String(error)).not.toContain('hunter2');
  });

  it('opens with the right password', async () => {
    const url = `redis://:right@127.0.0.1:${ports.guarded}`;
    await initDirectory(url);
    const store = await opened(url);
    await store.close();
  });
});

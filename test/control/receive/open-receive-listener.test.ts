// Owns the promises of the listener for deliveries as a configuration opens it: TLS, and certificates that are renewed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';
import { openReceiveListener } from '../../../src/control/receive/open-receive-listener.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';
import { createAuthority } from '../../support/servers/certificates.ts';
import type { Credentials } from '../../support/servers/certificates.ts';
import { TOKEN } from '../../support/servers/receiver.ts';

checkLeaks();

interface Opened {
  readonly port: number;
  readonly folder: string;
  readonly said: string[];
}

async function openWith({ certificate, key }: Credentials): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-receive-tls-'));
  put(folder, { certificate, key });
  const config = parseConfig(
    `store: { kind: embedded, path: directory.db }
receive: { listen: 127.0.0.1:0, tls: { certificate: tls.crt, key: tls.key } }
feeds: [{ name: own, kind: push, tokens: [${TOKEN}] }]
`,
    join(folder, 'easgate.yaml'),
  );
  const said: string[] = [];
  const say = (_facts: unknown, text: string): void => void said.push(text);
  const receiver = openReceiveListener(config, { info: say, warn: say, error: say } as never, () => null, () => null); // prettier-ignore
  onTestFinished(async () => {
    await receiver?.close();
    rmSync(folder, { recursive: true });
  });
  await until(() => (receiver?.port ?? null) !== null, 'the listener');
  return { port: receiver?.port ?? 0, folder, said };
}

function put(folder: string, { certificate, key }: Credentials): void {
  writeFileSync(join(folder, 'tls.crt'), certificate);
  writeFileSync(join(folder, 'tls.key'), key);
}

/** A connection, and the number of the certificate that it got. */
async function connected(port: number, ca: string): Promise<{ socket: TLSSocket; serial: string }> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca });
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve).once('error', reject);
  });
  return { socket, serial: socket.getPeerCertificate().serialNumber };
}

function asked(socket: TLSSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('data', (data: Buffer) => resolve(data.toString('latin1'))).once('error', reject);
    socket.write('GET /receive HTTP/1.1\r\nHost: localhost\r\n\r\n');
  });
}

it('a certificate that is renewed on disk is used for new connections, without a reload; open ones go on', async () => {
  const authority = await createAuthority('senders');
  const [first, second] = await Promise.all([1, 2].map(() => authority.issue({ names: [{ type: 'dns', value: 'localhost' }] }))) as [Credentials, Credentials]; // prettier-ignore
  const { port, folder, said } = await openWith(first);
  const before = await connected(port, authority.certificate);
  expect(await asked(before.socket)).toContain('HTTP/1.1 503');
  put(folder, second);
  let renewed = '';
  await until(async () => {
    const { socket, serial } = await connected(port, authority.certificate);
    socket.destroy();
    renewed = serial;
    return serial !== before.serial;
  }, 'the new certificate');
  expect(said).toContain('a new certificate for senders was loaded from disk');
  expect(renewed).not.toBe('');
  expect(await asked(before.socket)).toContain('HTTP/1.1 503');
});

it('a certificate that does not fit its key changes nothing, and that is said', async () => {
  const authority = await createAuthority('senders');
  const [first, second] = await Promise.all([1, 2].map(() => authority.issue({ names: [{ type: 'dns', value: 'localhost' }] }))) as [Credentials, Credentials]; // prettier-ignore
  const { port, folder, said } = await openWith(first);
  const before = await connected(port, authority.certificate);
  writeFileSync(join(folder, 'tls.crt'), second.certificate);
  await until(() => said.some((text) => text.includes('could not be loaded')), 'the message');
  expect((await connected(port, authority.certificate)).serial).toBe(before.serial);
});

it('plain HTTP, and TLS before version 1.2, get no answer', async () => {
  const authority = await createAuthority('senders');
  const { port } = await openWith(await authority.issue({ names: [{ type: 'dns', value: 'localhost' }] }));
  await expect(fetch(`http://127.0.0.1:${port}/receive`)).rejects.toThrow();
  const old = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.certificate, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }); // prettier-ignore
  await expect(
    new Promise((resolve, reject) => {
      old.once('secureConnect', resolve).once('error', reject);
    }),
  ).rejects.toThrow();
  old.destroy();
});

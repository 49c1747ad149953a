// Owns the promise that TLS sessions are resumed after a restart and by other nodes, by the secret in the directory.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServing } from '../../src/worker/runtime.ts';
import type { Serving } from '../../src/worker/runtime.ts';
import { parseConfig } from '../../src/config/load.ts';
import { createAuthority } from '../support/servers/certificates.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { ok, startRawBackend } from '../support/servers/raw-backend.ts';
import type { RawBackend } from '../support/servers/raw-backend.ts';
import { resumes, sessionOf } from '../support/phones/tls-phone.ts';

checkLeaks();

let folder = '';
let backend: RawBackend;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-tickets-'));
  const { certificate, key } = await (await createAuthority()).issue({});
  writeFileSync(join(folder, 'tls.pem'), certificate);
  writeFileSync(join(folder, 'tls.key'), key);
  backend = await startRawBackend(({ connection }) => connection.socket.write(ok()));
});
afterAll(async () => {
  await backend.close();
  rmSync(folder, { recursive: true });
});

/** A gateway as a worker starts it; `database` is its directory. */
function start(database: string, secret = ''): Promise<Serving> {
  const text = `
listen: { address: 127.0.0.1, port: 0, tls: { certificates: [{ certificate: tls.pem, key: tls.key }]${secret} } }
upstream: { url: "http://127.0.0.1:${backend.port}" }
policy: { unknownDevice: allow }
store: { kind: embedded, path: ${database} }
log: { level: silent }
`;
  return startServing(parseConfig(text, join(folder, 'easgate.yaml')), { sampleUrl: null, fd: null });
}

async function stop(serving: Serving): Promise<void> {
  await serving.gateway.close();
  await serving.close();
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('a session of %s', (version) => {
  const only = { minVersion: version, maxVersion: version };

  /** Whether a session of the first gateway is resumed by the second one after the first has closed. */
  async function carries(first: Promise<Serving>, second: () => Promise<Serving>): Promise<boolean> {
    const before = await first;
    const session = await sessionOf(before.gateway.port, only);
    await stop(before);
    const after = await second();
    try {
      return await resumes(after.gateway.port, session, only);
    } finally {
      await stop(after);
    }
  }

  it('is resumed after a restart', async () => {
    expect(await carries(start('one.db'), () => start('one.db'))).toBe(true);
  });

  it('is not resumed by a gateway with another directory', async () => {
    expect(await carries(start('one.db'), () => start('two.db'))).toBe(false);
  });

  it('is resumed by a gateway with another directory and the same ticketSecret', async () => {
    const secret = `, ticketSecret: ${'a'.repeat(32)}`;
    expect(await carries(start('one.db', secret), () => start('two.db', secret))).toBe(true);
  });

  it('is not resumed by a gateway with another ticketSecret', async () => {
    const other = `, ticketSecret: ${'b'.repeat(32)}`;
    expect(await carries(start('one.db'), () => start('one.db', other))).toBe(false);
  });
});

// Owns the promise that a certificate which ends while the gateway runs is logged: once a day, until it is renewed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { CertificateKeeper } from '../../src/cli/certificate-keeper.ts';
import { parseConfig } from '../../src/config/load.ts';
import { createAuthority } from '../support/servers/certificates.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const HOUR_MS = 3_600_000;

it('a certificate that ends soon, and then has ended, is logged at the start and once a day', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-keeper-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { certificate, key } = await (await createAuthority()).issue({});
  writeFileSync(join(folder, 'tls.crt'), certificate);
  writeFileSync(join(folder, 'tls.key'), key);
  const path = join(folder, 'easgate.yaml');
  const config = parseConfig(
    'listen: { port: 0, tls: { certificates: [{ certificate: tls.crt, key: tls.key }] } }\nupstream: { url: sample }\n',
    path,
  );
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const lines: unknown[] = [];
  const keeper = new CertificateKeeper(
    config,
    (level, facts) => {
      const { code, place } = facts as { readonly code: string; readonly place: string };
      lines.push([level, code, place]);
    },
    () => undefined,
  );
  onTestFinished(() => keeper.close());
  const line = (level: string): unknown[] => [
    level,
    'EASGATE_CERTIFICATE_CHECK',
    'listen.tls.certificates.0.certificate',
  ];

  keeper.check();
  expect(lines).toEqual([line('warn')]);
  vi.advanceTimersByTime(23 * HOUR_MS);
  expect(lines).toHaveLength(1);
  vi.setSystemTime(Date.now() + 100 * 24 * HOUR_MS);
  vi.advanceTimersByTime(HOUR_MS);
  expect(lines).toEqual([line('warn'), line('error')]);
  vi.advanceTimersByTime(24 * HOUR_MS);
  expect(lines).toHaveLength(3);
  // A check for another reason, such as a reload, begins a new day.
  vi.advanceTimersByTime(12 * HOUR_MS);
  keeper.check(config);
  vi.advanceTimersByTime(23 * HOUR_MS);
  expect(lines).toHaveLength(4);
  keeper.close();
  vi.advanceTimersByTime(48 * HOUR_MS);
  expect(lines).toHaveLength(4);
});

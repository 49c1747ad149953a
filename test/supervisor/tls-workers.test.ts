// Owns the promises of TLS with several processes: sessions that every worker and the next start resume, certificates and
// authorities read from disk without a reload, and a reload with held polls.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startSampleServer } from '../../src/sample/server.ts';
import { createAuthority } from '../support/servers/certificates.ts';
import type { Authority, Credentials } from '../support/servers/certificates.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import type { GatewayProcess } from '../support/servers/gateway-process.ts';
import { HeldPolls } from '../support/phones/held-polls.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { holdersOf } from '../support/checks/socket-holders.ts';
import { TlsPhone, refusal, resumes, sessionOf } from '../support/phones/tls-phone.ts';
import { eventually, until } from '../support/checks/until.ts';

checkLeaks();

const SECRET = 'five times a secret of the tests, long enough';

function config(upstream: string, clients: boolean): string {
  const asked = clients ? ', clientCertificate: { ca: clients.crt, required: true }' : '';
  return `
listen:
  address: 127.0.0.1
  port: 0
  tls: { certificates: [{ certificate: tls.crt, key: tls.key }], ticketSecret: '${SECRET}'${asked} }
workers: { count: 2, drainSeconds: 120, pollWindowSeconds: 1, pidFile: easgate.pid }
upstream: { url: '${upstream}' }
policy: { unknownDevice: allow }
log: { access: false }
`;
}

async function startMail(): Promise<Awaited<ReturnType<typeof startSampleServer>>> {
  const mail = await startSampleServer({ users: [{ name: 'alice', password: 'secret' }] });
  onTestFinished(() => mail.close());
  return mail;
}

const named = (authority: Authority, host: string): Promise<Credentials> =>
  authority.issue({ names: [{ type: 'dns', value: host }] });

async function start(
  upstream: string,
  own: Credentials,
  clients: Authority | null = null,
): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess(config(upstream, clients !== null), {
    'tls.crt': own.certificate,
    'tls.key': own.key,
    ...(clients !== null && { 'clients.crt': clients.certificate }),
  });
  onTestFinished(async () => {
    if (gateway.child.exitCode === null) await gateway.stop();
  });
  return gateway;
}

/** Replaces a file as tools do: writes a new one and renames it. */
function replaceFile(gateway: GatewayProcess, name: string, text: string): void {
  writeFileSync(join(gateway.folder, 'next'), text);
  renameSync(join(gateway.folder, 'next'), join(gateway.folder, name));
}

/** Connects with the session until each process has served; returns whether each of them resumed it. */
async function resumedBy(gateway: GatewayProcess, session: Buffer): Promise<ReadonlyMap<number, boolean>> {
  const resumed = new Map<number, boolean>();
  const pids = gateway.workers();
  while (resumed.size < pids.length) {
    const phone = await TlsPhone.connect(gateway.port, { session });
    expect(await phone.sync()).toBe(200);
    const pid = holdersOf(gateway.port, pids).get(phone.socket.localPort ?? 0) ?? 0;
    resumed.set(pid, (resumed.get(pid) ?? true) && phone.socket.isSessionReused());
    phone.destroy();
  }
  return resumed;
}

async function shownBy(gateway: GatewayProcess): Promise<string | undefined> {
  const phone = await TlsPhone.connect(gateway.port);
  const { shown } = phone;
  phone.destroy();
  return shown;
}

describe('workers with TLS', () => {
  it('resume sessions of each other, of workers before a reload, and of a gateway before a restart', async () => {
    const mail = await startMail();
    const own = await named(await createAuthority(), 'mail.example.com');
    const gateway = await start(mail.url, own);
    const session = await sessionOf(gateway.port);
    const old = gateway.workers();
    expect(await resumedBy(gateway, session)).toEqual(new Map(old.map((pid) => [pid, true])));

    gateway.child.kill('SIGHUP');
    await until(() => gateway.out().includes('EASGATE_RELOADED'), 'the reload');
    await until(() => gateway.workers().every((pid) => !old.includes(pid)), 'the old ones to leave');
    expect(await resumedBy(gateway, session)).toEqual(new Map(gateway.workers().map((pid) => [pid, true])));

    await gateway.stop();
    const restarted = await start(mail.url, own);
    expect(await resumes(restarted.port, session)).toBe(true);
  });

  it('use a certificate that was replaced on disk, without a reload and without ending a held poll', async () => {
    const mail = await startMail();
    const authority = await createAuthority();
    const gateway = await start(mail.url, await named(authority, 'old.example.com'));
    const crowd = await HeldPolls.open(gateway.port, 16, true);
    onTestFinished(() => crowd.destroy());
    await until(() => mail.held() === 16, 'all polls at the mail server');
    expect(await shownBy(gateway)).toBe('DNS:old.example.com');

    const next = await named(authority, 'new.example.com');
    const old = gateway.workers();
    replaceFile(gateway, 'tls.crt', next.certificate);
    replaceFile(gateway, 'tls.key', next.key);
    await until(() => gateway.out().includes('EASGATE_CERTIFICATES'), 'the change to be noticed');
    // Both workers are notified; each applies the change in its own time.
    let shown = 0;
    const again = async (): Promise<number> =>
      (shown = (await shownBy(gateway)) === 'DNS:new.example.com' ? shown + 1 : 0);
    await eventually(again, (times) => times === 20, 'the new certificate');
    expect([gateway.workers(), crowd.held, mail.held()]).toEqual([old, 16, 16]);

    gateway.child.kill('SIGHUP');
    await until(() => crowd.polls.every(({ closed }) => closed !== null), 'the end of all polls');
    expect(crowd.cut()).toEqual([]);
    expect(await shownBy(gateway)).toBe('DNS:new.example.com');
  });

  it('trust client authorities that were replaced on disk, and no longer the old ones', async () => {
    const mail = await startMail();
    const [first, second] = [await createAuthority(), await createAuthority()];
    const phoneOf = async (authority: Authority): Promise<ConnectionOptions> => {
      const { certificate, key } = await authority.issue({ names: [{ type: 'upn', value: 'alice' }] });
      return { cert: certificate, key };
    };
    const gateway = await start(mail.url, await named(first, 'mail.example.com'), first);
    const known = await phoneOf(first);
    const served = await TlsPhone.connect(gateway.port, known);
    expect(await served.sync()).toBe(200);

    replaceFile(gateway, 'clients.crt', 'no certificate at all');
    await until(() => gateway.out().includes('needs certificates in PEM'), 'the refusal');
    const still = await TlsPhone.connect(gateway.port, known);
    expect(await still.sync()).toBe(200);
    still.destroy();

    replaceFile(gateway, 'clients.crt', second.certificate);
    await until(() => gateway.out().includes('new certificates were loaded from disk'), 'the change');
    const fresh = await phoneOf(second);
    const attempt = async (options: ConnectionOptions): Promise<boolean> => {
      const phone = await TlsPhone.connect(gateway.port, options).catch(() => null);
      const passed = phone !== null && (await phone.sync().catch(() => 0)) === 200;
      phone?.destroy();
      return passed;
    };
    let passed = 0;
    const again = async (): Promise<number> => (passed = (await attempt(fresh)) ? passed + 1 : 0);
    await eventually(again, (times) => times === 20, 'the new authority');
    await refusal(gateway.port, known);
    expect(await served.sync()).toBe(200);
    served.destroy();
  });
});

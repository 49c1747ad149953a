// Owns an OpenLDAP server for tests: slapd on its own port, with its own folder and StartTLS.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SERVER_CERTIFICATE, SERVER_KEY } from '../../fixtures/tls.ts';
import { eventually } from '../checks/until.ts';
import { freePort } from './free-port.ts';

/** The suffix of the tests' directory. */
export const SUFFIX = 'dc=example,dc=com';
/** The account that may read and change everything. */
export const MANAGER = { dn: `cn=manager,${SUFFIX}`, password: 'manager-password' };

/** An account that gets a hundred entries, all pages together, as every account does where slapd.conf has no `limits`. */
export const LIMITED_DN = `cn=limited,${SUFFIX}`;

/** A running slapd. */
export interface TestSlapd {
  /** Its address without TLS, for localhost: StartTLS is offered. */
  readonly url: string;
  /** Its address with TLS from the first byte. */
  readonly tlsUrl: string;
  /** PEM file of the authority for its certificate. */
  readonly ca: string;
  /** Applies LDIF of changes (changetype) or new entries, like ldapmodify. */
  change(ldif: string): void;
  /** Stops and continues the process: connections stay open, nothing answers. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/**
 * Starts slapd with entries in LDIF. `limit`: most entries without paging; `maxBytes`: largest size of its data. No limit holds for
 * {@link MANAGER}.
 */
export async function startSlapd(
  ldif: string | Iterable<string>,
  { limit = 500, maxBytes = 268_435_456 } = {},
): Promise<TestSlapd> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-slapd-'));
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, SERVER_CERTIFICATE);
  writeFileSync(join(folder, 'key.pem'), SERVER_KEY, { mode: 0o600 });
  mkdirSync(join(folder, 'db'));
  const settings = join(folder, 'slapd.conf');
  writeFileSync(settings, configuration(folder, limit, maxBytes));
  const load = join(folder, 'load.ldif');
  writeFileSync(load, `${SUFFIX_ENTRIES}\n`);
  for (const part of typeof ldif === 'string' ? [ldif] : ldif) appendFileSync(load, part);
  const added = spawnSync('slapadd', ['-q', '-f', settings, '-l', load], { encoding: 'utf8' });
  if (added.status !== 0) throw new Error(`slapadd: ${added.error?.message ?? added.stderr}`);
  const [port, tlsPort] = [await freePort(), await freePort()];
  const addresses = `ldap://127.0.0.1:${String(port)} ldaps://127.0.0.1:${String(tlsPort)}`;
  const child = spawn('slapd', ['-h', addresses, '-f', settings, '-d', '0'], {
    stdio: 'ignore',
  });
  let failure: Error | null = null;
  child.once('error', (error) => (failure = error));
  child.once('exit', (code) => (failure ??= new Error(`slapd ended with ${String(code)}`)));
  await eventually(
    () => accepts(port),
    (yes) => yes || failure !== null,
    'slapd to listen',
  );
  if (failure !== null) throw failure;
  return {
    url: `ldap://localhost:${String(port)}`,
    tlsUrl: `ldaps://localhost:${String(tlsPort)}`,
    ca,
    change: (changes) => {
      const tool = ['-x', '-H', `ldap://127.0.0.1:${String(port)}`, '-D', MANAGER.dn, '-w', MANAGER.password];
      const done = spawnSync('ldapmodify', [...tool, '-a'], { input: changes, encoding: 'utf8' });
      if (done.status !== 0) throw new Error(`ldapmodify: ${done.error?.message ?? done.stderr}`);
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    stop: async () => {
      await stop(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const SUFFIX_ENTRIES = `dn: ${SUFFIX}
objectClass: domain
dc: example

dn: ou=people,${SUFFIX}
objectClass: organizationalUnit
ou: people

dn: ou=groups,${SUFFIX}
objectClass: organizationalUnit
ou: groups
`;

function configuration(folder: string, limit: number, maxBytes: number): string {
  const schemas = ['core', 'cosine', 'inetorgperson'];
  return `${schemas.map((name) => `include /etc/ldap/schema/${name}.schema`).join('\n')}
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile ${folder}/slapd.pid
argsfile ${folder}/slapd.args
TLSCACertificateFile ${folder}/ca.pem
TLSCertificateFile ${folder}/ca.pem
TLSCertificateKeyFile ${folder}/key.pem
sizelimit size.soft=${String(limit)} size.hard=${String(limit)} size.prtotal=unlimited
database mdb
maxsize ${String(maxBytes)}
suffix "${SUFFIX}"
rootdn "${MANAGER.dn}"
rootpw ${MANAGER.password}
limits dn.exact="${LIMITED_DN}" size.soft=100 size.hard=100 size.prtotal=hard
directory ${folder}/db
index objectClass eq
index modifyTimestamp eq
`;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

// Owns the promises of client certificates: who is accepted, the user a certificate names, and the header for the mail server.
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ConnectionOptions } from 'node:tls';
import type { ClientCertificateSettings } from '../../../src/gateway/settings.ts';
import { createAuthority, createSelfSigned } from '../../support/servers/certificates.ts';
import type { Authority, Credentials, LeafFacts } from '../../support/servers/certificates.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request } from '../../support/servers/test-gateway.ts';
import type { TestGateway } from '../../support/servers/test-gateway.ts';
import {
  TlsPhone,
  isRenewed,
  listenerTls,
  refusal,
  resumes,
  sessionOf,
} from '../../support/phones/tls-phone.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { backendOf, gatewayOf } from '../../support/servers/openings.ts';

checkLeaks();

const HEADER = 'X-Client-User';

let authority: Authority;
let gatewayCertificate: Credentials;
/** A phone of alice; {@link request} has alice's credentials too. */
let alice: ConnectionOptions;

beforeAll(async () => {
  authority = await createAuthority();
  gatewayCertificate = await authority.issue({ names: [{ type: 'dns', value: 'mail.example.com' }] });
  alice = await phoneOf({ names: [{ type: 'upn', value: 'alice' }] });
});

afterEach(async () => {
  vi.restoreAllMocks();
});

async function phoneOf(facts: LeafFacts, issuer = authority): Promise<ConnectionOptions> {
  return presented(await issuer.issue(facts));
}

function presented({ certificate, key }: Credentials): ConnectionOptions {
  return { cert: certificate, key };
}

async function start(
  overrides: Partial<ClientCertificateSettings> = {},
): Promise<TestGateway & { readonly backend: RawBackend }> {
  const backend = await backendOf(({ connection }) => connection.socket.write(ok()));
  const clientCertificate = {
    ca: authority.certificate,
    required: false,
    user: 'upn',
    forwardHeader: HEADER,
    ...overrides,
  } as const;
  const tls = listenerTls([gatewayCertificate], { clientCertificate });
  return { ...(await gatewayOf(backend, { listen: { tls } })), backend };
}

/** The values of the forwarded header, in any spelling a mail server might take for it. */
function told(seen: BackendRequest | undefined): string[] {
  const lines = seen?.headers ?? [];
  return lines
    .filter(([name]) => name.toLowerCase().replaceAll(/[^a-z]/g, '') === 'xclientuser')
    .map(([, value]) => value);
}

/** FolderSync without Authorization: the certificate is the only credential. */
const BARE = request('FolderSync', FOLDER_SYNC).replace(/Authorization: .*\r\n/, '');

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s a gateway', (version) => {
  const only = { minVersion: version, maxVersion: version };

  it('that requires certificates serves a phone with one', async () => {
    const { port } = await start({ required: true });
    const phone = await TlsPhone.connect(port, { ...alice, ...only });
    expect(await phone.sync()).toBe(200);
    phone.destroy();
  });

  it('that requires certificates refuses a phone without one, and logs why', async () => {
    const { port } = await start({ required: true });
    const alert = version === 'TLSv1.3' ? 'TLSV13_ALERT_CERTIFICATE_REQUIRED' : 'ALERT_HANDSHAKE_FAILURE';
    expect(await refusal(port, only)).toContain(alert);
  });

  it('that does not require them serves a phone without one', async () => {
    const { port } = await start();
    const phone = await TlsPhone.connect(port, only);
    expect(await phone.sync()).toBe(200);
    phone.destroy();
  });

  it.each([true, false])('refuses untrusted certificates (required: %s)', async (required) => {
    const facts: LeafFacts = { names: [{ type: 'upn', value: 'alice' }] };
    const { port, backend } = await start({ required });
    await refusal(port, { ...only, ...(await phoneOf(facts, await createAuthority())) });
    await refusal(port, { ...only, ...presented(await createSelfSigned([{ type: 'upn', value: 'alice' }])) });
    await refusal(port, { ...only, ...(await phoneOf({ ...facts, expired: true })) });
    expect(backend.accepted).toHaveLength(0);
  });

  it('knows the user of a resumed session', async () => {
    const { port, backend } = await start({ required: true });
    const session = await sessionOf(port, { ...alice, ...only });
    expect(await resumes(port, session, { ...alice, ...only })).toBe(true);
    expect(told(backend.requests[0])).toEqual(['alice']);
  });

  it('limits the age of a session: after a key rotation it is resumed but not renewed', async () => {
    const { port } = await start({ required: true });
    const session = await sessionOf(port, { ...alice, ...only });
    expect(await isRenewed(port, session, { ...alice, ...only })).toBe(false);
    const { now } = Date;
    vi.spyOn(Date, 'now').mockImplementation(() => now() + 86_400_000);
    expect(await isRenewed(port, session, { ...alice, ...only })).toBe(false);
  });

  it('trusts new authorities without a restart, keeps its connections, and resumes no session of the old ones', async () => {
    const gateway = await start({ required: true });
    const { port } = gateway;
    const phone = await TlsPhone.connect(port, { ...alice, ...only });
    const session = await sessionOf(port, { ...alice, ...only });
    const next = await createAuthority();
    gateway.reloadCertificates([gatewayCertificate], next.certificate);
    await refusal(port, { ...alice, ...only });
    await refusal(port, { ...alice, ...only, session });
    const facts: LeafFacts = { names: [{ type: 'upn', value: 'alice' }] };
    const other = await TlsPhone.connect(port, { ...(await phoneOf(facts, next)), ...only });
    expect(await other.sync()).toBe(200);
    expect(await phone.sync()).toBe(200);
    phone.destroy();
    other.destroy();
  });

  it('keeps its authorities when new certificates cannot be used', async () => {
    const gateway = await start({ required: true });
    const next = await createAuthority();
    const broken = { certificate: gatewayCertificate.certificate, key: (await next.issue({})).key };
    expect(() => gateway.reloadCertificates([broken], next.certificate)).toThrow(/key/);
    const phone = await TlsPhone.connect(gateway.port, { ...alice, ...only });
    expect(await phone.sync()).toBe(200);
    phone.destroy();
  });

  it('does not resume a session of a gateway that trusts other authorities', async () => {
    const before = await start({ required: true });
    const after = await start({ required: true, ca: (await createAuthority()).certificate });
    const session = await sessionOf(before.port, { ...alice, ...only });
    await refusal(after.port, { ...alice, ...only, session });
    expect(after.backend.accepted).toHaveLength(0);
  });

  it('does not treat a session that began without a certificate as one with a certificate', async () => {
    const { port } = await start({ required: true });
    const open = await start({ required: false });
    const session = await sessionOf(open.port, only);
    await refusal(port, { ...only, session });
  });
});

describe('the user of a certificate', () => {
  const names = [
    { type: 'email', value: 'mail@example.com' },
    { type: 'upn', value: 'Principal@Example.com' },
    { type: 'dns', value: 'phone.example.com' },
  ] as const;
  const places = [
    ['upn', 'principal@example.com'],
    ['email', 'mail@example.com'],
    ['commonName', 'common'],
  ] as const;

  it.each(places)('is read from its %s', async (user, expected) => {
    const { port, backend } = await start({ user });
    const phone = await TlsPhone.connect(port, await phoneOf({ commonNames: ['common'], names: [...names] }));
    phone.send(BARE.replace('User=alice', `User=${encodeURIComponent(expected)}`));
    expect((await phone.response()).status).toBe(200);
    expect(told(backend.requests[0])).toEqual([expected]);
    phone.destroy();
  });

  const nobody: [string, ClientCertificateSettings['user'], LeafFacts][] = [
    ['there is no UPN', 'upn', { commonNames: ['alice'], names: [{ type: 'email', value: 'alice' }] }],
    ['there is no e-mail', 'email', { commonNames: ['alice'], names: [{ type: 'upn', value: 'alice' }] }],
    ['there are no alternative names', 'upn', { commonNames: ['alice'] }],
    [
      'there are two UPNs',
      'upn',
      {
        names: [
          { type: 'upn', value: 'alice' },
          { type: 'upn', value: 'bob' },
        ],
      },
    ],
    ['there are two CNs', 'commonName', { commonNames: ['alice', 'bob'] }],
    ['the CN breaks the line', 'commonName', { commonNames: ['x\nCN=alice'] }],
    ['the UPN hides another', 'upn', { names: [{ type: 'upn', value: 'bob, othername:UPN:alice' }] }],
    ['the DNS name hides a UPN', 'upn', { names: [{ type: 'dns', value: 'x, othername:UPN:alice' }] }],
    ['the UPN asks for impersonation', 'upn', { names: [{ type: 'upn', value: 'alice#bob' }] }],
    ['the UPN holds a line break', 'upn', { names: [{ type: 'upn', value: 'alice\r\nX-Evil: 1' }] }],
  ];

  it.each(nobody)('is missing, and the connection refused, when %s', async (_what, user, facts) => {
    const gateway = await start({ user });
    await refusal(gateway.port, await phoneOf(facts));
    expect(gateway.backend.accepted).toHaveLength(0);
    expect(gateway.counters().rejectedConnections).toBe(1);
    expect(gateway.trouble).toEqual([
      { code: 'EASGATE_CLIENT_CERTIFICATE', connections: 1, client: '127.0.0.1' },
    ]);
  });

  it('must equal the user of Authorization', async () => {
    const gateway = await start();
    const phone = await TlsPhone.connect(
      gateway.port,
      await phoneOf({ names: [{ type: 'upn', value: 'bob' }] }),
    );
    expect(await phone.sync()).toBe(403);
    expect(gateway.finished[0]?.error).toBe('EASGATE_USER_MISMATCH');
    expect(gateway.backend.accepted).toHaveLength(0);
    phone.destroy();
  });

  it('must equal the user of the query', async () => {
    const gateway = await start();
    const phone = await TlsPhone.connect(gateway.port, alice);
    phone.send(BARE.replace('User=alice', 'User=bob'));
    expect((await phone.response()).status).toBe(403);
    expect(gateway.finished[0]?.error).toBe('EASGATE_USER_MISMATCH');
    phone.destroy();
  });
});

describe('the header that carries the user', () => {
  const spellings = [HEADER, HEADER.toLowerCase(), HEADER.toUpperCase()];
  const credentials = [
    ['with a certificate', () => alice, ['alice']],
    ['without a certificate', () => ({}), []],
  ] as const;

  it.each(credentials)('is set only by the gateway: %s', async (_what, options, expected) => {
    const { port, backend } = await start();
    const phone = await TlsPhone.connect(port, options());
    for (const name of spellings) {
      expect(await phone.sync([`${name}: bob`])).toBe(200);
      expect(await phone.sync([`${name}:bob`, 'X-Other: kept', `${name}:\tbob`])).toBe(200);
      expect(await phone.sync([`Connection: ${name}`, `${name}: bob`])).toBe(200);
    }
    expect(backend.requests.map(told)).toEqual(backend.requests.map(() => expected));
    expect(backend.requests).toHaveLength(9);
    expect(backend.requests[1]?.header('X-Other')).toBe('kept');
    phone.destroy();
  });

  const tricks = [
    'X_Client_User: bob',
    'X-Client_User: bob',
    'X-Client-User : bob',
    'X-Client-User\t: bob',
    ' X-Client-User: bob',
    'X-Other: a\nX-Client-User: bob',
    'X-Other: a\r\n X-Client-User: bob',
    'X-Other: a\rX-Client-User: bob',
    'X.Client.User: bob',
  ];

  it.each(tricks)('cannot be injected as %j', async (line) => {
    const { port, backend } = await start();
    const phone = await TlsPhone.connect(port, alice);
    expect(await phone.sync([line])).toBe(400);
    expect(backend.accepted).toHaveLength(0);
    phone.destroy();
  });

  it('is not sent unless configured', async () => {
    const { port, backend } = await start({ forwardHeader: null });
    const phone = await TlsPhone.connect(port, alice);
    expect(await phone.sync()).toBe(200);
    expect(told(backend.requests[0])).toEqual([]);
    phone.destroy();
  });

  it('is not part of the request for a challenge, nor is any identity header of the phone', async () => {
    const { port, backend } = await start();
    const phone = await TlsPhone.connect(port);
    phone.send(BARE.replace('Host:', `${HEADER}: bob\r\nHost:`));
    await until(() => backend.requests.length === 1, 'the challenge');
    expect(told(backend.requests[0])).toEqual([]);
    phone.destroy();
  });
});

// Owns the promises of the LDAP feed about what Active Directory does and OpenLDAP does not, against a small double.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { FeedPart, GoneRecord } from '../../../src/feeds/contract.ts';
import { ldapFeed } from '../../../src/feeds/ldap/read-ldap.ts';
import { ldapFields } from '../../../src/feeds/ldap/settings.ts';
import type { UserLine } from '../../../src/feeds/record.ts';
import { startActiveDirectory } from '../../support/servers/active-directory.ts';
import type { AdDouble, AdEntry } from '../../support/servers/active-directory.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

const BASE = 'DC=corp,DC=example,DC=com';
const CONFIGURATION = 'CN=Configuration,DC=corp,DC=example,DC=com';
const SERVICE = `CN=NTDS Settings,CN=DC1,${CONFIGURATION}`;
const DOMAIN_USERS = 513;

let directory: AdDouble;

beforeEach(async () => {
  directory = await startActiveDirectory();
  directory.entries = [...controller('dc1.corp.example.com', 1, 100), ...people()];
});
afterEach(() => directory.close());

/** The entries by which a domain controller describes itself. */
function controller(host: string, invocation: number, usn: number): AdEntry[] {
  return [
    {
      dn: '',
      kind: 'root',
      values: {
        supportedCapabilities: ['1.2.840.113556.1.4.800'],
        highestCommittedUSN: [String(usn)],
        dsServiceName: [SERVICE],
        dnsHostName: [host],
        configurationNamingContext: [CONFIGURATION],
        defaultNamingContext: [BASE],
      },
    },
    { dn: SERVICE, kind: 'settings', values: { invocationId: [Buffer.alloc(16, invocation)] } },
  ];
}

function people(): AdEntry[] {
  return [
    reference(BASE, 'CORP'),
    reference('DC=example,DC=com', 'ROOT'),
    user('Alice', 1, {
      userPrincipalName: ['Alice@Example.com'],
      mail: ['alice.smith@example.com'],
      proxyAddresses: [
        'SMTP:alice.smith@example.com',
        'smtp:al@example.com',
        'SIP:alice@example.com',
        'X500:/o=x',
      ],
    }),
    user('Bob', 2, { userPrincipalName: ['bob@example.com'], userAccountControl: ['514'] }),
    user('Carol', 3, { userPrincipalName: ['carol@example.com'] }),
    group('Domain Users', [], DOMAIN_USERS),
    group('Nurses', [dn('Alice'), dn('Bob'), dn('Carol')], 1_100),
    group('Staff', ['CN=Domain Users,OU=Groups,DC=corp,DC=example,DC=com'], 1_101),
  ];
}

/** More than two pages. */
function manyUsers(): AdEntry[] {
  return Array.from({ length: 22 }, (_, index) => user(`u${String(index)}`, 10 + index, {}));
}

const dn = (name: string): string => `CN=${name},OU=People,${BASE}`;

function reference(context: string, name: string): AdEntry {
  return {
    dn: `CN=${name},CN=Partitions,${CONFIGURATION}`,
    kind: 'crossRef',
    values: { nCName: [context], nETBIOSName: [name] },
  };
}

function user(name: string, number: number, values: AdEntry['values'], usn = 50): AdEntry {
  return {
    dn: dn(name),
    kind: 'user',
    usn,
    values: {
      objectGUID: [
        Buffer.from(`00112233445566778899aabbccddee${number.toString(16).padStart(2, '0')}`, 'hex'),
      ],
      objectSid: [sid(1_000 + number)],
      sAMAccountName: [name.toLowerCase()],
      userAccountControl: ['512'],
      primaryGroupID: [String(DOMAIN_USERS)],
      ...values,
    },
  };
}

function group(name: string, member: readonly string[], number: number, usn = 60): AdEntry {
  return {
    dn: `CN=${name},OU=Groups,${BASE}`,
    kind: 'group',
    usn,
    values: { cn: [name], member, objectSid: [sid(number)], objectGUID: [Buffer.alloc(16, number)] },
  };
}

/** S-1-5-21-1-2-3-number. */
function sid(number: number): Buffer {
  const bytes = Buffer.from('0105000000000005150000000100000002000000030000000000000a', 'hex');
  bytes.writeUInt32LE(number, 24);
  return bytes;
}

interface Run {
  readonly users: ReadonlyMap<string, UserLine>;
  readonly gone: readonly GoneRecord[];
  readonly cursor: string | null;
}

async function run(cursor: string | null = null, more: object = {}): Promise<Run> {
  const settings = z.strictObject(ldapFields(z.string())).parse({
    urls: [directory.url],
    security: 'none',
    bindDn: 'CORP\\easgate',
    password: 'a-password',
    baseDn: BASE,
    pageSize: 10,
    ...more,
  });
  const users = new Map<string, UserLine>();
  const gone: GoneRecord[] = [];
  let next: string | null = null;
  const parts: AsyncIterable<FeedPart> = ldapFeed('ad', settings).run(cursor, new AbortController().signal);
  for await (const part of parts) {
    for (const line of part.lines) if (line.type === 'user') users.set(line.id, line);
    gone.push(...(part.gone ?? []));
    next = part.cursor ?? null;
  }
  return { users, gone, cursor: next };
}

test('a user has the UPN, the addresses that are SMTP, and DOMAIN\\name of the own domain', async () => {
  const { users } = await run();
  expect(users.get('alice@example.com')).toMatchObject({
    aliases: ['alice.smith@example.com', 'al@example.com', 'corp\\alice'],
    sourceId: '33221100-5544-7766-8899-aabbccddee01',
    enabled: true,
  });
});

test('an account with the disabled bit is disabled', async () => {
  expect((await run()).users.get('bob@example.com')?.enabled).toBe(false);
});

test('the primary group counts, and the groups it is nested in', async () => {
  expect((await run()).users.get('carol@example.com')?.groups).toEqual(['Domain Users', 'Nurses', 'Staff']);
});

test('members come in ranges, to the last one', async () => {
  directory.rangeSize = 2;
  expect((await run()).users.get('carol@example.com')?.groups).toContain('Nurses');
});

test('a range that ends in the middle fails the run: the rest of the group is not removed', async () => {
  directory.rangeSize = 2;
  directory.losesRanges = true;
  await expect(run()).rejects.toMatchObject({ code: 'EASGATE_FEED_ANSWER' });
});

test('a second run reads only what has a higher uSNChanged, with its groups', async () => {
  const { cursor } = await run();
  directory.entries = [
    ...directory.entries.filter((entry) => entry.dn !== dn('Bob')),
    user('Bob', 2, { userPrincipalName: ['bob@example.com'] }, 101),
  ];
  const { users } = await run(cursor);
  expect([...users.keys()]).toEqual(['bob@example.com']);
  expect(users.get('bob@example.com')).toMatchObject({
    enabled: true,
    groups: ['Domain Users', 'Nurses', 'Staff'],
  });
});

test('a change of members refuses the cursor, because it does not change the users', async () => {
  const { cursor } = await run();
  directory.entries = [
    ...directory.entries.filter((entry) => !entry.dn.startsWith('CN=Nurses')),
    group('Nurses', [dn('Alice')], 1_100, 101),
  ];
  await expect(run(cursor)).rejects.toMatchObject({ code: 'EASGATE_FEED_CURSOR' });
});

test('another controller refuses the cursor: its numbers are its own', async () => {
  const { cursor } = await run();
  directory.entries = [...controller('dc2.corp.example.com', 1, 100), ...people()];
  await expect(run(cursor)).rejects.toMatchObject({ code: 'EASGATE_FEED_CURSOR' });
});

test('a restored controller refuses the cursor: its invocationId is new', async () => {
  const { cursor } = await run();
  directory.entries = [...controller('dc1.corp.example.com', 2, 100), ...people()];
  await expect(run(cursor)).rejects.toMatchObject({ code: 'EASGATE_FEED_CURSOR' });
});

test('a lower highestCommittedUSN refuses the cursor', async () => {
  const { cursor } = await run();
  directory.entries = [...controller('dc1.corp.example.com', 1, 90), ...people()];
  await expect(run(cursor)).rejects.toMatchObject({ code: 'EASGATE_FEED_CURSOR' });
});

test('a damaged cursor is refused', async () => {
  await expect(run('{"version":1}')).rejects.toMatchObject({ code: 'EASGATE_FEED_CURSOR' });
  await expect(run(')(uSNChanged=*')).rejects.toMatchObject({ code: 'EASGATE_FEED_CURSOR' });
});

test('deleted users are reported by their objectGUID', async () => {
  const { cursor } = await run();
  const [carol] = directory.entries.filter((entry) => entry.dn === dn('Carol'));
  directory.entries = directory.entries.filter((entry) => entry !== carol);
  directory.entries.push({ dn: 'CN=Carol\\0ADEL', kind: 'deleted', usn: 101, values: carol?.values ?? {} });
  expect((await run(cursor)).gone).toEqual([
    { kind: 'user', sourceId: '33221100-5544-7766-8899-aabbccddee03' },
  ]);
});

test('without the right to read deleted objects a run with changes goes on', async () => {
  const { cursor } = await run();
  directory.hidesDeleted = true;
  expect(await run(cursor)).toMatchObject({ gone: [], cursor: expect.any(String) });
});

test('an empty page in the middle of the list fails the run: the rest does not count as removed', async () => {
  directory.entries.push(...manyUsers());
  directory.emptyPage = 1;
  await expect(run()).rejects.toMatchObject({ code: 'EASGATE_FEED_SOURCE' });
});

test('a full run without any user fails: the filter or the rights are wrong', async () => {
  directory.entries = directory.entries.filter(({ kind }) => kind !== 'user');
  await expect(run()).rejects.toMatchObject({ code: 'EASGATE_FEED_ANSWER' });
});

test('a connection that closes in the middle fails the run: no anonymous connection takes its place', async () => {
  directory.entries.push(
    ...Array.from({ length: 12 }, (_, index) => user(`u${String(index)}`, 10 + index, {})),
  );
  directory.dropAtPage = 1;
  await expect(run()).rejects.toMatchObject({ code: 'EASGATE_FEED_SOURCE' });
});

test('referrals to other servers are ignored', async () => {
  directory.refers = true;
  expect((await run()).users.size).toBe(3);
});

test('a server that refuses StartTLS gets no password', async () => {
  await expect(run(null, { security: 'tls' })).rejects.toMatchObject({ code: 'EASGATE_FEED_SOURCE' });
  expect(directory.binds).toBe(0);
  await run();
  expect(directory.binds).toBe(1);
});

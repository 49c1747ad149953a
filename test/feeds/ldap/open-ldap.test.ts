// Owns the promises of the LDAP feed against a real OpenLDAP server.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { FeedPart } from '../../../src/feeds/contract.ts';
import { ldapFeed } from '../../../src/feeds/ldap/read-ldap.ts';
import { ldapFields } from '../../../src/feeds/ldap/settings.ts';
import type { LdapSettings } from '../../../src/feeds/ldap/settings.ts';
import type { FeedLine, UserLine } from '../../../src/feeds/record.ts';
import { mayUse, SLAPD } from '../../support/programs.ts';
import { LIMITED_DN, MANAGER, startSlapd, SUFFIX } from '../../support/servers/slapd.ts';
import type { TestSlapd } from '../../support/servers/slapd.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

const PEOPLE = 10_000;
const READER = { bindDn: `cn=reader,${SUFFIX}`, password: 'reader-password' };

function account(dn: string): string {
  return `dn: ${dn}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: ${dn.slice(3, dn.indexOf(','))}
userPassword: ${READER.password}
`;
}

function person(uid: string, more = ''): string {
  return `dn: uid=${uid},ou=people,${SUFFIX}
objectClass: inetOrgPerson
uid: ${uid}
cn: ${uid}
sn: ${uid}
mail: ${uid}@example.com
${more}`;
}

function group(name: string, members: readonly string[]): string {
  return `dn: cn=${name},ou=groups,${SUFFIX}
objectClass: groupOfNames
cn: ${name}
${members.map((member) => `member: ${member}\n`).join('')}`;
}

const dn = (uid: string): string => `uid=${uid},ou=people,${SUFFIX}`;
const groupDn = (name: string): string => `cn=${name},ou=groups,${SUFFIX}`;

function entries(): string {
  const uids = Array.from({ length: PEOPLE }, (_, index) => `user${String(index)}`);
  return [
    account(READER.bindDn),
    account(LIMITED_DN),
    person('alice', 'employeeType: doctor\n'),
    person('bob', 'employeeType: Disabled\n'),
    // All changed in one second, long ago.
    ...uids.map((uid) => person(uid, `modifyTimestamp: 20260101000000Z\n`)),
    group('everybody', [...uids.map(dn), dn('alice')]),
    // Written in another way than the DN of the entry, and in a circle.
    group('phones', [`CN=Nurses, OU=Groups, ${SUFFIX.toUpperCase()}`]),
    group('nurses', [`UID=Bob, ou=people, ${SUFFIX}`, groupDn('phones')]),
  ].join('\n');
}

interface Run {
  readonly lines: FeedLine[];
  readonly users: ReadonlyMap<string, UserLine>;
  readonly cursor: string | null;
}

describe.skipIf(!mayUse(SLAPD))('a feed from OpenLDAP', () => {
  let slapd: TestSlapd;

  beforeAll(async () => {
    slapd = await startSlapd(entries());
  });
  afterAll(() => slapd.stop());

  function settings(more: object = {}): LdapSettings {
    return z.strictObject(ldapFields(z.string())).parse({
      urls: [slapd.url],
      ca: slapd.ca,
      bindDn: MANAGER.dn,
      password: MANAGER.password,
      baseDn: SUFFIX,
      ...more,
    });
  }

  async function run(given: LdapSettings, cursor: string | null = null): Promise<Run> {
    const lines: FeedLine[] = [];
    let next: string | null = null;
    const parts: AsyncIterable<FeedPart> = ldapFeed('directory', given).run(
      cursor,
      new AbortController().signal,
    );
    for await (const part of parts) {
      lines.push(...part.lines);
      next = part.cursor ?? null;
    }
    const users = lines.filter((line) => line.type === 'user');
    return { lines, users: new Map(users.map((user) => [user.id, user])), cursor: next };
  }

  test('reads every user by pages, through StartTLS, beyond the size limit of the server', async () => {
    const { lines, users } = await run(settings());
    expect(lines).toHaveLength(PEOPLE + 2);
    expect(users.get('alice')).toMatchObject({
      aliases: ['alice@example.com'],
      groups: ['everybody'],
      enabled: null,
      sourceId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  test('reads every user as an account that the limits of the server hold for', async () => {
    const { users } = await run(settings(READER));
    expect(users.size).toBe(PEOPLE + 2);
  });

  test('says which setting of the server ends a list before its end', async () => {
    await expect(run(settings({ ...READER, bindDn: LIMITED_DN }))).rejects.toThrow(
      /SizeLimitExceeded \(.*OpenLDAP: size\.prtotal=unlimited/,
    );
  });

  test('says that baseDn names no entry', async () => {
    await expect(run(settings({ baseDn: `ou=nobody,${SUFFIX}` }))).rejects.toThrow(
      /NoSuchObject \(there is no entry baseDn/,
    );
  });

  test('reads through TLS from the first byte', async () => {
    const { users } = await run(settings({ urls: [slapd.tlsUrl] }));
    expect(users.size).toBe(PEOPLE + 2);
  });

  test('reads a group of ten thousand members', async () => {
    const { users } = await run(settings());
    expect(users.get(`user${String(PEOPLE - 1)}`)?.groups).toEqual(['everybody']);
  });

  test('counts nested groups, circles and other spellings of a DN', async () => {
    const { users } = await run(settings());
    expect(users.get('bob')?.groups).toEqual(['nurses', 'phones']);
  });

  test('reports only the wanted groups, with what is nested in them', async () => {
    const { users } = await run(settings({ groupNames: ['Phones'] }));
    expect(users.get('bob')?.groups).toEqual(['phones']);
    expect(users.get('alice')?.groups).toEqual([]);
  });

  test('maps attributes, and tells disabled accounts by the configured attribute', async () => {
    const { users } = await run(
      settings({
        attributes: { job: 'employeeType' },
        disabledAttribute: 'employeeType',
        disabledValues: ['disabled'],
      }),
    );
    expect(users.get('alice')).toMatchObject({ enabled: true, attributes: { job: 'doctor' } });
    expect(users.get('bob')).toMatchObject({ enabled: false });
  });

  test('reads only changes from a cursor, with the groups of the changed users', async () => {
    const given = settings({ overlapSeconds: 0 });
    slapd.change(`dn: ${dn('bob')}\nchangetype: modify\nreplace: mail\nmail: robert@example.com\n`);
    const first = await run(given);
    const second = await run(given, first.cursor);
    expect(second.lines.length).toBeLessThan(PEOPLE);
    expect(second.users.get('bob')).toMatchObject({
      aliases: ['robert@example.com'],
      groups: ['nurses', 'phones'],
    });
  });

  test('reads everything again after a change of members, which does not change the user', async () => {
    const first = await run(settings());
    slapd.change(`dn: ${groupDn('phones')}\nchangetype: modify\nadd: member\nmember: ${dn('alice')}\n`);
    await expect(run(settings(), first.cursor)).rejects.toMatchObject({ code: 'EASGATE_FEED_CURSOR' });
    expect((await run(settings())).users.get('alice')?.groups).toEqual(['everybody', 'nurses', 'phones']);
  });

  test('reads everything again after a group was deleted', async () => {
    slapd.change(group('short', [dn('alice')]));
    const first = await run(settings());
    expect(first.users.get('alice')?.groups).toContain('short');
    slapd.change(`dn: ${groupDn('short')}\nchangetype: delete\n`);
    await expect(run(settings(), first.cursor)).rejects.toMatchObject({ code: 'EASGATE_FEED_CURSOR' });
    expect((await run(settings())).users.get('alice')?.groups).not.toContain('short');
  });

  test('a deleted user is missing in the next full run', async () => {
    slapd.change(person('carol'));
    expect((await run(settings())).users.has('carol')).toBe(true);
    slapd.change(`dn: ${dn('carol')}\nchangetype: delete\n`);
    expect((await run(settings())).users.has('carol')).toBe(false);
  });

  test('reads everything again when the settings changed', async () => {
    const first = await run(settings());
    await expect(run(settings({ groupNames: ['phones'] }), first.cursor)).rejects.toMatchObject({
      code: 'EASGATE_FEED_CURSOR',
    });
  });

  test('asks the next server when one does not answer', async () => {
    const given = settings({ urls: ['ldap://127.0.0.1:1', slapd.url] });
    expect((await run(given)).users.size).toBe(PEOPLE + 2);
  });

  test('a refused password ends the run without a try at the next server, and is not in the message', async () => {
    const given = settings({ urls: [slapd.url, 'ldap://127.0.0.1:1'], password: 'a-wrong-password' });
    const failure = await run(given).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'EASGATE_FEED_CREDENTIALS',
      message: expect.not.stringMatching(/127\.0\.0\.1:1\b/),
    });
    expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain('a-wrong-password');
  });

  test('a server with a certificate that is not trusted gets no password', async () => {
    const given = settings({ ca: undefined });
    await expect(run(given)).rejects.toMatchObject({
      code: 'EASGATE_FEED_SOURCE',
      message: expect.stringMatching(/SELF_SIGNED|UNABLE_TO_VERIFY/),
    });
  });

  test('more users than maxUsers fail the run', async () => {
    await expect(run(settings({ maxUsers: 100 }))).rejects.toMatchObject({ code: 'EASGATE_FEED_ANSWER' });
  });

  test('a base that does not exist fails the run', async () => {
    await expect(run(settings({ baseDn: `dc=other,${SUFFIX}` }))).rejects.toMatchObject({
      code: 'EASGATE_FEED_SOURCE',
      message: expect.stringContaining('NoSuchObject'),
    });
  });

  test('a server that accepts and never answers fails the run within its time', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const given = settings({ urls: [`ldap://127.0.0.1:${String(port)}`], connectTimeoutSeconds: 0.1 });
    await expect(run(given)).rejects.toMatchObject({ code: 'EASGATE_FEED_SOURCE' });
    silent.close();
  });

  test('a server that stops answering in the middle fails the run: nothing counts as removed', async () => {
    const feed = ldapFeed('directory', settings({ timeoutSeconds: 3 })).run(
      null,
      new AbortController().signal,
    );
    const parts = feed[Symbol.asyncIterator]();
    await parts.next();
    slapd.freeze();
    await expect(
      (async () => {
        while ((await parts.next()).done !== true);
      })(),
    ).rejects.toMatchObject({ code: 'EASGATE_FEED_SOURCE' });
    slapd.thaw();
  });

  test('an abort ends the run', async () => {
    const controller = new AbortController();
    const parts = ldapFeed('directory', settings()).run(null, controller.signal)[Symbol.asyncIterator]();
    await parts.next();
    controller.abort();
    await expect(
      (async () => {
        while ((await parts.next()).done !== true);
      })(),
    ).rejects.toMatchObject({ name: 'AbortError' });
  });
});

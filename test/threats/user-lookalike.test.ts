// Owns the promise that a decision on a user is not evaded by a login that only looks like another one to the gateway.
// Threat: Active Directory compares names without their accents (Microsoft KB 938447; Samba bug 14847), so `dàve` opens the
// mailbox of `dave`; Z-Push cuts `dave@x@eas.test` off at its first `@`; a dot at the end of a domain changes nothing.
import { describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { PartnershipRecorder } from '../../src/directory/partnership-recorder.ts';
import { LoginLimiter } from '../../src/gateway/credentials/login-limiter.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { deviceKey } from '../../src/identity/device.ts';
import { NO_GROUPS, UserNames, countedAs } from '../../src/identity/user-names.ts';
import { userKey } from '../../src/identity/user.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { EasClient } from '../support/phones/eas-client.ts';
import { openOffice } from '../support/servers/office.ts';
import { backendOf } from '../support/servers/openings.ts';
import { OFFER, ok } from '../support/servers/raw-backend.ts';
import { verdict } from '../support/servers/test-gateway.ts';
import { BY_TEST, decision, partnershipsOf } from '../support/servers/directory-records.ts';

checkLeaks();

const named = (login: string): UserKey => userKey(login) as UserKey;

const CHALLENGE = 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="m"\r\nContent-Length: 0\r\n\r\n';

describe('a name that a directory takes for another one', () => {
  it.each([
    ['dave', 'dàve'],
    ['dave', 'X\\ďåvé'],
    ['dave', 'da\u0332ve'],
    ['dave@eas.test', 'DÄVE'],
    ['dave@eas.test', 'dave@éas.test'],
    ['strasse', 'straße'],
    ['bjorn', 'Bjørn'],
    ['muller', 'müller@eas.test'],
    ['dave@exämple.test', 'dave@xn--exmple-cua.test'],
    ['dave@xn--exmple-cua.test', 'DAVE@EXÄMPLE.test'],
    ['dave@xn--strae-oqa.test', 'dave@strasse.test'],
    ['dave@mail.eas.test', 'dave@mail.eas\u3002test'],
    ['dave@例え.test', 'X\\dave@xn--r8jz45g.test'],
  ])('meets it: %s, %s', (decided, login) => {
    expect(NO_GROUPS.mayBeSame(named(decided), named(login))).toBe(true);
    expect(new UserNames([['eas.test', 'EAST']]).mayBeSame(named(decided), named(login))).toBe(true);
    expect(NO_GROUPS.same(named(decided), named(login))).toBe(false);
  });

  it.each([
    ['dave', 'davé.b'],
    ['dave', 'dav'],
    ['d.ave', 'dave'],
    ['dave@eas.test', 'dàve@other.test'],
    ['mueller', 'müller'],
    ['dave@exämple.test', 'dave@xn--r8jz45g.test'],
    ['dave@xn--zzzz.test', 'dave@zzzz.test'],
  ])('is not just any other: %s, %s', (decided, login) => {
    expect(NO_GROUPS.mayBeSame(named(decided), named(login))).toBe(false);
  });
});

describe('a login', () => {
  it.each([
    'dave@x@eas.test',
    'X\\dave@x@eas.test',
    'dave@@eas.test',
    'dave@eas.test\\bob',
    'dave@\\x',
    'dave@eas.test.',
    'dave@ eas.test',
    'dave@eas .test',
    'dave @eas.test',
    'X\\dave @eas.test',
    'dave +eas.test',
    'däve @eas.test',
    'da\u2028ve',
    'dave\u{1f600}',
    'dave\ue000',
    'dave\u0378',
    'da\u1680ve',
    'dave\u{10d4a}',
  ])('is refused where servers read it in more than one way, or nobody sees all of it: %j', (login) => {
    expect(userKey(login)).toBe('EASGATE_USER_NAME');
  });

  it.each([
    'dave',
    'dave@',
    "d.o'brien_1-x@eas.test",
    'A.B. Systems\\carol@example.com',
    'müller',
    '山田',
    'ваня',
  ])('is taken where people are called so: %s', (login) => {
    expect(userKey(login)).not.toBe('EASGATE_USER_NAME');
  });
});

describe('what is counted by users', () => {
  const respelled = (index: number): UserKey =>
    named(['dave', 'X\\dave', 'dàve', 'Y\\dåvè'][index % 4] ?? '');

  it('lets nobody bring more devices by other spellings of the login', async () => {
    const store = closeAtEnd(new EmbeddedStore(':memory:'));
    const recorder = closeAtEnd(new PartnershipRecorder(store));
    const told = { deviceType: 'T', userAgent: null, protocolVersion: null, information: null };
    for (let index = 0; index < 500; index++) {
      const device = deviceKey(`made${index}`);
      recorder.seen({ ...told, user: respelled(index), device, spelling: device, verdict: verdict('allow') });
    }
    await recorder.flush();
    expect(await partnershipsOf(store)).toHaveLength(100);
  });

  it('lets nobody guess more passwords by other spellings of the login', () => {
    const limits = new LoginLimiter(() => 0);
    const asked = Array.from({ length: 500 }, (_, index) => limits.charge(respelled(index), '192.0.2.1'));
    expect(asked.filter((charge) => charge !== null)).toHaveLength(10);
  });

  it('is apart for the same name in two DNS domains', () => {
    expect(countedAs(named('info@a.test'))).not.toBe(countedAs(named('info@b.test')));
  });
});

it('a blocked user does not get mail by an accent, a second domain or a dot', async () => {
  const backend = await backendOf((asked) => {
    const answer = asked.header('authorization') === undefined ? CHALLENGE : ok('mail', OFFER);
    asked.connection.socket.write(answer);
  });
  const office = closeAtEnd(
    await openOffice('embedded', {
      policy: { unknownDevice: 'allow' },
      upstream: { url: `http://127.0.0.1:${backend.port}` },
    }),
  );
  await office.heard(() =>
    office.operator.decide(
      { user: named('dave@eas.test'), device: deviceKey('UB1') },
      decision('block'),
      BY_TEST,
    ),
  );
  const answers: (readonly [string, string])[] = [];
  for (const user of ['dàve', 'X\\dåve', 'dàve@eas.test', 'dave@x@eas.test', 'dave@eas.test.', 'bob']) {
    const client = closeAtEnd(
      new EasClient({ port: office.gateway.port, user, password: 'pw', device: 'UB1' }),
    );
    const answer = await client.folderSync();
    answers.push([
      user,
      answer.body.toString() === 'mail' ? 'mail' : (answer.easStatus ?? String(answer.status)),
    ]);
  }
  expect(answers).toEqual([
    ['dàve', '129'],
    ['X\\dåve', '129'],
    ['dàve@eas.test', '129'],
    ['dave@x@eas.test', '401'],
    ['dave@eas.test.', '401'],
    ['bob', 'mail'],
  ]);
});

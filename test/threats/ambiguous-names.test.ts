// Threat: the gateway and the mail server read one login, or one token, as two different users. A name with two readings
// identifies no user.
import { describe, expect, it } from 'vitest';
import { userFromAuthorization } from '../../src/identity/user.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { answerOk, backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';

checkLeaks();

const keyOf = (name: string): string =>
  userFromAuthorization(`Basic ${Buffer.from(`${name}:secret`).toString('base64')}`, 'upn');

describe('a name that servers split in different places', () => {
  it.each(['CONTOSO/alice', 'alice/CONTOSO', 'A\\B\\alice', 'A/B\\alice'])('is refused: %s', (name) => {
    expect(keyOf(name)).toBe('EASGATE_USER_NAME');
  });
});

describe('a name that opens the mailbox of another user', () => {
  it.each([
    ['in Z-Push (KOE_CAPABILITY_IMPERSONATE)', 'alice#me'],
    ['in grommunio (ALLOW_IMPERSONATE)', 'me!alice'],
    ['in Dovecot (auth_master_user_separator), which checks the password of the second name', 'alice*me'],
    ['in Dovecot, behind a domain', 'CONTOSO\\alice*me'],
    ['in Dovecot, with addresses', 'alice@contoso.com*me'],
  ])('is refused: %s', (_where, name) => {
    expect(keyOf(name)).toBe('EASGATE_USER_NAME');
  });
});

describe('a name that a directory prepares to another one (RFC 4518)', () => {
  it.each([
    ['wide letters', '\uff41lice'],
    ['a letter in a circle', '\u24d0lice'],
    ['a long s', 'ali\u017fe'],
    ['a soft hyphen', 'al\u00adice'],
    ['a space of no width', 'al\u200bice'],
    ['a joiner', 'alice\u2060'],
    ['a mark that only chooses a form', 'alice\ufe0f'],
    ['a no-break space', 'alice\u00a0smith'],
    ['two spaces for one', 'alice  smith'],
  ])('with %s is refused', (_what, name) => {
    expect(keyOf(name)).toBe('EASGATE_USER_NAME');
  });

  it('with accents written as one or two characters is the same user', () => {
    expect([keyOf('jose\u0301'), keyOf('JOS\u00c9')]).toEqual(['jos\u00e9', 'jos\u00e9']);
  });

  it('is not confused with ordinary names of people', () => {
    const names = ['anna smith', 'm\u00fcller', '\u65e5\u672c', '\u0438\u0432\u0430\u043d', 'o\u2019neill'];
    expect(names.map((name) => keyOf(name))).toEqual(names);
  });
});

describe('a name in a token', () => {
  it.each(['ali\u0000ce', 'ali\nce', 'ali\u001bce', 'ali\u009bce'])(
    'with control characters is refused: %j',
    (name) => {
      const payload = Buffer.from(JSON.stringify({ upn: name })).toString('base64url');
      expect(userFromAuthorization(`Bearer e30.${payload}.x`, 'upn')).toBe('EASGATE_USER_NAME');
    },
  );
});

describe('a name that is not valid Unicode', () => {
  it.each(['refuse', 'rewrite', 'ignore'] as const)(
    'is refused, and the worker goes on, with userClaim %s',
    async (userClaim) => {
      const backend = await backendOf(answerOk);
      const gateway = await gatewayOf(backend, { identity: { userClaim } });
      const phone = await phoneOf(gateway);
      const payload = Buffer.from(String.raw`{"upn":"\ud800"}`).toString('base64url');
      const bearer = `Authorization: Bearer e30.${payload}.x\r\n`;
      phone.send(request('FolderSync', FOLDER_SYNC).replace(/Authorization: .*\r\n/, bearer));
      expect((await phone.response()).status).toBe(401);
      expect(gateway.finished.map(({ error }) => error)).toEqual(['EASGATE_USER_NAME']);
      // The mail server was asked for its challenge.
      expect(backend.requests.map((seen) => [seen.method, seen.header('authorization')])).toEqual([
        ['OPTIONS', undefined],
      ]);
    },
  );
});

describe('a Bearer token', () => {
  const payload = Buffer.from('{"upn":"alice"}').toString('base64url');
  const token = `e30.${payload}.c2lnbmF0dXJl`;

  it('names its user when it is a JWT', () => {
    expect(userFromAuthorization(`Bearer ${token}`, 'upn')).toBe('alice');
  });

  it.each([
    ['a second one', `${token} ${token}`],
    ['other credentials', `${token}, Basic Ym9iOnNlY3JldA==`],
    ['a tab', `${token}\t`],
    ['white space inside', token.replace(payload, `${payload.slice(0, 4)} ${payload.slice(4)}`)],
    ['another alphabet', token.replace('e30', 'e3+0')],
  ])('is refused with %s', (_what, value) => {
    expect(userFromAuthorization(`Bearer ${value}`, 'upn')).toBe('EASGATE_AUTHORIZATION');
  });
});

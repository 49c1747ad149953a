// Owns the promise that the head of an earlier request on a connection is never used for a different head.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../../support/checks/leaks.ts';
import type { RawBackend } from '../../support/servers/raw-backend.ts';
import type { RawClient } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { answerOk, backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';

checkLeaks();

let backend: RawBackend;
let gateway: TestGateway;
let client: RawClient;

async function open(overrides: SettingsOverrides = {}): Promise<void> {
  backend = await backendOf(answerOk);
  gateway = await gatewayOf(backend, overrides);
  client = await phoneOf(gateway);
}

interface Said {
  readonly login: string;
  readonly claim?: string;
  readonly device?: string;
  readonly command?: string;
}

function said({ login, claim = 'alice', device = 'A1', command = 'FolderSync' }: Said): string {
  return (
    `POST /Microsoft-Server-ActiveSync?Cmd=${command}&User=${claim}&DeviceId=${device}&DeviceType=iPhone HTTP/1.1\r\n` +
    `Host: m\r\nAuthorization: Basic ${Buffer.from(`${login}:pw`).toString('base64')}\r\n` +
    'Content-Type: application/vnd.ms-sync.wbxml\r\nMS-ASProtocolVersion: 14.1\r\n' +
    `Content-Length: ${FOLDER_SYNC.length}\r\n\r\n${FOLDER_SYNC.toString('latin1')}`
  );
}

async function ask(what: Said): Promise<number> {
  client.send(said(what));
  return (await client.response()).status;
}

describe('a connection', () => {
  it('that repeats its request is identified the same way each time', async () => {
    await open();
    for (let count = 0; count < 6; count++) expect(await ask({ login: 'alice' })).toBe(200);
    const names = gateway.finished.map(({ user, device }) => [user, device]);
    expect(names).toEqual(Array.from({ length: 6 }, () => ['alice', 'a1']));
    expect(new Set(backend.requests.map(({ head }) => head)).size).toBe(1);
  });

  it('has the headers of each request forwarded, also of one as long as those before it', async () => {
    await open();
    const agents = [
      ...Array<string>(5).fill('one'),
      ...Array<string>(5).fill('two'),
      'one',
      'one',
      'six',
      'one',
    ];
    for (const agent of agents) {
      client.send(said({ login: 'alice' }).replace('Host: m', `Host: m\r\nUser-Agent: ${agent}`));
      expect((await client.response()).status).toBe(200);
    }
    expect(backend.requests.map((one) => one.header('user-agent'))).toEqual(agents);
  });

  it('that changes its device id gets the verdict of the new one', async () => {
    await open();
    gateway.change('b2', 'block');
    expect(await ask({ login: 'alice' })).toBe(200);
    await ask({ login: 'alice', device: 'B2' });
    expect(await ask({ login: 'alice' })).toBe(200);
    expect(gateway.finished.map(({ device, verdict }) => [device, verdict?.action])).toEqual([
      ['a1', 'allow'],
      ['b2', 'block'],
      ['a1', 'allow'],
    ]);
  });

  it('that changes its user must change the User= claim too', async () => {
    await open();
    expect(await ask({ login: 'alice' })).toBe(200);
    expect(await ask({ login: 'bob', claim: 'alice' })).toBe(403);
    expect(backend.requests).toHaveLength(1);
  });

  it('that changes only its User= claim is refused', async () => {
    await open();
    expect(await ask({ login: 'alice' })).toBe(200);
    expect(await ask({ login: 'alice', claim: 'bob' })).toBe(403);
    expect(backend.requests).toHaveLength(1);
  });

  it('has its User= claim rewritten for each user', async () => {
    await open({ identity: { userClaim: 'rewrite' } });
    for (const login of ['alice', 'bob', 'bob', 'alice'])
      expect(await ask({ login, claim: 'carol' })).toBe(200);
    expect(backend.requests.map(({ target }) => /User=(\w+)/.exec(target)?.[1])).toEqual([
      'alice',
      'bob',
      'bob',
      'alice',
    ]);
  });

  it('that repeated a head often is not identified by the length of the head', async () => {
    await open();
    gateway.change('b2', 'block');
    for (let count = 0; count < 4; count++) expect(await ask({ login: 'alice' })).toBe(200);
    await ask({ login: 'alice', device: 'B2' });
    expect(await ask({ login: 'alicf', claim: 'alice' })).toBe(403);
    const [blocked, stranger] = gateway.finished.slice(4);
    expect([blocked?.device, blocked?.verdict?.action]).toEqual(['b2', 'block']);
    expect(stranger?.error).toBe('EASGATE_USER_MISMATCH');
    expect(backend.requests.filter(({ method }) => method === 'POST')).toHaveLength(4);
  });

  it('that repeated a head often is read correctly when the head is cut or pipelined', async () => {
    await open();
    for (let count = 0; count < 3; count++) expect(await ask({ login: 'alice' })).toBe(200);
    const again = said({ login: 'alice' });
    for (const cut of [1, 100, again.length - FOLDER_SYNC.length - 1, again.length - 1]) {
      const before = gateway.finished.length;
      client.send(again.slice(0, cut));
      client.send(again.slice(cut));
      expect((await client.response()).status).toBe(200);
      expect(gateway.finished.slice(before).map(({ device }) => device)).toEqual(['a1']);
    }
    client.send(again + again);
    expect((await client.response()).status).toBe(200);
    expect((await client.response()).status).toBe(200);
    expect(new Set(backend.requests.map(({ head }) => head)).size).toBe(1);
  });

  it('that ends a handshake as another user gets a 401', async () => {
    await open();
    expect(await ask({ login: 'alice' })).toBe(200);
    // NTLM, type 3, of user "bob" (MS-NLMP 2.2.1.3), without a handshake before it; User= claims alice.
    const closing = Buffer.alloc(80);
    closing.write('NTLMSSP\0', 0, 'latin1');
    closing.writeUInt32LE(3, 8);
    const name = Buffer.from('bob', 'utf16le');
    closing.writeUInt16LE(name.length, 36);
    closing.writeUInt16LE(name.length, 38);
    closing.writeUInt32LE(72, 40);
    closing.writeUInt32LE(1, 60);
    name.copy(closing, 72);
    client.send(
      'POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&User=alice&DeviceId=A1&DeviceType=iPhone HTTP/1.1\r\n' +
        `Host: m\r\nAuthorization: NTLM ${closing.toString('base64')}\r\n` +
        'Content-Type: application/vnd.ms-sync.wbxml\r\nMS-ASProtocolVersion: 14.1\r\n' +
        `Content-Length: ${FOLDER_SYNC.length}\r\n\r\n${FOLDER_SYNC.toString('latin1')}`,
    );
    expect((await client.response()).status).toBe(401);
    expect(gateway.finished.at(-1)).toMatchObject({ user: null, error: 'EASGATE_AUTHORIZATION' });
    expect(backend.requests.map(({ method }) => method)).toEqual(['POST', 'OPTIONS']);
  });
});

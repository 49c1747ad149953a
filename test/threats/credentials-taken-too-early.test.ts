// Owns the promise that credentials count as good only by an answer that a mail server gives to authenticated requests
// (MS-ASHTTP 2.2.3.1.2): a client that only claims a user and a device gets no information, and changes no record.
import { describe, expect, it } from 'vitest';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { fromXml } from '../../src/eas/wbxml/xml.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { quarantineSettings } from '../support/servers/quarantine.ts';
import { OFFER, UNAUTHORIZED, isBare, ok } from '../support/servers/raw-backend.ts';
import type { BackendRequest, RawBackend } from '../support/servers/raw-backend.ts';
import type { RawResponse } from '../support/phones/raw-client.ts';
import { TestClock } from '../support/checks/test-clock.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';
import type { TestGateway } from '../support/servers/test-gateway.ts';
import { backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';

checkLeaks();

const GOOD = Buffer.from('alice:secret').toString('base64');
const BAD = Buffer.from('alice:x').toString('base64');
const PROVISION = encodeWbxml(
  fromXml(
    '<Provision xmlns="Provision:"><DeviceInformation xmlns="Settings:"><Set><Model>Evil</Model></Set></DeviceInformation></Provision>',
  ),
);

const isGood = (asked: BackendRequest): boolean => asked.header('authorization') === `Basic ${GOOD}`;
const answer =
  (text: (asked: BackendRequest) => string) =>
  (asked: BackendRequest): void =>
    void asked.connection.socket.write(text(asked));

async function ask(
  gateway: TestGateway,
  login: string,
  command = 'FolderSync',
  body: Buffer = FOLDER_SYNC,
): Promise<RawResponse> {
  const phone = await phoneOf(gateway);
  phone.send(request(command, body, ['X-MS-PolicyKey: 0']).replace(GOOD, login));
  return phone.response();
}

describe('an answer that says nothing of the credentials', () => {
  it.each([301, 400, 401, 403, 404, 449, 451, 500, 501, 503])(
    'makes no partnership known: %i to a request of an allowed device',
    async (status) => {
      const backend = await backendOf(answer(() => `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`));
      const gateway = await gatewayOf(backend, { publicUrl: 'https://m/Microsoft-Server-ActiveSync' });
      await ask(gateway, BAD);
      expect(gateway.seen).toEqual([]);
    },
  );

  it('makes no partnership known: 200 with a page for people, as of a front end in maintenance', async () => {
    const backend = await backendOf(answer(() => ok('<p>Back soon</p>', 'Content-Type: text/html\r\n')));
    const gateway = await gatewayOf(backend);
    expect((await ask(gateway, BAD)).status).toBe(200);
    expect(gateway.seen).toEqual([]);
  });

  it('makes no partnership known: 200 to Provision, which Z-Push answers without looking at the password', async () => {
    const backend = await backendOf(
      answer((asked) => (asked.target.includes('Cmd=Provision') || isGood(asked) ? ok() : UNAUTHORIZED)),
    );
    const gateway = await gatewayOf(backend);
    expect((await ask(gateway, BAD, 'Provision', PROVISION)).status).toBe(200);
    expect((await ask(gateway, BAD)).status).toBe(401);
    expect(gateway.seen).toEqual([]);
    // The first command that needs the password records the partnership, with the facts that the phone sent before.
    const phone = await phoneOf(gateway);
    phone.send(request('Provision', PROVISION));
    await phone.response();
    expect(gateway.seen).toEqual([]);
    phone.send(request('FolderSync', FOLDER_SYNC));
    await phone.response();
    expect(gateway.seen).toEqual([{ user: 'alice', device: 'abc123' }]);
  });
});

describe('a mail server that answers OPTIONS to everybody', () => {
  async function open(
    post: (asked: BackendRequest) => string,
    time?: TestClock,
    options: (asked: BackendRequest) => string = () => ok('', OFFER),
  ): Promise<{ backend: RawBackend; gateway: TestGateway }> {
    const backend = await backendOf(
      answer((asked) => (asked.method === 'OPTIONS' ? options(asked) : post(asked))),
    );
    const gateway = await gatewayOf(backend, {
      quarantine: quarantineSettings('gateway'),
      ...(time === undefined ? {} : { time }),
    });
    gateway.change('abc123', 'quarantine');
    return { backend, gateway };
  }
  const codes = ({ trouble }: TestGateway): unknown[] => trouble.map(({ code }) => code);

  it.each(['block', 'quarantine', 'wipe'] as const)(
    'makes no password good, and the operator is warned (%s)',
    async (action) => {
      const { gateway } = await open((asked) => (isGood(asked) ? ok() : UNAUTHORIZED));
      gateway.change('abc123', action);
      for (const login of [BAD, Buffer.from('alice:y').toString('base64')])
        expect((await ask(gateway, login)).status).toBe(401);
      expect(gateway.seen).toEqual([]);
      expect(codes(gateway)).toEqual(['EASGATE_OPTIONS_OPEN']);
      expect(gateway.trouble[0]?.['server']).toBe('server1');
    },
  );

  it('takes the right password by a command that reads only', async () => {
    const { backend, gateway } = await open((asked) => (isGood(asked) ? ok() : UNAUTHORIZED));
    expect((await ask(gateway, GOOD)).status).toBe(200);
    expect(gateway.seen).toEqual([{ user: 'alice', device: 'abc123' }]);
    const posts = backend.requests.filter(({ method }) => method === 'POST');
    expect(posts.every(({ target }) => target.includes('Cmd=Settings'))).toBe(true);
    expect(posts[0]?.target).toContain('DeviceId=ABC123&DeviceType=iPhone');
  });

  it.each([
    ['and every command', (): string => ok()],
    ['and says 449 ahead of the password', (): string => 'HTTP/1.1 449 X\r\nContent-Length: 0\r\n\r\n'],
    ['and shows a page to all', (): string => ok('<p>', 'Content-Type: text/html; charset=utf-8\r\n')],
    ['and fails', (): string => 'HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n'],
  ])('%s proves nothing: the phone is told to come again', async (_what, post) => {
    const { gateway } = await open(post);
    for (const login of [BAD, GOOD]) expect((await ask(gateway, login)).status).toBe(503);
    expect(gateway.finished.at(-1)?.error).toBe('EASGATE_CREDENTIALS_UNKNOWN');
    expect(gateway.seen).toEqual([]);
  });

  it('is noticed also when it was configured anew, within a minute', async () => {
    const time = new TestClock();
    let everybody = false;
    const { gateway } = await open(
      (asked) => (isGood(asked) ? ok() : UNAUTHORIZED),
      time,
      (asked) => (everybody || (isGood(asked) && !isBare(asked)) ? ok('', OFFER) : UNAUTHORIZED),
    );
    expect((await ask(gateway, GOOD)).status).toBe(200);
    expect(codes(gateway)).toEqual([]);
    everybody = true;
    await time.advance(60_001);
    expect((await ask(gateway, BAD)).status).toBe(401);
    expect(codes(gateway)).toEqual(['EASGATE_OPTIONS_OPEN']);
    everybody = false;
    await time.advance(60_001);
    expect((await ask(gateway, GOOD)).status).toBe(200);
    everybody = true;
    await time.advance(60_001);
    expect((await ask(gateway, Buffer.from('alice:z').toString('base64'))).status).toBe(401);
    expect(codes(gateway)).toEqual(['EASGATE_OPTIONS_OPEN', 'EASGATE_OPTIONS_OPEN']);
  });

  it('is noticed by the challenge that a stranger asks for', async () => {
    const { gateway } = await open(() => UNAUTHORIZED);
    const phone = await phoneOf(gateway);
    phone.send(request('FolderSync', FOLDER_SYNC).replace(/Authorization: .*\r\n/, ''));
    expect((await phone.response()).status).toBe(401);
    expect(codes(gateway)).toEqual(['EASGATE_OPTIONS_OPEN']);
  });
});

// Threat: an Exchange ActiveSync command reaches the mail server without a decision: under OPTIONS, as a mail, or on a path that the
// server maps to Exchange ActiveSync by its name or type.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { answerOk, backendOf, gatewayOf, laneOf, phoneOf } from '../support/servers/openings.ts';
import { request } from '../support/servers/test-gateway.ts';

checkLeaks();

describe('OPTIONS with a command in a base64 query', () => {
  const query = Buffer.from('8d0909040641424331323300066950686f6e65', 'hex').toString('base64');
  const disguised = request('FolderSync', Buffer.alloc(0)).replace(/^POST (\S+)\?\S+/, `OPTIONS $1?${query}`);

  it.each([
    ['of a blocked device', disguised, 200],
    ['without credentials', disguised.replace(/Authorization: .*\r\n/, ''), 401],
  ])('reaches the mail server without the command: %s', async (_whose, sent, status) => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend);
    gateway.change('abc123', 'block');
    const phone = await phoneOf(gateway);
    phone.send(sent);
    expect((await phone.response()).status).toBe(status);
    expect(backend.requests.map(({ method, target }) => [method, target])).toEqual([
      ['OPTIONS', '/Microsoft-Server-ActiveSync'],
    ]);
  });
});

describe('a mail whose type has a parameter', () => {
  // SOGo takes a body for a mail only where its type is exactly message/rfc822, and else runs the command of its root element
  // (SOGoActiveSyncDispatcher.m). So `Cmd=SendMail` with a Sync inside was a Sync that no policy had seen.
  it.each([
    'message/rfc822; charset=utf-8',
    'message/rfc822;',
    'message/rfc822 ; charset="us-ascii"',
    'MESSAGE/RFC822;charset=utf-8',
  ])('reaches the mail server as a mail: %s', async (type) => {
    const backend = await backendOf(answerOk);
    const phone = await phoneOf(await gatewayOf(backend));
    const sync = Buffer.from('03016a00455c0101', 'hex');
    phone.send(
      request('SendMail', sync)
        .replace(/Content-Type: .*/, `Content-Type: ${type}`)
        .replace('14.1', '12.1'),
    );
    expect((await phone.response()).status).toBe(200);
    expect(
      backend.requests.map(({ headers }) => headers.filter(([name]) => name === 'Content-Type')),
    ).toEqual([[['Content-Type', 'message/rfc822']]]);
  });
});

describe('the pass-through lane', () => {
  const get = (target: string, ...lines: string[]): string =>
    [`POST ${target} HTTP/1.1`, 'Host: mail.example.com', 'Content-Length: 0', ...lines, '', ''].join('\r\n');

  it.each([
    get('/owa/rpc.php?Microsoft-Server-ActiveSync&Cmd=Sync'),
    get('/owa/rpc.php?x=%4dicrosoft-server-activesync'),
    get('/owa/rpc.php?x=%254Dicrosoft-server-activesync'),
    get('/owa/rpc.php?Cmd=Sync', 'Content-Type: application/vnd.ms-sync.wbxml'),
    get('/owa/rpc.php?Cmd=Sync', 'Content-Type: text/plain; Application/Vnd.MS-Sync'),
  ])('refuses what a server takes for Exchange ActiveSync by its name or type: %j', async (bytes) => {
    const backend = await backendOf(answerOk);
    const lane = await laneOf(backend);
    const phone = await phoneOf(lane);
    phone.send(bytes);
    expect((await phone.response()).status).toBe(400);
    expect(backend.requests).toEqual([]);
  });
});

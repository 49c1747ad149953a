// Threat: the rest of a body that the gateway does not forward is read as the next request of the connection (RFC 9112 6.3,
// 11.2). The gateway reads it to its end, or closes the connection.
import { describe, expect, it } from 'vitest';
import { decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import { toXml } from '../../src/eas/wbxml/xml.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';
import { guarded, openQuarantine, quarantineSettings } from '../support/servers/quarantine.ts';
import type { Quarantine } from '../support/servers/quarantine.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';

checkLeaks();

/** More than the gateway reads before it forwards a request. */
const LARGE = 65_536;

let world: Quarantine;

describe('a device that is blocked in the middle of an upload', () => {
  it('loses its connection, and the rest of the body is not read as a request', async () => {
    const backend = await backendOf(undefined);
    const gateway = await gatewayOf(backend);
    const phone = await phoneOf(gateway);
    const smuggled = request('FolderSync', FOLDER_SYNC, [], 'HIDDEN1');
    const start = Buffer.concat([Buffer.from('03016a00455c', 'hex'), Buffer.alloc(LARGE, 1)]);
    const length = start.length + smuggled.length;
    phone.send(request('Sync', start, [`Content-Length: ${length + LARGE}`]));
    await until(() => backend.connections.length === 1, 'the request to be forwarded');
    gateway.change('abc123', 'block');
    await until(() => phone.received.includes('\r\n\r\n'), 'the answer');
    phone.send(smuggled);
    await until(() => phone.ended, 'the end');
    expect(phone.received.split('HTTP/1.1 ').length - 1).toBe(1);
    expect(backend.connections.map(({ received }) => received).join('')).not.toContain('HIDDEN1');
  });
});

describe('mail that a quarantined phone of 12.1 sends', () => {
  it.each([
    ['is read to its end', [], 0, undefined],
    ['is read to its end when it is long', [], 100_000, undefined],
    ['closes the connection when it waits for 100 Continue', ['Expect: 100-continue'], 0, 'close'],
  ])('%s, and its rest is not read as a request', async (_what, extra, more, connection) => {
    const backend = await backendOf(guarded());
    const gateway = await gatewayOf(backend, { quarantine: quarantineSettings('gateway') });
    gateway.change('abc123', 'quarantine');
    const phone = await phoneOf(gateway);
    const hidden = request('FolderSync', FOLDER_SYNC, [], 'HIDDEN1');
    const start = Buffer.from('Subject: ');
    const length = start.length + hidden.length + more;
    const mail = request('SendMail', start, [`Content-Length: ${length}`, ...extra]);
    phone.send(mail.replace('n: 14.1', 'n: 12.1').replace('application/vnd.ms-sync.wbxml', 'message/rfc822'));
    if (connection === undefined) phone.send(hidden + 'x'.repeat(more));
    const answer = await phone.response();
    expect([answer.status, answer.header('connection')]).toEqual([507, connection]);
    if (connection === undefined) {
      phone.send(request('FolderSync', FOLDER_SYNC));
      expect((await phone.response()).status).toBe(200);
    } else {
      phone.send(hidden);
      await until(() => phone.ended, 'the end');
    }
    expect(phone.received).toBe('');
    expect(gateway.seen.map(({ device }) => device)).not.toContain('hidden1');
    expect(backend.requests.map(({ target }) => target).join()).not.toContain('HIDDEN1');
  });
});

describe('mail that a quarantined phone sends', () => {
  it('is never read as a request', async () => {
    world = await openQuarantine();
    const phone = await phoneOf(world.gateway);
    const hidden = request('FolderSync', FOLDER_SYNC, [], 'PHONE2');
    phone.send(
      'POST /Microsoft-Server-ActiveSync?Cmd=SendMail&DeviceId=PHONE1&DeviceType=iPhone&SaveInSent=T HTTP/1.1\r\n' +
        'Host: m\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\nMS-ASProtocolVersion: 12.1\r\n' +
        `Content-Type: message/rfc822\r\nContent-Length: ${100_010 + hidden.length}\r\n\r\nSubject: x`,
    );
    phone.send(hidden);
    phone.send('x'.repeat(100_000));
    expect((await phone.response()).status).toBe(507);
    phone.send(request('FolderSync', FOLDER_SYNC, [], 'PHONE1'));
    expect((await phone.response()).status).toBe(200);
    expect(world.gateway.seen.map(({ device }) => device)).not.toContain('phone2');
    expect(world.mailRequests()).toEqual([]);
  });

  it.each(['14.1', '16.1'])('in version %s gets the answer of SendMail when it is large', async (version) => {
    world = await openQuarantine();
    const sent = await world.phone({ version }).sendMail('bob@example.com', 'A picture', 'x'.repeat(300_000));
    expect([sent.status, sent.easStatus]).toEqual([200, '120']);
  });

  it('gets no 100 Continue', async () => {
    world = await openQuarantine();
    const phone = await phoneOf(world.gateway);
    phone.send(
      request('SendMail', Buffer.alloc(0), ['Expect: 100-continue', 'Content-Length: 20'], 'PHONE1'),
    );
    const { status, body } = await phone.response();
    expect([status, toXml(decodeWbxml(body))]).toEqual([
      200,
      '<SendMail xmlns="ComposeMail:"><Status>120</Status></SendMail>',
    ]);
  });
});

// Owns the promise that the mail server's own path of Exchange ActiveSync (`upstream.path`) is reached through the gate alone,
// however much of the server `passThrough` opens.
// Threat: a blocked phone sends its requests to that path itself. The lane for other paths knows no devices, so it would forward
// them (Z-Push below /z-push, Horde at /horde/rpc.php).
import { describe, expect, it } from 'vitest';
import { BODY, QUERY, AUTHORIZATION } from '../fixtures/hostile/case.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { answerOk, backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';
import { laneSettings } from '../support/servers/test-lane.ts';

checkLeaks();

const EVERYTHING = [{ path: '/', match: 'prefix', upgrade: false }] as const;

/** Sends a FolderSync of a blocked device to `target`; returns the status, and the targets that the mail server got. */
async function sendTo(target: string, path: string): Promise<[status: number, arrived: string[]]> {
  const backend = await backendOf(answerOk);
  const gateway = await gatewayOf(backend, {
    balancing: { path },
    passThrough: laneSettings({ paths: EVERYTHING, ownPaths: [path] }),
  });
  gateway.change('abc123', 'block');
  const phone = await phoneOf(gateway);
  phone.send(
    `POST ${target} HTTP/1.1\r\nHost: mail.example.com\r\n${AUTHORIZATION}\r\nMS-ASProtocolVersion: 14.1\r\n` +
      `Content-Length: ${BODY.length}\r\n\r\n${BODY}`,
  );
  const { status } = await phone.response();
  return [
    status,
    backend.requests.filter(({ method }) => method === 'POST').map((request) => request.target),
  ];
}

describe("a blocked phone that sends to the mail server's path itself", () => {
  it.each([
    ['/z-push', '/z-push'],
    ['/z-push/', '/z-push'],
    ['/z-push/index.php', '/z-push'],
    ['/Z-Push', '/z-push'],
    // nginx and Apache match locations by prefix.
    ['/z-pushX', '/z-push'],
    ['/z-push', '/z-push/'],
    ['/Z-Push', '/Z-Push'],
    ['/z-push/index.php', '/z-push/index.php'],
    ['/z-push/index.php/x', '/z-push/index.php'],
    // A folder serves its index.
    ['/z-push/', '/z-push/index.php'],
    ['/z-push', '/z-push/index.php'],
    ['/horde/rpc.php', '/horde/rpc.php'],
    ['/z%E2%80%90push', '/z-push'],
    ['/%EF%BD%9A-push', '/z-push'],
  ])('gets no answer of the server for %s, where upstream.path is %s', async (target, path) => {
    const [status, arrived] = await sendTo(`${target}?${QUERY}`, path);
    expect([404, 400]).toContain(status);
    expect(arrived).toEqual([]);
  });

  const inBase64 = (version: number): string =>
    Buffer.concat([
      Buffer.from([version, 9, 9, 4, 6]),
      Buffer.from('abc123'),
      Buffer.from([0, 6]),
      Buffer.from('iPhone'),
    ]).toString('base64');

  it.each([
    // Z-Push below the folder of the server beside its alias, and Horde's rpc.php by another alias.
    `/z-push/index.php?${QUERY}`,
    `/autodiscover/autodiscover.json?${QUERY}`,
    '/z-push/index.php?DeviceId=ABC123&DeviceType=iPhone&Cmd=FolderSync',
    '/z-push/index.php?a=1&%43md=FolderSync&%44eviceId=ABC123&DeviceType=iPhone',
    '/z-push/index.php?+Cmd=FolderSync&CMD%00x=FolderSync&deviceID%00=ABC123',
    `/z-push/index.php?${inBase64(141)}`,
    `/z-push/index.php?${inBase64(25)}`,
    `/z-push/index.php?${encodeURIComponent(inBase64(121))}`,
    // PHP ends a name at a NUL, however much follows; ASP.NET decodes %u.
    `/z-push/index.php?Cmd%00${'x'.repeat(40)}=FolderSync&DeviceId%00${'x'.repeat(40)}=ABC123`,
    `/z-push/index.php?Cmd=FolderSync&DeviceId%00${'/'.repeat(17)}=ABC123`,
    '/z-push/index.php?Cmd%00;=FolderSync&DeviceId%00?=ABC123&DeviceType=iPhone',
    '/eas?%u0043md=FolderSync&%u0044eviceId=ABC123',
    // PHP's base64_decode skips foreign characters, and padding in the middle.
    ...['.', '!', '&', '=', '-', '_', '~~', '*', '%2D', '?'].map(
      (foreign) => `/horde/rpc.php?${inBase64(141).slice(0, 9)}${foreign}${inBase64(141).slice(9)}`,
    ),
    `/horde/rpc.php?${inBase64(141)}&&`,
    // Decoded before, a plus is a space; older versions of Syncroton take the name of the only parameter.
    `/index.php?+${inBase64(141)}`,
    `/index.php?${inBase64(141).slice(0, 9)}+%4${inBase64(141).charCodeAt(9).toString(16).slice(1)}${inBase64(141).slice(10)}`,
    `/index.php?=x&${inBase64(141)}`,
    `/index.php?%00=x&+=y&${inBase64(141)}`,
    `/horde/rpc.php?${inBase64(141)}&a=`,
    `/?.${inBase64(141)}`,
    // Horde and Syncroton need neither a whole policy key nor a device type.
    `/horde/rpc.php?${inBase64(141).slice(0, 16)}`,
    `/horde/rpc.php?${Buffer.from('8d0909040641424331323305010203040506', 'hex').toString('base64')}`,
    `/horde/rpc.php?${Buffer.from('8d09090406414243313233c8', 'hex').toString('base64')}`,
  ])('gets no answer of the server by a query of Exchange ActiveSync: %s', async (target) => {
    const [status, arrived] = await sendTo(target, '/Microsoft-Server-ActiveSync');
    expect([400, 404]).toContain(status);
    expect(arrived).toEqual([]);
  });

  it.each([
    '/other?deviceId=ABC123',
    '/other?cmd=search',
    '/app.js?3fa9b2c1d0e4f5a6',
    '/owa/?ae=Item&id=RgAAAACmd%3d',
    '/owa/service.svc?action=FindItem&ID=-12&AC=1',
    '/mapi/emsmdb/?MailboxId=0a1b2c3d-1111-2222-3333-444455556666@example.com',
    '/webmail/?_task=mail&_mbox=INBOX&_unlock=loading1700000000000',
    '/ecp/?rfr=owa&p=AccountSettings',
    '/PowerShell?PSVersion=5.1.17763.1',
    '/SOGo/so/alice/Mail/0/folderINBOX/view?theme=default',
  ])('reaches other pages with a query: %s', async (target) => {
    expect(await sendTo(target, '/Microsoft-Server-ActiveSync')).toEqual([200, [target]]);
  });

  it.each([
    ['/other', '/z-push'],
    ['/z-pus', '/z-push'],
    ['/z-push/other.php', '/z-push/index.php'],
    ['/horde/', '/horde/rpc.php'],
  ])('reaches another page, %s beside %s', async (target, path) => {
    expect(await sendTo(target, path)).toEqual([200, [target]]);
  });
});

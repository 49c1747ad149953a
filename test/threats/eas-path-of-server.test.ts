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

// Owns the promise against a stranger who guesses ids of devices: a wrong password gets the same answer for an allowed device, whose
// request the mail server refuses, and for a denied one, whose request never reaches it.
import { expect, it, onTestFinished } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { startRawBackend } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request, startTestGateway } from '../support/servers/test-gateway.ts';

checkLeaks();

/** As SOGo, Z-Push and IIS write them, without what they make for one client only. */
const SERVERS: readonly (readonly [string, string])[] = [
  [
    'with a page',
    'HTTP/1.1 401 Unauthorized\r\nServer: Microsoft-IIS/10.0\r\nContent-Type: text/html\r\n' +
      'WWW-Authenticate: Basic realm="mail"\r\nX-Powered-By: ASP.NET\r\nX-FEServer: MAIL1\r\n' +
      'Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 12\r\n\r\nUnauthorized',
  ],
  [
    'without a body',
    'HTTP/1.1 401 Access denied. Username or password incorrect\r\nServer: nginx\r\n' +
      'X-Z-Push-Version: 2.7.1\r\nMS-Server-ActiveSync: 14.3\r\nWWW-Authenticate: Basic realm="ZPush"\r\n' +
      'Content-Length: 0\r\n\r\n',
  ],
];

it.each(SERVERS)('a wrong password does not show whether a device is denied: %s', async (_, said) => {
  const backend = await startRawBackend(({ connection }) => connection.socket.write(said));
  onTestFinished(() => backend.close());
  const gateway = await startTestGateway(backend.port);
  onTestFinished(() => gateway.close());
  const client = await RawClient.open(gateway.port);
  onTestFinished(() => client.destroy());
  gateway.change('blocked1', 'block');
  gateway.change('quarantined1', 'quarantine');
  const ask = async (device: string): Promise<string> => {
    client.send(request('FolderSync', FOLDER_SYNC, [], device));
    const { head, body } = await client.response();
    return head.replace(/^Date: .*$/m, 'Date: -') + body.toString('latin1');
  };
  const allowed = await ask('ALLOWED1');
  expect(allowed).toContain(said.slice(0, 40));
  // The second time the answer comes from memory.
  for (const device of ['BLOCKED1', 'BLOCKED1', 'QUARANTINED1']) expect(await ask(device)).toBe(allowed);
  expect(gateway.finished.map(({ device }) => device)).toContain('blocked1');
});

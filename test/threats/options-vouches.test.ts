// Owns the promise that the answer to one request says nothing about the credentials of another. Threat: mallory names alice
// with a made-up password in a Provision, which Z-Push answers without looking at it, then has an OPTIONS of his own answered
// on the same connection (MS-ASHTTP 2.2.3; it names no device). Alice's made-up password counts as accepted from then on, and
// the next Provision writes a device of mallory's choice into alice's partnerships. Behind a trusted proxy anyone may send the
// OPTIONS.
import { expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { OFFER, ok } from '../support/servers/raw-backend.ts';
import { request } from '../support/servers/test-gateway.ts';
import { backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';

checkLeaks();

const MALLORY = `Basic ${btoa('mallory:his own')}`;
const CHALLENGE = 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="m"\r\nContent-Length: 0\r\n\r\n';
/** A request for the policy. */
const PROVISION = Buffer.concat([
  Buffer.from('03016a00000e4546474803', 'hex'),
  Buffer.from('MS-EAS-Provisioning-WBXML\0', 'latin1'),
  Buffer.from('01010101', 'hex'),
]);

it('an OPTIONS that the mail server answers vouches for nobody named before on its connection', async () => {
  const backend = await backendOf((asked) => {
    const { method, target, connection } = asked;
    const open = method === 'POST' && target.includes('Cmd=Provision');
    connection.socket.write(open || asked.header('authorization') === MALLORY ? ok('ok', OFFER) : CHALLENGE);
  });
  const gateway = await gatewayOf(backend);
  // Acceptance that was never given counts as expired.
  await gateway.time.advance(60_000);
  const phone = await phoneOf(gateway);
  // Alice, with a password that the mail server does not accept.
  phone.send(request('Provision', PROVISION, [], 'MADEUP1'));
  expect((await phone.response()).status).toBe(200);
  phone.send(`OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: m\r\nAuthorization: ${MALLORY}\r\n\r\n`);
  expect((await phone.response()).status).toBe(200);
  phone.send(request('Provision', PROVISION, [], 'MADEUP1'));
  expect((await phone.response()).status).toBe(200);
  expect(gateway.seen).toEqual([]);
});

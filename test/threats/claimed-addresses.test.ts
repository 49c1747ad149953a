// Threat: a client chooses the address under which the mail server logs, limits or trusts it (RFC 7239 8.1).
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { answerOk, backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';
import { ok } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request, verdict } from '../support/servers/test-gateway.ts';

checkLeaks();

describe('an address that a client claims', () => {
  it('reaches the mail server in no header', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend);
    const client = await phoneOf(gateway);
    const names = [
      'Client-IP',
      'X-Cluster-Client-IP',
      'X-Forwarded',
      'Forwarded-For',
      'X-Original-Forwarded-For',
    ];
    const claims = names.map((name) => `${name}: 198.51.100.7`);
    client.send(request('FolderSync', FOLDER_SYNC, claims));
    await client.response();
    expect(backend.requests.map(({ head }) => head.includes('198.51.100.7'))).toEqual([false]);
  });
});

describe('the address of a phone', () => {
  it('goes with the question about its credentials', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend, { identity: { trustedProxies: ['127.0.0.1'] } });
    gateway.verdicts.set('abc123', verdict('block'));
    const phone = await phoneOf(gateway);
    phone.send(request('FolderSync', FOLDER_SYNC, ['X-Forwarded-For: 203.0.113.9']));
    await phone.response();
    expect(backend.requests[0]?.method).toBe('OPTIONS');
    // The same as on the phone's own requests: the phone, then the proxy that names it.
    expect(backend.requests[0]?.header('x-forwarded-for')).toBe('203.0.113.9, 127.0.0.1');
  });

  it('stands in a PROXY header again when a request is repeated on a new connection', async () => {
    let served = 0;
    const backend = await backendOf(undefined, (connection) => {
      if (!connection.received.endsWith(FOLDER_SYNC.toString('latin1'))) return;
      if (++served === 2) connection.socket.end();
      else connection.socket.write(ok());
    });
    const phone = await phoneOf(await gatewayOf(backend, { upstream: { proxyProtocol: 1 } }));
    for (let count = 0; count < 2; count++) {
      phone.send(request('FolderSync', FOLDER_SYNC));
      await phone.response();
    }
    expect(backend.connections.length).toBe(2);
    for (const { received } of backend.connections) expect(received).toMatch(/^PROXY TCP4 /);
  });
});

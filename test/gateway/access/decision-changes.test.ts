// Owns the promises about requests whose decision changes while they are processed: the answer and the code in the log.
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../../src/errors/request-errors.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { OFFER, ok } from '../../support/servers/raw-backend.ts';
import type { RawClient } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC, PING, request, verdict } from '../../support/servers/test-gateway.ts';
import type { TestGateway } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { answerOk, backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';

checkLeaks();

async function clientOf(gateway: TestGateway): Promise<RawClient> {
  const client = await phoneOf(gateway);
  return client;
}

describe('a decision that changes while it is looked up', () => {
  it('takes precedence over the result of the look-up', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend);
    gateway.verdicts.set('abc123', 'miss');
    let lookUps = 0;
    gateway.lookUpWith(async () => {
      lookUps++;
      gateway.change('abc123', 'block');
    });
    const client = await clientOf(gateway);
    client.send(request('FolderSync', FOLDER_SYNC));
    expect((await client.response()).body.toString('latin1')).toContain('129');
    expect(lookUps).toBe(1);
  });

  it('repeatedly leads to 503 with a code of its own, not the one of an unavailable store', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend);
    gateway.verdicts.set('abc123', 'miss');
    gateway.lookUpWith(async () => {
      gateway.change('abc123', 'allow');
      gateway.verdicts.set('abc123', 'miss');
    });
    const client = await clientOf(gateway);
    client.send(request('FolderSync', FOLDER_SYNC));
    const answer = await client.response();
    expect([answer.status, answer.header('retry-after')]).toEqual([503, '1']);
    expect(gateway.finished[0]).toMatchObject({ status: 503, error: 'EASGATE_DECISION_OVERTAKEN' });
    expect(backend.requests).toEqual([]);
  });

  it('during the credential check takes precedence too: the request continues under the new one', async () => {
    const backend = await backendOf(() => undefined);
    const gateway = await gatewayOf(backend);
    gateway.verdicts.set('abc123', verdict('block'));
    const client = await clientOf(gateway);
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 1, 'the question');
    gateway.change('abc123', 'allow');
    backend.requests[0]?.connection.socket.write(ok('ok', OFFER));
    await until(() => backend.requests.length === 2, 'the same question without credentials');
    backend.requests[1]?.connection.socket.write('HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n');
    await until(() => backend.requests.length === 3, 'the request at the mail server');
    expect(backend.requests[2]?.method).toBe('POST');
    backend.requests[2]?.connection.socket.write(ok('mail'));
    expect((await client.response()).body.toString()).toBe('mail');
  });
});

describe('a request that a changed decision ends', () => {
  it.each([
    ['FolderSync', FOLDER_SYNC, 503],
    ['Ping', PING, 200],
  ] as const)('is answered with the documented status: %s', async (command, body, status) => {
    const backend = await backendOf(() => undefined);
    const gateway = await gatewayOf(backend);
    const client = await clientOf(gateway);
    client.send(request(command, body));
    await until(() => backend.requests.length === 1, 'the request at the mail server');
    gateway.change('abc123', 'block');
    const answer = await client.response();
    expect(answer.status).toBe(status);
    expect(answer.header('retry-after')).toBe(status === 503 ? '1' : undefined);
    expect(gateway.finished[0]).toMatchObject({ status, error: 'EASGATE_DECISION_CHANGED' });
    // A 403 is final for some phones and makes others repeat Provision endlessly.
    expect(ERRORS.EASGATE_DECISION_CHANGED.status).toBe(503);
  });
});

describe('the logged size of a local reply', () => {
  it('is the size of its body', async () => {
    const page = 'sign in';
    const backend = await backendOf((asked) =>
      asked.connection.socket.write(
        asked.header('authorization') === undefined
          ? `HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="m"\r\nContent-Length: ${page.length}\r\n\r\n${page}`
          : ok('ok', OFFER),
      ),
    );
    const gateway = await gatewayOf(backend, {
      autodiscover: { mode: 'answer', publicUrl: 'https://m.example/x', path: '/a' },
    });
    gateway.change('abc123', 'block');
    const client = await clientOf(gateway);
    const head = 'HTTP/1.1\r\nHost: m\r\n\r\n';
    const told: number[] = [];
    for (const text of [
      request('FolderSync', FOLDER_SYNC),
      `GET /Microsoft-Server-ActiveSync ${head}`,
      `HEAD /Microsoft-Server-ActiveSync ${head}`,
      `GET /autodiscover/autodiscover.json?Email=a@b.c&Protocol=ActiveSync ${head}`,
      request('FolderSync', FOLDER_SYNC, [], 'OTHER'),
      `POST /owa ${head}`,
    ]) {
      client.send(text);
      const isHead = text.startsWith('HEAD');
      if (isHead) await until(() => client.received.endsWith('\r\n\r\n'), 'the head');
      told.push(isHead ? 0 : (await client.response()).body.length);
      if (isHead) client.received = '';
    }
    expect(told[0]).toBeGreaterThan(0);
    expect(told[1]).toBe(page.length);
    expect(told[3]).toBeGreaterThan(20);
    expect(gateway.finished.map(({ bytesOut }) => bytesOut)).toEqual(told);
  });
});

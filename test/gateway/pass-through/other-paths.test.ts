// Owns the promises of a whole gateway about paths other than Exchange ActiveSync: closed unless listed.
import { connect } from 'node:net';
import { createServer } from 'node:http';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { closeServer, listenLocally } from '../../support/servers/local-server.ts';
import type { TestGateway } from '../../support/servers/test-gateway.ts';
import { laneSettings } from '../../support/servers/test-lane.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { gatewayOf } from '../../support/servers/openings.ts';

checkLeaks();

const LANE = laneSettings({ paths: [{ path: '/owa', match: 'prefix', upgrade: false }] });

/** Sends the text; resolves with everything received until the server closed. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(text));
    let received = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => (received += chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
}

const OPTIONS =
  'OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: mail.example\r\nAuthorization: Basic YW5uOng=\r\n\r\n';

describe('other paths', () => {
  const seen: string[] = [];
  const upstream = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.end('from the mail server');
  });
  let gateway: TestGateway;

  beforeEach(async () => {
    seen.length = 0;
    const port = await listenLocally(upstream);
    onTestFinished(() => closeServer(upstream));
    gateway = await gatewayOf({ port }, { passThrough: LANE });
  });

  it('are forwarded if listed', async () => {
    const reply = await exchange(
      gateway.port,
      'GET /owa/inbox HTTP/1.1\r\nHost: mail.example\r\nConnection: close\r\n\r\n',
    );
    expect(reply).toMatch(/^HTTP\/1\.1 200 [^]*from the mail server$/);
    expect(seen).toEqual(['GET /owa/inbox']);
  });

  it('are served, if listed, on a connection that began with ActiveSync', async () => {
    const reply = await exchange(
      gateway.port,
      OPTIONS + 'GET /owa/inbox HTTP/1.1\r\nHost: mail.example\r\nConnection: close\r\n\r\n',
    );
    expect(reply.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    expect(seen).toEqual(['OPTIONS /Microsoft-Server-ActiveSync', 'GET /owa/inbox']);
  });

  it('are answered 404, if not listed, without a request to the mail server', async () => {
    const reply = await exchange(
      gateway.port,
      'GET /ecp HTTP/1.1\r\nHost: mail.example\r\nConnection: close\r\n\r\n',
    );
    expect(reply).toMatch(/^HTTP\/1\.1 404 /);
    expect(seen).toEqual([]);
  });

  it('may be followed by ActiveSync on the same connection', async () => {
    const last = OPTIONS.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
    const reply = await exchange(
      gateway.port,
      'GET /owa/inbox HTTP/1.1\r\nHost: mail.example\r\n\r\n' + last,
    );
    expect(reply.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
    expect(seen).toEqual(['GET /owa/inbox', 'OPTIONS /Microsoft-Server-ActiveSync']);
  });

  it('have their connections counted, and closed on drain when idle', async () => {
    const socket = connect({ port: gateway.port, host: '127.0.0.1' });
    socket.write('GET /owa/inbox HTTP/1.1\r\nHost: mail.example\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    expect(gateway.connections()).toBe(1);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await Promise.all([gateway.drain(60_000), closed]);
    expect(gateway.connections()).toBe(0);
  });
});

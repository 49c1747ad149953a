// Owns the promises of the log of a serving gateway: which lines are written, and which identities they have.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startServing } from '../../src/worker/runtime.ts';
import type { Serving } from '../../src/worker/runtime.ts';
import { parseConfig } from '../../src/config/load.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { ok } from '../support/servers/raw-backend.ts';
import type { RawBackend } from '../support/servers/raw-backend.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';
import { backendOf } from '../support/servers/openings.ts';
import { BY_TEST, decision } from '../support/servers/directory-records.ts';

checkLeaks();

let folder = '';
let backend: RawBackend;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  backend = await backendOf(({ connection }) => connection.socket.write(ok()));
});

type Line = Readonly<Record<string, unknown>>;

/** The lines of a gateway that serves a request in each lane and rejects a connection. */
async function linesOf(
  log: string,
  more: (serving: Serving) => Promise<void> = async () => undefined,
): Promise<{ readonly lines: Line[]; readonly text: string }> {
  const config = parseConfig(
    `
listen: { address: 127.0.0.1, port: 0 }
upstream: { url: "http://127.0.0.1:${backend.port}" }
passThrough: { paths: [{ path: /owa }] }
policy: { unknownDevice: allow }
limits: { maxConnections: 2 }
log: { destination: easgate.log, ${log} }
`,
    join(folder, 'easgate.yaml'),
  );
  const serving = await startServing(config, { sampleUrl: null, fd: null });
  const { gateway } = serving;
  await more(serving);
  await until(() => gateway.connections() === 0, 'the connections before to be gone');
  const phone = await RawClient.open(gateway.port);
  phone.send(request('FolderSync', FOLDER_SYNC));
  expect((await phone.response()).status).toBe(200);
  const browser = await RawClient.open(gateway.port);
  browser.send('GET /owa HTTP/1.1\r\nHost: mail.example.com\r\n\r\n');
  expect((await browser.response()).status).toBe(200);
  const third = connect({ port: gateway.port, host: '127.0.0.1' });
  third.on('error', () => undefined);
  await until(() => third.closed, 'the third connection to be turned away');
  for (const client of [phone, browser]) client.destroy();
  await gateway.close();
  await serving.close();
  // A thread may still write lines from before the end.
  await until(() => !process.getActiveResourcesInfo().includes('FSReqCallback'), 'the last write to end');
  const text = readFileSync(join(folder, 'easgate.log'), 'utf8');
  const lines = text
    .trim()
    .split('\n')
    .map((line): Line => JSON.parse(line));
  return { lines, text };
}

const requests = (lines: readonly Line[]) => lines.filter((line) => 'method' in line);
const troubles = (lines: readonly Line[]) => lines.filter((line) => 'code' in line);

describe('the log', () => {
  it('has a line for each request in either lane, with user, device and client', async () => {
    const { lines } = await linesOf('level: info');
    expect(requests(lines)).toMatchObject([
      {
        method: 'POST',
        command: 'FolderSync',
        status: 200,
        client: '127.0.0.1',
        user: 'alice',
        device: 'abc123',
        upstream: `127.0.0.1:${backend.port}`,
      },
      { method: 'GET', path: '/owa', status: 200, upstream: `127.0.0.1:${backend.port}` },
    ]);
    expect(troubles(lines)).toMatchObject([
      { level: 40, code: 'EASGATE_MAX_CONNECTIONS', connections: 1, client: '127.0.0.1' },
    ]);
  });

  it('has no identities in any line with log.identities: false', async () => {
    const { lines, text } = await linesOf('identities: false');
    expect(requests(lines)).toMatchObject([
      { method: 'POST', command: 'FolderSync', status: 200 },
      { method: 'GET', path: '/owa', status: 200 },
    ]);
    expect(troubles(lines)).toMatchObject([{ code: 'EASGATE_MAX_CONNECTIONS', connections: 1 }]);
    expect(text.replaceAll(`"upstream":"127.0.0.1:`, '')).not.toMatch(/alice|abc123|127\.0\.0\.1/i);
  });

  it('has no identities with log.identities: false when a record or a decision on another name is the cause', async () => {
    const more = async ({ store, gateway }: Serving): Promise<void> => {
      const odd = { action: 'nonsense' } as never;
      await store.decide({ user: 'x\\alice' as never, device: 'lost1' as never }, odd, BY_TEST);
      await store.decide({ user: 'x\\alice' as never, device: 'lost2' as never }, decision('block'), BY_TEST);
      for (const device of ['LOST1', 'LOST2']) {
        const client = await RawClient.open(gateway.port);
        client.send(request('FolderSync', FOLDER_SYNC, [], device));
        await client.response();
        client.destroy();
      }
    };
    const { lines, text } = await linesOf('identities: false', more);
    expect(troubles(lines).map(({ code }) => code)).toContain('EASGATE_CORRUPT_RECORD');
    expect(requests(lines)).toContainEqual(
      expect.objectContaining({ rule: 'decision on another name by admin' }),
    );
    expect(text).not.toMatch(/alice|lost[12]/i);
  });

  it('has no request lines with log.access: false, but still has warnings and errors', async () => {
    const { lines } = await linesOf('access: false');
    expect(requests(lines)).toEqual([]);
    expect(troubles(lines)).toHaveLength(1);
  });

  it('never has credentials or the query', async () => {
    const { text } = await linesOf('level: trace');
    expect(text).not.toMatch(/YWxpY2U6c2VjcmV0|secret|DeviceType=/);
  });
});

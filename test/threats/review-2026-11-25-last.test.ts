// Owns the promise that the holes found by the last review of 25 November 2026 stay closed.
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { startSupervisor } from '../../src/supervisor/supervisor.ts';
import type { WorkerPlan } from '../../src/supervisor/supervisor.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { fromXml } from '../../src/eas/wbxml/xml.ts';
import { AdmissionMemo } from '../../src/gateway/access/gate.ts';
import { Exchange } from '../../src/gateway/exchange/exchange.ts';
import { RequestHead } from '../../src/http/request-head.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { Journal } from '../../src/journal/journal.ts';
import { collector } from '../support/checks/heap.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { proof, startNtlmBackend } from '../support/servers/ntlm-backend.ts';
import { authenticateMessage, credentials, negotiateMessage } from '../support/phones/ntlm-tokens.ts';
import { openQuarantine } from '../support/servers/quarantine.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { FOLDER_SYNC, startTestGateway } from '../support/servers/test-gateway.ts';

checkLeaks();

const FAKE_WORKER = fileURLToPath(new URL('../support/servers/fake-worker.ts', import.meta.url));

describe('a gateway that was told to stop', () => {
  it('starts no worker when it is told to reload meanwhile', async () => {
    const config = configSchema.parse({ listen: { address: '127.0.0.1', port: 0 } });
    const plan: WorkerPlan = { config, source: { path: '', text: '' }, count: 1, sampleUrl: 'calm' };
    const supervisor = await startSupervisor({
      plan,
      entry: FAKE_WORKER,
      args: [],
      onEvent: () => undefined,
    });
    const stopped = supervisor.stop();
    const outcome = await supervisor.reload(plan).then(
      () => 'reloaded',
      (error: Error) => error.message,
    );
    await stopped;
    const left = supervisor.pids();
    await supervisor.stop();
    expect([outcome, left]).toEqual(['the gateway stops', []]);
  });
});

const FULL_PING = encodeWbxml(
  fromXml(
    '<Ping xmlns="Ping:"><HeartbeatInterval>600</HeartbeatInterval><Folders><Folder><Id>5</Id><Class>Email</Class></Folder></Folders></Ping>',
  ),
);

describe('a phone that was let in again', () => {
  it('is asked for its folders also when a stranger polled in its name with a wrong password', async () => {
    const world = await openQuarantine();
    world.gateway.change('phone1', 'allow');
    const stranger = world.phone({ password: 'wrong' });
    const poll = await stranger.command('Ping', FULL_PING, 'application/vnd.ms-sync.wbxml');
    const { easStatus } = await world.phone().ping();
    await world.close();
    expect([poll.status, easStatus]).toEqual([401, '3']);
  });
});

describe('a client that a trusted proxy does not name', () => {
  const says = (name: string, authorization: string | null): string =>
    [
      'POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&User=alice&DeviceId=PHONE1&DeviceType=Test HTTP/1.1',
      'Host: mail.example.com',
      ...(name.startsWith('for=') ? [`Forwarded: ${name}`] : [`X-Forwarded-For: ${name}`]),
      ...(authorization === null ? [] : [`Authorization: ${authorization}`]),
      'Content-Type: application/vnd.ms-sync.wbxml',
      'MS-ASProtocolVersion: 14.1',
      `Content-Length: ${FOLDER_SYNC.length}`,
      '',
      FOLDER_SYNC.toString('latin1'),
    ].join('\r\n');

  it.each([
    ['forwarded', 'for=192.0.2.1', 'for=unknown'],
    ['forwarded', 'for=_one', 'for=_two'],
    ['forwarded', 'for=unknown', 'for=unknown'],
    ['xForwardedFor', 'unknown', 'unknown'],
  ] as const)(
    'is not served as the one before it on the shared connection (%s: %s, %s)',
    async (header, first, second) => {
      const backend = await startNtlmBackend();
      const gateway = await startTestGateway(backend.port, {
        identity: { trustedProxies: ['127.0.0.1'], forwardedHeader: header },
      });
      const proxy = await RawClient.open(gateway.port);
      proxy.send(says(first, credentials('NTLM', negotiateMessage())));
      const offer = (await proxy.response()).header('www-authenticate') ?? '';
      const challenge = Buffer.from(offer.slice('NTLM '.length), 'base64').subarray(24, 32);
      proxy.send(says(first, credentials('NTLM', authenticateMessage({ user: 'alice' }, proof(challenge)))));
      await proxy.response();
      proxy.send(says(second, null));
      const { status } = await proxy.response();
      proxy.destroy();
      await gateway.close();
      await backend.close();
      expect(status).toBe(401);
    },
  );
});

describe('what the journal remembers of a device', () => {
  /** A journal that was told of `count` devices, each with a head of 16 KB. */
  function told(count: number, lines: Record<string, unknown>[]): Journal {
    const log = { warn: (line: Record<string, unknown>) => lines.push(line) };
    const journal = new Journal(log as unknown as Logger, true);
    for (let index = 0; index < count; index++) {
      const head = Buffer.alloc(16_000, `Apple\u009b31m-iPhone${index}`, 'latin1').toString('latin1');
      const exchange = new Exchange(0);
      exchange.device = `device${index}` as DeviceKey;
      exchange.userAgent = head.slice(0, 8_000);
      exchange.error = 'EASGATE_DEVICE_THROTTLED';
      journal.finished(exchange, '192.0.2.1');
    }
    return journal;
  }

  it('has a bound, and nothing that a terminal obeys', () => {
    const lines: Record<string, unknown>[] = [];
    told(1, lines).close();
    expect(lines[0]?.['user_agent']).toMatch(/^Apple31m-iPhone0[\x20-\x7e]{240}$/);
  });

  it('does not keep its heads in memory', () => {
    const used = collector();
    const before = used();
    const journal = told(1_000, []);
    expect(used() - before).toBeLessThan(4_000_000);
    journal.close();
  });
});

describe('a head that is said again', () => {
  const isKnown = (length: number): boolean => {
    const memo = new AdmissionMemo();
    const bytes = Buffer.alloc(length, 'x');
    for (let count = 0; count < 2; count++) memo.noteHead(new RequestHead('POST', '/', 1, length), bytes);
    return memo.sameHead(bytes) !== null;
  };

  it('is kept by its connection only when it is as short as those of phones', () => {
    expect([600, 4_096, 4_097, 16_000].map(isKnown)).toEqual([true, true, false, false]);
  });
});

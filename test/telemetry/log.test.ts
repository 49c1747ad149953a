// Owns the promises of the access log: lines as the logger writes them.
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { Exchange } from '../../src/gateway/exchange/exchange.ts';
import { deviceKey } from '../../src/identity/device.ts';
import { JsonLines } from '../../src/telemetry/access-json.ts';
import { AccessLog } from '../../src/telemetry/access-log.ts';
import { openLog } from '../../src/telemetry/logger.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openLogFile } from '../support/checks/log-file.ts';
import type { LogFile } from '../support/checks/log-file.ts';
import { verdict } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';

checkLeaks();

let file: LogFile;
beforeEach(() => {
  file = openLogFile();
});

/** With every field set that a line can have. */
function fullExchange(): Exchange {
  const exchange = new Exchange(Date.now());
  exchange.method = 'POST';
  exchange.command = 'Ping';
  exchange.autodiscover = { form: 'xml' } as never;
  exchange.protocolVersion = '14.1';
  exchange.deviceType = 'iPhone';
  exchange.userAgent = 'Apple-iPhone';
  exchange.user = 'alice' as never;
  exchange.device = deviceKey('ABC123');
  exchange.authorization = 'Basic c2VjcmV0';
  exchange.verdict = verdict('allow');
  exchange.error = 'EASGATE_SUPERSEDED';
  exchange.held = true;
  exchange.status = 200;
  return exchange;
}

const passage = {
  method: 'GET',
  path: '/owa/',
  status: 502,
  error: 'EASGATE_UPSTREAM_CONNECT',
  upstream: 'mail:80',
  address: '192.0.2.1',
  startedAt: Date.now(),
  bytesOut: 10,
} as const;

async function written(identities: boolean): Promise<void> {
  const log = openLog('info', file.path);
  const access = new AccessLog(log, new JsonLines(identities));
  access.record(fullExchange(), '192.0.2.1', Date.now());
  access.recordPassage(passage, Date.now());
  access.flush();
  await until(() => {
    log.flush();
    return file.text().split('\n').length > 2;
  });
}

describe('the access log', () => {
  it('truncates values that a client can make as long as a request head', async () => {
    const log = openLog('info', file.path);
    const access = new AccessLog(log, new JsonLines(true));
    const exchange = fullExchange();
    exchange.userAgent = 'Apple'.repeat(1_000);
    access.record(exchange, '192.0.2.1', Date.now());
    access.flush();
    access.recordPassage({ ...passage, path: '/owa/'.repeat(1_000) }, Date.now());
    await until(() => {
      log.flush();
      return file.text().split('\n').length > 2;
    });
    const [request, other] = file.lines();
    expect(request?.['user_agent']).toBe('Apple'.repeat(1_000).slice(0, 256));
    expect(other?.['path']).toBe('/owa/'.repeat(1_000).slice(0, 1_024));
  });

  it('has no terminal control characters, whatever name a phone reports', async () => {
    const log = openLog('info', file.path);
    const access = new AccessLog(log, new JsonLines(true));
    const exchange = fullExchange();
    exchange.userAgent = 'Apple\u009b2J\u007f-iPhone';
    exchange.deviceType = 'i\u202ePh\u2028one';
    access.record(exchange, '192.0.2.1', Date.now());
    access.flush();
    await until(() => {
      log.flush();
      return file.text() !== '';
    });
    expect(file.lines()[0]).toMatchObject({ user_agent: 'Apple2J-iPhone', device_type: 'iPhone' });
    expect(file.text()).not.toMatch(/[^\n -~]/);
  });

  it('has only keys that docs/guide/logs.md explains', async () => {
    await written(true);
    const docs = readFileSync(new URL('../../docs/guide/logs.md', import.meta.url), 'utf8');
    const table = docs.slice(docs.indexOf('## Lines'), docs.indexOf('## Events of phones'));
    const keys = file.lines().flatMap((line) => Object.keys(line));
    expect(new Set(keys).size).toBeGreaterThan(20);
    expect(keys.filter((key) => !table.includes(`\`${key}\``))).toEqual([]);
  });

  it('has no credentials, and no identities when these are off', async () => {
    await written(false);
    expect(file.lines()).toHaveLength(2);
    expect(file.text()).not.toMatch(/c2VjcmV0|alice|abc123|192\.0\.2\.1/i);
  });

  it('drops and counts lines instead of buffering without bound', async () => {
    const log = openLog('info', file.path);
    const access = new AccessLog(log, new JsonLines(true));
    for (let index = 0; index < 10_003; index++) access.record(fullExchange(), '192.0.2.1', Date.now());
    expect(access.dropped).toBe(3);
    await until(() => {
      log.flush();
      return file.text().split('\n').length > 10_000;
    });
    expect(file.lines()).toHaveLength(10_000);
  });
});

// Owns the promises of the forms of log lines: JSON made by hand, W3C extended for programs that read IIS logs, text for a person.
import { renameSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Exchange } from '../../src/gateway/exchange/exchange.ts';
import { JsonLines } from '../../src/telemetry/access-json.ts';
import { W3C_HEADER, W3cLines } from '../../src/telemetry/access-w3c.ts';
import type { FinishedPassage } from '../../src/telemetry/finished-request.ts';
import { humanLines } from '../../src/telemetry/human-lines.ts';
import { openLineFile } from '../../src/telemetry/logger.ts';
import { openLogFile } from '../support/checks/log-file.ts';
import { verdict } from '../support/servers/test-gateway.ts';
import { collector } from '../support/checks/heap.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const TIME = Date.UTC(2026, 10, 28, 9, 8, 7, 65);

function exchangeWith(change: Partial<Record<keyof Exchange, unknown>> = {}): Exchange {
  const exchange = new Exchange(0);
  const facts = {
    method: 'POST',
    command: 'Sync',
    protocolVersion: '16.1',
    deviceType: 'iPhone',
    userAgent: 'Apple-iPhone15C2/2105.219',
    user: 'alice',
    device: 'appl1',
    verdict: { ...verdict('allow'), rule: 'rule "VIPs"' },
    status: 200,
    attempts: 1,
    server: { settings: { name: 'mail1:443' } },
    bytesIn: 12,
    bytesOut: 3456,
  };
  return Object.assign(exchange, facts, change);
}

const passage: FinishedPassage = {
  method: 'GET',
  path: '/owa/my file',
  status: 200,
  error: null,
  upstream: 'mail1:443',
  address: '192.0.2.1',
  startedAt: 0,
  bytesOut: 10,
};

/** Threat: anybody sends requests of many devices, with heads full of one header, for memory that is never given back (CWE-400). */
it.each(['userAgent', 'protocolVersion'])('lines keep no long %s in memory', (header) => {
  const inUse = collector();
  const lines = new JsonLines(true);
  const before = inUse();
  for (let index = 0; index < 1_000; index++)
    lines.request(exchangeWith({ device: `appl${index}`, [header]: 'x'.repeat(30_000) + index }), '192.0.2.1', 5, TIME);
  expect(inUse() - before).toBeLessThan(8_000_000);
  expect(JSON.parse(lines.request(exchangeWith(), '192.0.2.1', 5, TIME)) as object).toMatchObject({ device: 'appl1' });
}); // prettier-ignore

describe('a JSON line', () => {
  it('has the fields of the request', () => {
    const line = new JsonLines(true).request(exchangeWith(), '192.0.2.1', 5, TIME);
    expect(JSON.parse(line)).toEqual({
      level: 30,
      time: '2026-11-28T09:08:07.065Z',
      client: '192.0.2.1',
      user: 'alice',
      device: 'appl1',
      method: 'POST',
      command: 'Sync',
      protocol_version: '16.1',
      device_type: 'iPhone',
      user_agent: 'Apple-iPhone15C2/2105.219',
      status: 200,
      action: 'allow',
      reason: 'compliant',
      rule: 'rule "VIPs"',
      upstream: 'mail1:443',
      upstream_reused: false,
      bytes_in: 12,
      bytes_out: 3456,
      duration_ms: 5,
    });
  });

  it('has nothing that a terminal obeys, whatever name somebody signs in with', () => {
    const user = 'a\u009b31m\u202eb\u061c\u2028';
    const line = new JsonLines(true).request(exchangeWith({ user }), '192.0.2.1', 5, TIME);
    expect(line).toMatch(/^[ -~]*\n$/);
    expect(JSON.parse(line)).toMatchObject({ user });
  });

  it('is one line of JSON whatever texts a client, a server or an operator gives', () => {
    const format = new JsonLines(true);
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(text, text, text, text, (user, agent, rule, name) => {
        const exchange = exchangeWith({
          user,
          userAgent: agent,
          verdict: { ...verdict('block'), rule },
          server: { settings: { name } },
        });
        const line = format.request(exchange, '192.0.2.1', 5, TIME);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(JSON.parse(line)).toMatchObject({ user, rule, upstream: name });
      }),
    );
  });

  it('writes the fields of this request, also after other requests of the same device', () => {
    const format = new JsonLines(true);
    const some = fc.constantFrom('a', 'b', 'ä', '\ud800', null);
    fc.assert(
      fc.property(
        fc.record({
          device: some,
          user: some,
          deviceType: some,
          userAgent: some,
          protocolVersion: some,
          command: some,
        }),
        (phone) => {
          const exchange = exchangeWith(phone);
          const line = format.request(exchange, '192.0.2.1', 5, TIME);
          expect(line).toBe(new JsonLines(true).request(exchange, '192.0.2.1', 5, TIME));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('is right for more phones than are kept', () => {
    const format = new JsonLines(true);
    for (const round of [1, 2])
      for (let index = 0; index < 5_000; index++) {
        const phone = { user: `user${index % 7}`, device: `appl${index}` };
        const line = format.request(exchangeWith(phone), '192.0.2.1', round, TIME);
        expect(JSON.parse(line)).toMatchObject(phone);
      }
  });
});

describe('a W3C line', () => {
  const fields = /^#Fields: (.*)$/m.exec(W3C_HEADER)?.[1]?.split(' ') ?? [];
  const read = (line: string): Record<string, string> => {
    expect(line.endsWith('\n')).toBe(true);
    const values = line.slice(0, -1).split(' ');
    expect(values).toHaveLength(fields.length);
    return Object.fromEntries(fields.map((name, index) => [name, values[index] ?? '']));
  };

  it('has the fields of its header, with the query in its plain form', () => {
    expect(read(new W3cLines(true).request(exchangeWith(), '192.0.2.1', 5, TIME))).toEqual({
      date: '2026-11-28',
      time: '09:08:07',
      'cs-method': 'POST',
      'cs-uri-stem': '/Microsoft-Server-ActiveSync',
      'cs-uri-query': 'Cmd=Sync&User=alice&DeviceId=appl1&DeviceType=iPhone',
      'cs-username': 'alice',
      'c-ip': '192.0.2.1',
      'cs(User-Agent)': 'Apple-iPhone15C2/2105.219',
      'sc-status': '200',
      'sc-bytes': '3456',
      'cs-bytes': '12',
      'time-taken': '5',
      'x-verdict': 'allow',
      'x-reason': 'compliant',
      'x-error': '-',
      'x-upstream': 'mail1:443',
    });
    expect(read(new W3cLines(true).passage(passage, 5, TIME))).toMatchObject({
      'cs-uri-stem': '/owa/my+file',
      'cs-username': '-',
    });
  });

  it('has its number of fields whatever texts a client gives', () => {
    const text = fc.string({ unit: 'binary' });
    const format = new W3cLines(true);
    fc.assert(
      fc.property(text, text, text, (user, agent, deviceType) => {
        const line = format.request(exchangeWith({ user, userAgent: agent, deviceType }), '::1', 5, TIME);
        expect(line).toMatch(/^[ -~]*\n$/);
        read(line);
      }),
    );
  });

  it.each([
    ['JSON', new JsonLines(false)],
    ['W3C', new W3cLines(false)],
  ])('names nobody without identities (%s)', (_form, format) => {
    const text = format.request(exchangeWith(), '192.0.2.1', 5, TIME) + format.passage(passage, 5, TIME);
    expect(text).not.toMatch(/alice|appl1|192\.0\.2\.1/);
  });

  it('stands under the header, also in the file that follows after a rotation', async () => {
    const { path } = openLogFile();
    const file = openLineFile(path, W3C_HEADER);
    file.writeLines('one\n', 1);
    renameSync(path, `${path}.1`);
    file.reopen();
    file.writeLines('two\n', 1);
    await file.drain();
    expect(readFileSync(`${path}.1`, 'utf8')).toBe(`${W3C_HEADER}one\n`);
    expect(readFileSync(path, 'utf8')).toBe(`${W3C_HEADER}two\n`);
  });
});

describe('text for a person', () => {
  it('begins with time, level and what happened, and has other fields by name', () => {
    const json = `{"level":40,"time":"2026-11-28T09:08:07.065Z","code":"EASGATE_STORE_AWAY","seconds":3,"msg":"the directory is away"}\n`;
    expect(humanLines(json, false)).toMatch(
      /^\d\d:\d\d:\d\d warn {2}EASGATE_STORE_AWAY the directory is away seconds=3\n$/,
    );
    expect(humanLines(json, true)).toContain('\u001b[33mwarn');
  });

  it('has no control characters of a client, which a terminal would obey', () => {
    const line = `${JSON.stringify({ level: 30, time: TIME, user_agent: 'a\u001b]0;x\u0007\u009b2J' })}\n`;
    expect(humanLines(line, false)).toMatch(/^[ -~]*\n$/);
  });

  it('leaves lines alone that are no JSON', () => {
    expect(humanLines('plain\n', true)).toBe('plain\n');
  });
});

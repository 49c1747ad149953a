// Owns the promises of `--context`: commands through the admin API print what they print on the machine of the gateway, and no
// command silently works on this machine instead.
import type { ServerResponse } from 'node:http';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { causeOf, upload } from '../../src/cli/remote/client.ts';
import { fromIsoTimes, withIsoTimes } from '../../src/app/times.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { deviceReport } from '../support/servers/directory-records.ts';
import { serveDuringTest } from '../support/servers/local-server.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { TestApi } from '../support/servers/test-api.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';

checkLeaks();

interface World {
  readonly api: TestApi;
  readonly contexts: string;
  readonly write: (text: string, mode?: number) => void;
  readonly here: (...words: string[]) => Promise<Ended>;
  readonly there: (...words: string[]) => Promise<Ended>;
}

async function open(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-context-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const config = join(folder, 'easgate.yaml');
  writeFileSync(config, 'store: { kind: embedded, path: easgate.db }\n');
  // The command makes the directory with its identity.
  await runInProcess('store', 'init', '--config', config);
  const store = new EmbeddedStore(join(folder, 'easgate.db'));
  await store.putDevices([deviceReport('good1' as DeviceKey)]);
  const api = await openTestApi({ store });
  vi.stubEnv('XDG_CONFIG_HOME', folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  mkdirSync(join(folder, 'easgate'));
  const contexts = join(folder, 'easgate', 'contexts.yaml');
  const write = (text: string, mode = 0o600): void => {
    writeFileSync(contexts, text);
    chmodSync(contexts, mode);
  };
  write(`contexts: { test: { url: "${api.url}", token: "${api.token('operator')}" } }\n`);
  return {
    api,
    contexts,
    write,
    here: (...words) => runInProcess(...words, '--config', config),
    there: (...words) => runInProcess(...words, '--context', 'test'),
  };
}

/** Without what differs by who decides, and when. The order of fields within a document is not compared. */
const same = (text: string): string[] =>
  text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/owner"?: .*/g, 'OWNER')
    .replaceAll(/by .*/g, 'BY')
    .split('\n')
    .map((line) => line.replace(/^[\s-]+/, '').replace(/,$/, ''))
    .toSorted();

describe('--context', () => {
  it.each([
    [['devices', 'show', 'GOOD1']],
    [['devices', 'show', 'GOOD1', '--json']],
    [['devices', 'block', 'GOOD1', '--reason', 'lost']],
    [['devices', 'allow', 'GOOD1', '--user', 'alice', '--expires', '7d', '--json']],
    [['devices', 'quarantine', 'NEVERSEEN']],
    [['devices', 'clear', 'GOOD1']],
  ])('prints what the command prints on the machine of the gateway: %j', async (words) => {
    const { here, there } = await open();
    const remote = await there(...words);
    if (words[1] !== 'show' && words[1] !== 'clear') await here('devices', 'clear', words[2] ?? '');
    if (words.includes('--user')) await here('devices', 'clear', words[2] ?? '', '--user', 'alice');
    const local = await here(...words);
    expect([remote.code, same(remote.out), same(remote.error)]).toEqual([
      local.code,
      same(local.out),
      same(local.error),
    ]);
    expect(remote.code).toBe(0);
  });

  it('decides in the name of the token, not of the login', async () => {
    const { api, there } = await open();
    await there('devices', 'block', 'GOOD1');
    expect(api.audited).toMatchObject([{ operation: 'decide', by: 'the operator', via: 'api' }]);
    const { code, error } = await there('devices', 'block', 'GOOD1', '--owner', 'somebody');
    expect([code, error]).toEqual([1, expect.stringContaining('EASGATE_CONTEXT_COMMAND')]);
    expect(api.audited).toHaveLength(1);
  });

  it('shows refusals of the API with their code', async () => {
    const { api, write, there } = await open();
    write(`contexts: { test: { url: "${api.url}", token: "${api.token('viewer')}" } }`);
    const { code, error } = await there('devices', 'block', 'GOOD1');
    expect([code, error]).toEqual([1, expect.stringContaining('EASGATE_API_FORBIDDEN')]);
  });

  it('takes an address, and the token of EASGATE_TOKEN', async () => {
    const { api } = await open();
    const show = ['devices', 'show', 'GOOD1', '--context', api.url];
    expect((await runInProcess(...show)).error).toContain('EASGATE_TOKEN');
    vi.stubEnv('EASGATE_TOKEN', api.token('viewer'));
    expect((await runInProcess(...show)).out).toContain('good1');
  });

  it('says that no admin API answers', async () => {
    await open();
    vi.stubEnv('EASGATE_TOKEN', 'easgate_t_x');
    const { error } = await runInProcess('devices', 'show', 'GOOD1', '--context', 'http://127.0.0.1:1');
    expect(error).toContain('EASGATE_CONTEXT_AWAY');
    expect(error).not.toContain('easgate_t_x');
  });

  it('names the control process when no answer comes in time, not the HTTP library', () => {
    const waited = Object.assign(new Error('Headers Timeout Error'), { code: 'UND_ERR_HEADERS_TIMEOUT' });
    expect(causeOf(waited, 130_000)).toMatch(/^no answer within 130 seconds; run `easgate status`/);
  });

  it('waits for an import as long as a gateway may take for it', async () => {
    const { promise: arrived, resolve } = Promise.withResolvers<ServerResponse>();
    const url = await serveDuringTest((request, response) => {
      request.resume().on('end', () => resolve(response));
    });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const file = Readable.from([Buffer.from('id,managed')]);
    const imported = upload({ url, token: 'easgate_t_x', ca: null }, 'importFile', {}, file);
    const ended = imported.catch((error: unknown) => error);
    const response = await arrived;
    await vi.advanceTimersByTimeAsync(800_000);
    response.writeHead(409).end('{"code":"EASGATE_HELD","detail":"held"}');
    expect(await ended).toMatchObject({ code: 'EASGATE_HELD' });
  });

  it('waits some seconds for the status of a gateway whose control process does not answer', async () => {
    const { write, there } = await open();
    const silent = await serveDuringTest(() => undefined);
    write(`contexts: { test: { url: "${silent}", token: easgate_t_x } }`);
    const { code, error } = await there('status');
    expect([code, error]).toEqual([
      1,
      expect.stringMatching(/does not answer: no answer within 8 seconds; run/),
    ]);
  });

  it.each([
    ['of another version', '{"key":"good1"}', 'showDevice is of another version of easgate (aliases: '],
    ['that is not JSON', '<html>', 'showDevice is not JSON'],
  ])('refuses an answer %s', async (_name, answer, said) => {
    await open();
    const url = await serveDuringTest((_request, response) => void response.end(answer));
    vi.stubEnv('EASGATE_TOKEN', 'easgate_t_x');
    const { code, out, error } = await runInProcess('devices', 'show', 'GOOD1', '--context', url);
    expect([code, out, error]).toEqual([1, '', expect.stringContaining('EASGATE_CONTEXT_AWAY')]);
    expect(error).toContain(said);
  });

  it.each([
    ['a file that others can read', 'contexts: {}', 0o644, 'chmod 600'],
    ['no such context', 'contexts: { other: { url: "https://a.example", token: x } }', 0o600, 'other'],
    ['no token', 'contexts: { test: { url: "https://a.example" } }', 0o600, 'EASGATE_TOKEN'],
    ['plain HTTP', 'contexts: { test: { url: "http://a.example", token: x } }', 0o600, 'https://HOST'],
    ['a path', 'contexts: { test: { url: "https://a.example/x", token: x } }', 0o600, 'https://HOST'],
    [
      'an unknown field',
      'contexts: { test: { url: "https://a.example", tokn: easgate_t_x } }',
      0o600,
      'tokn',
    ],
    ['no YAML', 'contexts: { test: { token: easgate_t_x', 0o600, 'not YAML'],
  ])('is refused for %s', async (_name, text, mode, said) => {
    const { write, there } = await open();
    write(text, mode);
    const { code, error } = await there('devices', 'show', 'GOOD1');
    expect([code, error]).toEqual([1, expect.stringContaining('EASGATE_CONTEXT')]);
    expect(error).toContain(said);
    expect(error).not.toContain('easgate_t_x');
  });
});

describe('times of an answer', () => {
  it('are those of the use case again', () => {
    const document = {
      decidedAt: 5,
      at: 7,
      rows: [{ lastSeen: 1_700_000_000_123, name: '2026-01-01T00:00:00.000Z' }],
    };
    expect(fromIsoTimes(withIsoTimes(document))).toEqual(document);
  });
});

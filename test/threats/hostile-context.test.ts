// Threat: the gateway of a context, or somebody in its place, answers the command line with what a terminal executes, with very much, or
// with an address for the token (CWE-150, CWE-400, CWE-522).
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { shownLines } from '../../src/cli/output.ts';
import { fitTable } from '../../src/cli/table.ts';
import { runInProcess } from '../cli/run-in-process.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { serveDuringTest } from '../support/servers/local-server.ts';

checkLeaks();

const TOKEN = 'easgate_t_hostile';
/** Sets the title, clears, moves the cursor; C1 form; turns the direction; a line over the one before. */
const EVIL = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e\rnothing to see';
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

beforeEach(() => {
  vi.stubEnv('EASGATE_TOKEN', TOKEN);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const json =
  (document: unknown, status = 200): RequestListener =>
  (request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document));
  };

const token = {
  id: EVIL,
  name: EVIL,
  role: 'admin',
  createdBy: EVIL,
  createdAt: '2026-11-28T00:00:00.000Z',
  expiresAt: null,
  lastUsedAt: null,
};

describe('what a terminal would execute', () => {
  it.each<[string, string[], RequestListener]>([
    ['a refusal', ['devices', 'show', 'A1'], json({ code: EVIL, detail: EVIL }, 403)],
    ['rows', ['tokens', 'list'], json({ rows: [token] })],
    ['rows as JSON', ['tokens', 'list', '--json'], json({ rows: [token] })],
    [
      'lines of a file',
      ['export', 'devices', '--format', 'ndjson'],
      (_request, response) => void response.end(`${EVIL}\r\n`),
    ],
    [
      'lines of a file, in parts',
      ['export', 'devices', '--format', 'ndjson'],
      (_request, response) => {
        for (const part of ['ID\r', '\nA1\r', 'B2', '\u001b', '[2J\r\n']) response.write(part);
        response.end();
      },
    ],
  ])('is shown as ?: %s', async (_name, words, answer) => {
    const { out, error } = await runInProcess(...words, '--context', await serveDuringTest(answer));
    expect((out + error).replaceAll('\r\n', '\n')).not.toMatch(CONTROL);
    expect(out + error).toMatch(/\?|\\u00/);
  });

  it('is not part of any line that is printed', () => {
    expect(shownLines(`a\u001b[31mb\u001b[39m\tc\r\nd\n${EVIL}`)).not.toMatch(
      /\u001b(?!\[\d\dm)|[\u0007\u009b\u202e]/,
    );
    expect(shownLines('a\u001b[31mb\u001b[39m\tc\r\nd\n')).toBe('a\u001b[31mb\u001b[39m\tc\r\nd\n');
  });

  it('makes no further row of a table', () => {
    const { text } = fitTable([{ title: 'ID', cell: (id: string) => id }], ['A1\nB2  allowed'], null);
    expect(text).toBe('ID\nA1?B2  allowed\n');
  });
});

describe('the token', () => {
  it('is sent to no other address', async () => {
    const asked: (string | undefined)[] = [];
    const other = await serveDuringTest((request, response) => {
      asked.push(request.headers.authorization);
      response.end('{}');
    });
    for (const status of [301, 302, 307, 308]) {
      const url = await serveDuringTest((_request, response) => {
        response.writeHead(status, { location: `${other}/api/v1/devices/a1` });
        response.end();
      });
      const { code, error } = await runInProcess('devices', 'show', 'A1', '--context', url);
      expect([code, error]).toEqual([1, expect.stringContaining(`status ${status}`)]);
    }
    expect(asked).toEqual([]);
  });

  it('is not in the error about it', async () => {
    vi.stubEnv('EASGATE_TOKEN', `${TOKEN}\nX-Other: 1`);
    const { code, error } = await runInProcess(
      'devices',
      'show',
      'A1',
      '--context',
      await serveDuringTest(json({})),
    );
    expect([code, error]).toEqual([1, expect.not.stringContaining(TOKEN)]);
  });

  it.each(['https://ada:secret@gateway.example', 'https://ada:secret@', 'ftp://ada:secret@gateway.example'])(
    'nor is a password of the address: %s',
    async (url) => {
      for (const value of [TOKEN, '']) {
        vi.stubEnv('EASGATE_TOKEN', value);
        const { code, error } = await runInProcess('devices', 'show', 'A1', '--context', url);
        expect([code, error]).toEqual([1, expect.stringContaining('EASGATE_CONTEXT')]);
        expect(error).not.toContain('secret');
      }
    },
  );
});

it('the token of a file of contexts with a tag is in no warning', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-context-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'easgate'));
  const text = `contexts: { a: { url: "http://127.0.0.1:1", token: !secret ${TOKEN} } }`;
  writeFileSync(join(folder, 'easgate', 'contexts.yaml'), text, { mode: 0o600 });
  vi.stubEnv('XDG_CONFIG_HOME', folder);
  vi.stubEnv('EASGATE_TOKEN', undefined);
  const warned: string[] = [];
  const note = ({ message }: Error): void => void warned.push(message);
  process.on('warning', note);
  onTestFinished(() => void process.off('warning', note));
  const { error } = await runInProcess('devices', 'show', 'A1', '--context', 'a');
  expect(warned.join('') + error).not.toContain(TOKEN);
});

it('a refusal without an end fills no memory', async () => {
  let sent = 0;
  const url = await serveDuringTest((_request, response) => {
    response.writeHead(500);
    const part = Buffer.alloc(65_536, 'x');
    const more = (): void => {
      while (!response.destroyed && response.write(part)) sent += part.length;
      sent += part.length;
    };
    response.on('drain', more);
    more();
  });
  const { code, error } = await runInProcess('export', 'devices', '--format', 'ndjson', '--context', url);
  expect([code, error]).toEqual([1, expect.stringContaining('status 500')]);
  expect(sent).toBeLessThan(64 * 1_048_576);
});

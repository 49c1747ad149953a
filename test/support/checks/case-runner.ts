// Owns running one case of test/fixtures/cases: a gateway with its configuration, a mail server that only checks for credentials,
// and the log.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { startServing } from '../../../src/worker/runtime.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { openLogFile } from './log-file.ts';
import type { LogFile, LogLine } from './log-file.ts';
import { TestClock } from './test-clock.ts';
import { backendOf } from '../servers/openings.ts';
import { OFFER, ok } from '../servers/raw-backend.ts';
import type { BackendRequest } from '../servers/raw-backend.ts';
import { RawClient } from '../phones/raw-client.ts';
import type { RawResponse } from '../phones/raw-client.ts';

/** A request as a client sends it; see test/fixtures/cases/README.md. */
export interface ClientRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyBase64?: string;
  /** Default `mail.example.com`. */
  readonly host?: string;
}

/** The expected result. */
export interface CaseExpectation {
  readonly status?: number | readonly number[];
  /** A request of the same method reached the mail server. */
  readonly upstream?: boolean;
  /** Its exact target. */
  readonly upstreamTarget?: string;
  readonly upstreamHeadersLack?: string;
  readonly challenge?: boolean;
  readonly bodyContains?: string;
  readonly user?: string;
  readonly device?: string;
  readonly deviceType?: string;
  readonly command?: string;
  readonly action?: string;
  readonly reason?: string;
  readonly error?: string;
  /** The request is repeated so often, until `event` happens; the seconds are those of the gateway's clock. */
  readonly repeat?: { readonly perSecond: number; readonly seconds: number };
  /** An event of the log. */
  readonly event?: string;
  readonly note?: string;
}

/** One case. */
export interface ClientCase {
  readonly name: string;
  readonly source: string;
  readonly setup?: {
    readonly commands?: readonly string[];
    readonly config?: Readonly<Record<string, unknown>>;
  };
  readonly request: ClientRequest;
  readonly expect: CaseExpectation;
}

const FOLDER = new URL('../../fixtures/cases/', import.meta.url);
const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));

/** All cases, by file name. */
export function clientCases(): { readonly file: string; readonly clientCase: ClientCase }[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .map((file) => ({
      file: file.replace('.json', ''),
      clientCase: JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as ClientCase,
    }));
}

/** The two challenges of a server with modern authentication. */
const CHALLENGE =
  'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="mail"\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n';

function mailServer(request: BackendRequest): void {
  const { socket } = request.connection;
  socket.write(request.header('authorization') === undefined ? CHALLENGE : ok('ok', OFFER));
}

/** Every field that an expectation may have; any other field is an error, since it would not be checked. */
const CHECKED: ReadonlySet<string> = new Set([
  'status',
  'upstream',
  'upstreamTarget',
  'upstreamHeadersLack',
  'challenge',
  'bodyContains',
  'user',
  'device',
  'deviceType',
  'command',
  'action',
  'reason',
  'error',
  'repeat',
  'event',
  'note',
]);

/** Sends the request of a case and checks every expectation. */
export async function runCase({ setup, request, expect: right }: ClientCase): Promise<void> {
  for (const name of Object.keys(right)) if (!CHECKED.has(name)) throw new Error(`not checked here: ${name}`);
  const log = openLogFile();
  const backend = await backendOf(mailServer);
  const path = join(dirname(log.path), 'easgate.yaml');
  const text = stringify({
    listen: { address: '127.0.0.1', port: 0 },
    upstream: { url: `http://127.0.0.1:${backend.port}` },
    publicUrl: 'https://mail.example.com/Microsoft-Server-ActiveSync',
    autodiscover: {},
    policy: { unknownDevice: 'allow' },
    store: { kind: 'embedded', path: 'directory.db' },
    log: { destination: 'easgate.log', level: 'info', access: true, identities: true },
    ...setup?.config,
  });
  writeFileSync(path, text);
  for (const command of setup?.commands ?? []) runCommand(command, path);
  const clock = new TestClock();
  const timing = right.repeat === undefined ? {} : { clock: clock.now };
  const serving = await startServing(parseConfig(text, path), { sampleUrl: null, fd: null, ...timing });
  const client = await RawClient.open(serving.gateway.port);
  const bytes = bytesOf(request);
  let response: RawResponse;
  try {
    client.send(bytes);
    response = await client.response();
    if (right.repeat !== undefined) response = await repeat(right, client, bytes, clock, log);
  } finally {
    client.destroy();
    await serving.gateway.close();
    await serving.close();
  }
  const arrived = backend.requests.filter(({ method }) => method === request.method);
  checkResponse(response, right);
  checkUpstream(arrived, right);
  checkLine(log.lines().find(({ duration_ms }) => duration_ms !== undefined) ?? {}, right);
  if (right.event !== undefined) expect(log.events(right.event)).not.toEqual([]);
}

/** Repeats the request until the event happens, at most for the given time; returns the last response. */
async function repeat(
  { repeat: pace, event = '' }: CaseExpectation,
  client: RawClient,
  bytes: Buffer,
  clock: TestClock,
  log: LogFile,
): Promise<RawResponse> {
  const { perSecond = 1, seconds = 1 } = pace ?? {};
  let response: RawResponse | null = null;
  for (let second = 0; second < seconds && log.events(event).length === 0; second++) {
    await clock.advance(1_000);
    for (let sent = 0; sent < perSecond; sent++) {
      client.send(bytes);
      response = await client.response();
    }
  }
  if (response === null) throw new Error(`${event} happened at the first request`);
  return response;
}

function runCommand(command: string, config: string): void {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, ...command.split(' '), '--config', config], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`easgate ${command}: ${stderr}`);
}

function bytesOf({
  method,
  target,
  headers,
  bodyBase64 = '',
  host = 'mail.example.com',
}: ClientRequest): Buffer {
  const body = Buffer.from(bodyBase64, 'base64');
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  const framed = names.includes('content-length') || names.includes('transfer-encoding');
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${host}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(framed ? [] : [`Content-Length: ${body.length}`]),
    '',
    '',
  ];
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), body]);
}

function checkResponse(response: RawResponse, right: CaseExpectation): void {
  if (right.status !== undefined) expect([right.status].flat()).toContain(response.status);
  if (right.challenge === true) expect(response.header('www-authenticate')).toMatch(/^Basic /);
  if (right.bodyContains !== undefined) expect(response.body.toString()).toContain(right.bodyContains);
}

function checkUpstream(arrived: readonly BackendRequest[], right: CaseExpectation): void {
  if (right.upstream !== undefined) expect(arrived.length > 0).toBe(right.upstream);
  if (right.upstreamTarget !== undefined) expect(arrived.at(-1)?.target).toBe(right.upstreamTarget);
  const { upstreamHeadersLack } = right;
  if (upstreamHeadersLack !== undefined)
    for (const { head } of arrived) expect(head).not.toContain(upstreamHeadersLack);
}

/** Log fields, named as in docs/guide/logs.md. */
const LOGGED = [
  ['user', 'user'],
  ['device', 'device'],
  ['deviceType', 'device_type'],
  ['command', 'command'],
  ['action', 'action'],
  ['reason', 'reason'],
  ['error', 'error'],
] as const;

function checkLine(line: LogLine, right: CaseExpectation): void {
  for (const [name, logged] of LOGGED)
    if (right[name] !== undefined) expect([name, line[logged]]).toEqual([name, right[name]]);
}

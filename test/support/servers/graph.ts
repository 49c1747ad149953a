// Owns a double of Microsoft Graph and of its sign-in: token, managed devices, users/delta, groups, policy states, with the failures
// that the documentation and its issues name.
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SERVER_CERTIFICATE, SERVER_KEY } from '../../fixtures/tls.ts';
import { closeServer, listenLocally } from './local-server.ts';

type Json = Record<string, unknown>;

/** Replaces one answer. */
export interface Fault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** `hang`: no answer; `cut`: the body ends early. */
  readonly how?: 'hang' | 'cut';
}

/** The double; all of it may be changed between requests. */
export interface GraphDouble {
  /** Its address, for sign-in and Graph. */
  readonly url: string;
  devices: Json[];
  users: Json[];
  /** What users/delta answers to a delta link. */
  changedUsers: Json[];
  groups: Record<string, { readonly name: string; readonly members: Json[] }>;
  /** Unmet policies by device. */
  policies: Record<string, Json[]>;
  pageSize: number;
  /** What managedDeviceOverview counts; null = the devices. */
  count: number | null;
  /** What $count answers for members; null = the members. */
  memberCount: number | null;
  /** `lastSyncDateTime ge` finds nothing. */
  windowIsBlind: boolean;
  /** Answers the n-th request (from 1) to Graph in another way. */
  fault: (path: string, place: number) => Fault | null;
  /** Tokens that Graph no longer takes. */
  readonly ended: Set<string>;
  /** Paths with queries, of requests to Graph. */
  readonly asked: string[];
  /** Forms of requests for a token. */
  readonly signIns: URLSearchParams[];
  refusesSignIn: boolean;
  close(): Promise<void>;
}

/** Starts it on a free port, with TLS for localhost. */
export async function startGraph(): Promise<GraphDouble> {
  const server = createServer({ cert: SERVER_CERTIFICATE, key: SERVER_KEY }, (request, response) => {
    void handle(double, request, response);
  });
  const port = await listenLocally(server);
  const double: GraphDouble = {
    url: `https://localhost:${port}`,
    devices: [],
    users: [],
    changedUsers: [],
    groups: {},
    policies: {},
    pageSize: 2,
    count: null,
    memberCount: null,
    windowIsBlind: false,
    fault: () => null,
    ended: new Set(),
    asked: [],
    signIns: [],
    refusesSignIn: false,
    close: () => closeServer(server),
  };
  return double;
}

async function handle(
  double: GraphDouble,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', double.url);
  if (request.method === 'POST') {
    let text = '';
    for await (const piece of request) text += String(piece);
    signIn(double, new URLSearchParams(text), response);
    return;
  }
  double.asked.push(url.pathname + decodeURIComponent(url.search));
  const fault = double.fault(url.pathname, double.asked.length);
  const token = request.headers.authorization ?? '';
  if (fault !== null) {
    if (fault.how === 'hang') return;
    response.writeHead(fault.status ?? 200, {
      ...fault.headers,
      ...(fault.how === 'cut' && { 'content-length': '5000' }),
    });
    if (fault.how === 'cut') response.write('{"value":[', () => response.destroy());
    else response.end(fault.body ?? '{"error":{"code":"tooManyRequests","message":"with a secret-value"}}');
    return;
  }
  if (!token.startsWith('Bearer token-') || double.ended.has(token.slice('Bearer '.length))) {
    reply(response, { error: { code: 'InvalidAuthenticationToken' } }, 401);
    return;
  }
  const answer = find(double, url);
  reply(response, answer ?? { error: { code: 'ResourceNotFound' } }, answer === null ? 404 : 200);
}

function signIn(double: GraphDouble, form: URLSearchParams, response: ServerResponse): void {
  double.signIns.push(form);
  if (double.refusesSignIn) {
    reply(
      response,
      { error: 'invalid_client', error_description: 'AADSTS7000222: The secret is expired.' },
      401,
    );
    return;
  }
  const token = `token-${String(double.signIns.length)}`;
  reply(response, { token_type: 'Bearer', expires_in: 3_599, access_token: token });
}

function find(double: GraphDouble, url: URL): Json | null {
  const path = url.pathname.replace('/v1.0/', '');
  if (path === 'deviceManagement/managedDevices') return page(double, url, inWindow(double, url));
  if (path === 'deviceManagement/managedDeviceOverview')
    return { enrolledDeviceCount: double.count ?? double.devices.length };
  const [, device] =
    /^deviceManagement\/managedDevices\/(.+)\/deviceCompliancePolicyStates$/.exec(path) ?? [];
  if (device !== undefined) {
    const value = double.policies[device];
    return value === undefined ? null : { value };
  }
  if (path === 'users/delta') {
    const isChange = url.searchParams.has('$deltatoken');
    const list = page(double, url, isChange ? double.changedUsers : double.users);
    const delta = { '@odata.deltaLink': `${double.url}/v1.0/users/delta?$deltatoken=next` };
    return '@odata.nextLink' in list ? list : { ...list, ...delta };
  }
  const [, id, members] = /^groups\/([^/]+)(\/transitiveMembers\/.*)?$/.exec(path) ?? [];
  const group = double.groups[id ?? ''];
  if (group === undefined) return null;
  if (members === undefined) return { id, displayName: group.name };
  return { '@odata.count': double.memberCount ?? group.members.length, ...page(double, url, group.members) };
}

function inWindow(double: GraphDouble, url: URL): Json[] {
  const [, since] = /lastSyncDateTime ge (\S+)/.exec(url.searchParams.get('$filter') ?? '') ?? [];
  if (since === undefined) return double.devices;
  if (double.windowIsBlind) return [];
  return double.devices.filter(
    ({ lastSyncDateTime }) => Date.parse(String(lastSyncDateTime)) >= Date.parse(since),
  );
}

function page(double: GraphDouble, url: URL, all: readonly Json[]): Json {
  const start = Number(url.searchParams.get('$skiptoken') ?? 0);
  const end = start + double.pageSize;
  const value = all.slice(start, end);
  if (end >= all.length) return { value };
  url.searchParams.set('$skiptoken', String(end));
  return { value, '@odata.nextLink': url.href };
}

function reply(response: ServerResponse, body: Json, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

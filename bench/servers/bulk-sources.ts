// Owns the sources of a bulk: files, doubles of a JSON API and of Microsoft Graph whose pages are made as they are asked for, and a directory
// of users in slapd.
import { closeSync, openSync, writeSync } from 'node:fs';
import { startJsonApi } from '../../test/support/servers/json-api.ts';
import type { Answer, JsonApi } from '../../test/support/servers/json-api.ts';
import { SUFFIX, startSlapd } from '../../test/support/servers/slapd.ts';
import type { TestSlapd } from '../../test/support/servers/slapd.ts';
import {
  checkIn,
  entraUser,
  firstSince,
  graphRecord,
  ldifUser,
  ownRecord,
  partsOf,
  rangeOf,
} from '../core/bulk-records.ts';
import type { FileForm } from '../core/bulk-records.ts';

const PAGE = 1_000;
/** slapd's data file is sparse: what is not used takes no room. */
const LARGEST_DIRECTORY = 8_589_934_592;

/** Writes a file of so many records. */
export function writeTable(path: string, { header, line }: FileForm, count: number): void {
  const file = openSync(path, 'w');
  try {
    writeSync(file, `${header}\n`);
    for (const [from, to] of partsOf(count, PAGE))
      writeSync(file, rangeOf(from, to, (index) => `${line(index)}\n`).join(''));
  } finally {
    closeSync(file);
  }
}

/** A JSON API of so many devices, with numbered pages of `items` and their `total`. */
export async function startDeviceApi(count: number): Promise<JsonApi> {
  const api = await startJsonApi();
  api.answer = ({ target }): Answer => {
    const from = Number(new URL(target, api.url).searchParams.get('page')) * PAGE;
    return { body: { items: rangeOf(from, Math.min(from + PAGE, count), ownRecord), total: count } };
  };
  return api;
}

/** Microsoft Graph with so many managed devices, and its sign-in. */
export async function startManagedDevices(count: number): Promise<JsonApi> {
  const api = await startJsonApi();
  api.answer = ({ target }): Answer => {
    const url = new URL(target, api.url);
    if (url.pathname.endsWith('/token'))
      return { body: { token_type: 'Bearer', expires_in: 3_599, access_token: 'token-1' } };
    if (url.pathname.endsWith('/managedDeviceOverview')) return { body: { enrolledDeviceCount: count } };
    if (!url.pathname.endsWith('/managedDevices')) return { status: 404, body: {} };
    return { body: managedDevices(url, count) };
  };
  return api;
}

/** Microsoft Graph with so many users, who all are in each of its groups, and its sign-in. */
export async function startEntra(count: number): Promise<JsonApi> {
  const api = await startJsonApi();
  api.answer = ({ target }): Answer => {
    const url = new URL(target, api.url);
    if (url.pathname.endsWith('/token'))
      return { body: { token_type: 'Bearer', expires_in: 3_599, access_token: 'token-1' } };
    if (url.pathname.endsWith('/users/delta')) {
      const end = { '@odata.deltaLink': new URL('/v1.0/users/delta?$deltatoken=1', api.url).href };
      return { body: pageOf(url, count, entraUser, end) };
    }
    if (url.pathname.endsWith('/transitiveMembers/microsoft.graph.user'))
      return { body: { '@odata.count': count, ...pageOf(url, count, entraUser) } };
    const [, id] = /\/groups\/([^/]+)$/.exec(url.pathname) ?? [];
    return id === undefined ? { status: 404, body: {} } : { body: { id, displayName: `Group ${id}` } };
  };
  return api;
}

/** A page of a list of so many records. `end`: what else the last page has. */
function pageOf(url: URL, count: number, form: (index: number) => object, end: object = {}): object {
  const from = Number(url.searchParams.get('$skiptoken') ?? 0);
  const to = Math.min(from + PAGE, count);
  const value = rangeOf(from, to, form);
  if (to >= count) return { value, ...end };
  url.searchParams.set('$skiptoken', String(to));
  return { value, '@odata.nextLink': url.href };
}

function managedDevices(url: URL, count: number): object {
  const [, since = checkIn(0).toISOString()] =
    /lastSyncDateTime ge (\S+)/.exec(url.searchParams.get('$filter') ?? '') ?? [];
  const from = Number(url.searchParams.get('$skiptoken') ?? firstSince(Date.parse(since)));
  const to = Math.min(from + PAGE, count);
  const value = rangeOf(from, to, graphRecord);
  if (to >= count) return { value };
  url.searchParams.set('$skiptoken', String(to));
  return { value, '@odata.nextLink': url.href };
}

/** slapd with so many users. */
export function startUserDirectory(count: number): Promise<TestSlapd> {
  return startSlapd(usersOf(count), { maxBytes: LARGEST_DIRECTORY });
}

function* usersOf(count: number): Generator<string> {
  for (const [from, to] of partsOf(count, PAGE))
    yield rangeOf(from, to, (index) => ldifUser(index, SUFFIX)).join('');
}

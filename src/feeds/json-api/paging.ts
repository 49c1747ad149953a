// Owns what a page of a list says: its records, how many there are in all, and where the next page is. Pure.
import { FeedError } from '../contract.ts';
import { pathToList } from '../files/pages.ts';
import type { HttpSettings } from './settings.ts';

/** A page as it was answered. */
export interface Page {
  readonly url: URL;
  readonly body: unknown;
  /** The value of a header; null = there is none, or several. */
  readonly header: (name: string) => string | null;
}

/** A part of a document by names; undefined = there is none. */
export function valueAt(document: unknown, path: string): unknown {
  let at = document;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = Reflect.get(at, name);
  }
  return at;
}

/** The records of a page. @throws FeedError where it has no list: an error in place of a page must not be an empty list */
export function recordsOf({ body }: Page, list: string | undefined): readonly unknown[] {
  const found = list === undefined ? listIn(body) : valueAt(body, list);
  if (Array.isArray(found)) return found;
  throw new FeedError(
    'EASGATE_FEED_ANSWER',
    list === undefined
      ? 'the answer has no list of records, or several: name it by `list`'
      : `the answer has no list at ${list}`,
  );
}

function listIn(body: unknown): unknown {
  if (Array.isArray(body)) return body;
  const path = pathToList(body);
  if (path === null) return null;
  let at: unknown = body;
  for (const name of path) at = Reflect.get(at as object, name);
  return at;
}

/** How many records the source says it has in all; null = it does not say. @throws FeedError where that is no number */
export function countOf(
  page: Page,
  { count, countHeader }: Pick<HttpSettings, 'count' | 'countHeader'>,
): number | null {
  const said = [
    ...(count === undefined ? [] : [valueAt(page.body, count)]),
    ...(countHeader === undefined ? [] : [page.header(countHeader)]),
  ];
  if (said.length === 0) return null;
  const [first] = said;
  const number = typeof first === 'string' && /^\d{1,12}$/.test(first) ? Number(first) : first;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
  throw new FeedError(
    'EASGATE_FEED_ANSWER',
    `the answer does not say how many records there are (${count ?? countHeader ?? ''})`,
  );
}

/** One link: its target, and its parameters with quoted texts, which may have commas and brackets (RFC 8288 3). */
const LINK = /\s*(?:,\s*)?<([^>]*)>((?:[^",]|"(?:[^"\\]|\\.)*")*)/y;
const REL = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i;
const MAX_LINKS = 50;

/** The target of rel=next among links (RFC 8288 3.3); null = none. */
export function nextLink(header: string | null): string | null {
  const links = (header ?? '').slice(0, MAX_LINK);
  LINK.lastIndex = 0;
  for (let count = 0; count < MAX_LINKS; count++) {
    const [, target, parameters = ''] = LINK.exec(links) ?? [];
    if (target === undefined) return null;
    const [, quoted, plain] = REL.exec(parameters) ?? [];
    if ((quoted ?? plain ?? '').toLowerCase().split(/\s+/).includes('next')) return target;
  }
  return null;
}

const MAX_LINK = 16_384;

/** What was read of a list so far. */
export interface Progress {
  readonly pages: number;
  readonly records: number;
  /** Records of the last page. */
  readonly last: number;
  /** How many there are in all; null = not known. */
  readonly count: number | null;
}

/** The address of the first page. */
export function firstUrl({ url, paging }: Pick<HttpSettings, 'url' | 'paging'>): URL {
  const first = new URL(url);
  if (paging.parameter === undefined || paging.by === 'cursor') return first;
  first.searchParams.set(paging.parameter, String(paging.by === 'page' ? paging.first : 0));
  return first;
}

/** The address of the next page; null = the page was the last one. @throws FeedError */
export function nextUrl(
  page: Page,
  { url, paging }: Pick<HttpSettings, 'url' | 'paging'>,
  read: Progress,
): URL | null {
  const { by, next: path = '', parameter = '' } = paging;
  if (by === 'link' || by === 'next') {
    const link = by === 'link' ? nextLink(page.header('link')) : valueAt(page.body, path);
    if (isNone(link)) return null;
    return ownUrl(link, page.url);
  }
  if (by === 'cursor') {
    const cursor = valueAt(page.body, path);
    if (isNone(cursor)) return null;
    if ((typeof cursor !== 'string' && typeof cursor !== 'number') || String(cursor).length > MAX_LINK)
      throw new FeedError('EASGATE_FEED_ANSWER', `the cursor at ${path} is no text`);
    return withParameter(url, parameter, String(cursor));
  }
  // A page may be short although others follow: only an empty one, or the count, ends the list.
  if (read.last === 0 || (read.count !== null && read.records >= read.count)) return null;
  return withParameter(url, parameter, String(by === 'page' ? paging.first + read.pages : read.records));
}

function isNone(value: unknown): value is null | undefined | '' | false {
  return value === null || value === undefined || value === '' || value === false;
}

function withParameter(url: string, name: string, value: string): URL {
  const next = new URL(url);
  next.searchParams.set(name, value);
  return next;
}

/**
 * A link of an answer, or the target of a redirect.
 * Threat: an answer that has the credentials sent to another host.
 * @throws FeedError where it leads to another host
 */
export function ownUrl(link: unknown, base: URL): URL {
  const url =
    typeof link === 'string' && link.length <= MAX_LINK && URL.canParse(link, base.href)
      ? new URL(link, base)
      : null;
  if (url?.origin !== base.origin || url.username !== '' || url.password !== '')
    throw new FeedError(
      'EASGATE_FEED_ANSWER',
      'the answer leads to another host, which gets no request: correct `url`',
    );
  url.hash = '';
  return url;
}

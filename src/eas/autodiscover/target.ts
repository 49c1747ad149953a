// Owns parsing of Autodiscover targets, and the parameters of a JSON request. Pure.
// Threat: ProxyShell and ProxyNotShell (CVE-2021-34473, CVE-2022-41040) reach other paths of the server through
// `autodiscover.json`. Rule: such a target never goes upstream; it is read in one spelling and answered here.
import { decodePercent } from '../percent.ts';

/** A parsed Autodiscover target. */
export type AutodiscoverTarget =
  /** `bad`: the error of the method; reported only after authentication. */
  | { readonly form: 'xml'; readonly bad: AutodiscoverTargetError | null }
  /** `email` and `protocol`, decoded; null = missing. */
  | { readonly form: 'json'; readonly email: string | null; readonly protocol: string | null };

/** Why a target below the two paths was refused. */
export type AutodiscoverTargetError =
  | 'EASGATE_NOT_FOUND'
  | 'EASGATE_QUERY_TOO_LONG'
  | 'EASGATE_QUERY_MALFORMED'
  | 'EASGATE_QUERY_NAME'
  | 'EASGATE_QUERY_DUPLICATE'
  | 'EASGATE_QUERY_VALUE';

const ROOT = '/autodiscover/autodiscover.';
const XML_PATH = `${ROOT}xml`;
const JSON_PATH = `${ROOT}json`;
/** The path may contain the address (`/v1.0/user@example.com`). */
const VERSION = '/v1.0/';
const MAX_QUERY = 1_024;
/** RFC 5321 4.5.3.1: 64 + 1 + 255 octets, and some more for escapes. */
const MAX_ADDRESS = 400;
/** Three are known; scripts and newer apps send some more. */
const MAX_PAIRS = 8;
/** A name that is ignored. Others are refused: CVE-2021-34473 had a path in place of a name. */
const NAME = /^[a-z][a-z0-9]{0,31}$/;

/** Parses the target; null when it is not Autodiscover. */
export function parseAutodiscoverTarget(
  method: string,
  target: string,
): AutodiscoverTarget | AutodiscoverTargetError | null {
  if (target.slice(0, ROOT.length).toLowerCase() !== ROOT) return null;
  const question = target.indexOf('?');
  const path = question === -1 ? target : target.slice(0, question);
  const query = question === -1 ? '' : target.slice(question + 1);
  const folded = path.toLowerCase();
  if (folded === XML_PATH) {
    // Samsung falls back to GET; Exchange answers it like a malformed request. The request is in the body alone, so a query
    // is ignored (people and other protocols add one: `?emailaddress=`). It never goes upstream.
    return { form: 'xml', bad: method === 'POST' || method === 'GET' ? null : 'EASGATE_NOT_FOUND' };
  }
  if (method !== 'GET') return 'EASGATE_NOT_FOUND';
  let address: string | null = null;
  if (folded !== JSON_PATH) {
    if (!folded.startsWith(JSON_PATH + VERSION)) return 'EASGATE_NOT_FOUND';
    const segment = path.slice(JSON_PATH.length + VERSION.length);
    if (segment.includes('/') || segment.includes(';')) return 'EASGATE_NOT_FOUND';
    address = readValue(segment);
    if (address === null) return 'EASGATE_QUERY_VALUE';
  }
  return readQuery(query, address);
}

function readQuery(query: string, address: string | null): AutodiscoverTarget | AutodiscoverTargetError {
  if (query.length > MAX_QUERY) return 'EASGATE_QUERY_TOO_LONG';
  let email = address;
  let protocol: string | null = null;
  const seen = new Set<string>();
  const text = query.endsWith('&') ? query.slice(0, -1) : query;
  const pairs = text === '' ? [] : text.split('&', MAX_PAIRS + 1);
  if (pairs.length > MAX_PAIRS) return 'EASGATE_QUERY_MALFORMED';
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals === -1) return 'EASGATE_QUERY_MALFORMED';
    const name = pair.slice(0, equals).toLowerCase();
    if (seen.has(name)) return 'EASGATE_QUERY_DUPLICATE';
    seen.add(name);
    // Exchange ignores what it does not know; a script of Microsoft sends ServerLocation.
    if (name !== 'email' && name !== 'protocol') {
      if (!NAME.test(name)) return 'EASGATE_QUERY_NAME';
      continue;
    }
    const value = readValue(pair.slice(equals + 1));
    if (value === null) return 'EASGATE_QUERY_VALUE';
    if (name === 'email') {
      if (address !== null) return 'EASGATE_QUERY_DUPLICATE';
      email = value;
    } else {
      protocol = value;
    }
  }
  return { form: 'json', email, protocol };
}

function readValue(text: string): string | null {
  if (text === '' || text.length > MAX_ADDRESS) return null;
  return decodePercent(text);
}

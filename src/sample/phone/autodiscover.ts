// Owns the sample phone's search for its server by e-mail address (MS-OXDISCO; MS-ASCMD 2.2.1.1; AOSP EasAutoDiscover).
// Every search is bounded; password and mail are sent over https only.
import { childOf, readXml } from '../../eas/autodiscover/xml.ts';
import { writeRequest } from '../../eas/autodiscover/pox.ts';
import type { PhoneAnswer, PhoneRequest } from './transport.ts';

/** The result of a search. */
export type AutodiscoverResult =
  | { readonly kind: 'server'; readonly url: URL }
  /** An HTTP status that ends the search, because it concerns the user. */
  | { readonly kind: 'refused'; readonly http: number }
  | { readonly kind: 'nothing' };

/** Sends one request; null = no answer. */
export type Ask = (url: URL, request: PhoneRequest) => Promise<PhoneAnswer | null>;

const XML_PATH = '/autodiscover/autodiscover.xml';
const JSON_PATH = '/autodiscover/autodiscover.json';
const RESPONSE = 'http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006';
const TIMEOUT_MS = 30_000;
/** Redirects of both kinds in one search (MS-OXDISCO: 10). */
const MAX_REDIRECTS = 10;
/** 401: the password; 456, 457: the account. */
const ABOUT_THE_USER: ReadonlySet<number> = new Set([401, 456, 457]);
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 307, 308]);
const NOTHING: AutodiscoverResult = { kind: 'nothing' };

/** Finds the server by XML, with the password. */
export function discoverByXml(email: string, ask: Ask): Promise<AutodiscoverResult> {
  return new XmlSearch(ask).about(email);
}

class XmlSearch {
  private readonly ask: Ask;
  private redirects = 0;

  constructor(ask: Ask) {
    this.ask = ask;
  }

  async about(email: string): Promise<AutodiscoverResult> {
    const domain = email.slice(email.lastIndexOf('@') + 1);
    for (const host of [domain, `autodiscover.${domain}`]) {
      const found = await this.post(urlOf(`https://${host}${XML_PATH}`), email);
      if (found.kind !== 'nothing') return found;
    }
    // Third method: a GET without the password, which may redirect to an https URL.
    const url = urlOf(`http://autodiscover.${domain}${XML_PATH}`);
    const answer = url === null || this.redirects > MAX_REDIRECTS ? null : await this.ask(url, GET);
    const next = answer === null || url === null ? null : this.redirected(answer, url);
    return next === null ? NOTHING : this.post(next, email);
  }

  private async post(url: URL | null, email: string): Promise<AutodiscoverResult> {
    let at = url;
    while (at !== null && this.redirects <= MAX_REDIRECTS) {
      const answer = await this.ask(at, {
        method: 'POST',
        headers: { 'Content-Type': 'text/xml' },
        body: writeRequest(email),
        authorized: true,
        timeoutMs: TIMEOUT_MS,
      });
      if (answer === null) return NOTHING;
      if (ABOUT_THE_USER.has(answer.status)) return { kind: 'refused', http: answer.status };
      if (answer.status === 200) return this.read(answer.bytes);
      at = this.redirected(answer, at);
    }
    return NOTHING;
  }

  /** The target of a redirect; null = none, or not safe. */
  private redirected(answer: PhoneAnswer, from: URL): URL | null {
    const next = locationOf(answer, from);
    return next?.protocol === 'https:' && this.mayGoOn() ? next : null;
  }

  private mayGoOn(): boolean {
    return ++this.redirects <= MAX_REDIRECTS;
  }

  private async read(bytes: Buffer): Promise<AutodiscoverResult> {
    // The envelope has its own namespace; its content has the one for phones.
    const response = childOf(readXml(bytes) ?? undefined, RESPONSE, 'Response');
    const action = childOf(response, RESPONSE, 'Action');
    const other = childOf(action, RESPONSE, 'Redirect')?.text.trim();
    if (other !== undefined && other.includes('@')) return this.mayGoOn() ? this.about(other) : NOTHING;
    const servers = childOf(action, RESPONSE, 'Settings')?.children ?? [];
    const mail = servers.find((one) => childOf(one, RESPONSE, 'Type')?.text.trim() === 'MobileSync');
    return server(urlOf(childOf(mail, RESPONSE, 'Url')?.text.trim() ?? ''));
  }
}

/** Finds the server by version 2, without a password. */
export async function discoverByJson(email: string, ask: Ask): Promise<AutodiscoverResult> {
  const domain = email.slice(email.lastIndexOf('@') + 1);
  for (const host of [`autodiscover.${domain}`, domain]) {
    let at = urlOf(`https://${host}${JSON_PATH}`);
    at?.searchParams.set('Email', email);
    at?.searchParams.set('Protocol', 'ActiveSync');
    for (let redirects = 0; at !== null && redirects <= MAX_REDIRECTS; redirects++) {
      const answer: PhoneAnswer | null = await ask(at, GET);
      if (answer?.status === 200) return server(urlOf(urlInJson(answer.bytes)));
      const next: URL | null = answer === null ? null : locationOf(answer, at);
      at = next?.protocol === 'https:' ? next : null;
    }
  }
  return NOTHING;
}

/** A request without the password, for unknown servers. */
const GET: PhoneRequest = {
  method: 'GET',
  headers: {},
  body: null,
  authorized: false,
  timeoutMs: TIMEOUT_MS,
};

/** The URL of a redirect; null = not a redirect, or no valid URL. */
function locationOf(answer: PhoneAnswer, from: URL): URL | null {
  const location = answer.header('location') ?? '';
  return REDIRECTS.has(answer.status) && location !== '' ? urlOf(location, from) : null;
}

function server(url: URL | null): AutodiscoverResult {
  return url?.protocol === 'https:' ? { kind: 'server', url } : NOTHING;
}

function urlInJson(bytes: Buffer): string {
  try {
    const said: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof said === 'object' && said !== null && 'Url' in said ? String(said.Url) : '';
  } catch {
    return '';
  }
}

function urlOf(text: string, base?: URL): URL | null {
  return URL.canParse(text, base) ? new URL(text, base) : null;
}

// Owns the transport of the sample phone: one HTTP exchange per request, decoded answers.
import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import type { EasCommand } from '../../eas/commands.ts';
import { decodeWbxml } from '../../eas/wbxml/decode.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import { encodeWbxml } from '../../eas/wbxml/encode.ts';
import type { FamilyRules } from './families.ts';
import { base64Query, plainQuery } from './query.ts';

/** The account. */
export interface PhoneAccount {
  /** User name as entered; absent = the e-mail address. */
  readonly user?: string;
  readonly password: string;
  readonly deviceId: string;
  /** Accept-Language; default en. */
  readonly languages?: string;
  /** Form of the query; default plain. Base64 from 12.1 on. */
  readonly query?: 'plain' | 'base64';
  /** Resolves the host of a URL to `http(s)://host:port`; null = no such host. Absent = DNS. */
  readonly resolve?: (url: URL) => string | null;
}

/** One answer. */
export interface PhoneAnswer {
  readonly status: number;
  /** First value of a header; undefined = absent. */
  header(name: string): string | undefined;
  readonly bytes: Buffer;
  /** Null when there is no WBXML body. */
  readonly root: WbxmlElement | null;
}

/** A request without its destination. */
export interface PhoneRequest {
  readonly method: Dispatcher.HttpMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string | null;
  /** Credentials are sent. */
  readonly authorized: boolean;
  readonly timeoutMs: number;
}

/** One command. */
export interface CommandRequest {
  readonly command: EasCommand;
  /** A tree, a message (RFC 5322), or null for an empty body. */
  readonly body: WbxmlElement | string | null;
  readonly version: string;
  readonly policyKey: string;
  /** How long the poll may be held; 0 = not a poll. */
  readonly seconds: number;
}

/** Default path of EAS. */
export const EAS_PATH = '/Microsoft-Server-ActiveSync';
const WBXML = 'application/vnd.ms-sync.wbxml';
/** Timeout of requests other than held polls (AOSP: 30 s). */
const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Keeps connections open between requests, like phones do. */
export class Transport {
  private readonly account: PhoneAccount;
  private readonly user: string;
  private readonly rules: FamilyRules;
  private readonly agent = new Agent({ connections: 2, maxResponseSize: MAX_ANSWER_BYTES });

  constructor(account: PhoneAccount, user: string, rules: FamilyRules) {
    this.account = account;
    this.user = user;
    this.rules = rules;
  }

  /** Rejects without an answer: no host, no connection, timeout, or `signal`. */
  options(server: URL, signal: AbortSignal): Promise<PhoneAnswer> {
    return this.send(
      server,
      { method: 'OPTIONS', headers: {}, body: null, authorized: true, timeoutMs: TIMEOUT_MS },
      signal,
    );
  }

  /** Rejects as {@link options} does. */
  command(server: URL, request: CommandRequest, signal: AbortSignal): Promise<PhoneAnswer> {
    const { command, body, version, seconds } = request;
    const { deviceId, query = 'plain' } = this.account;
    // MS-ASHTTP 2.2.1.1.2: every command but Ping carries the policy key.
    const policyKey = command === 'Ping' ? null : request.policyKey;
    const { deviceType } = this.rules;
    const facts = { command, user: this.user, deviceId, deviceType, version, policyKey };
    const url = new URL(server);
    url.search = query === 'base64' ? base64Query(facts) : plainQuery(facts);
    const headers: Record<string, string> = {};
    if (query === 'plain') {
      headers['MS-ASProtocolVersion'] = version;
      if (policyKey !== null) headers['X-MS-PolicyKey'] = policyKey;
    }
    if (body !== null) headers['Content-Type'] = typeof body === 'string' ? 'message/rfc822' : WBXML;
    return this.send(
      url,
      {
        method: 'POST',
        headers,
        body: body === null || typeof body === 'string' ? body : encodeWbxml(body),
        authorized: true,
        timeoutMs: TIMEOUT_MS + seconds * 1_000,
      },
      signal,
    );
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }

  /** Sends one request to any URL. Rejects as {@link options} does. */
  async send(url: URL, request: PhoneRequest, signal: AbortSignal): Promise<PhoneAnswer> {
    const { password, languages = 'en', resolve } = this.account;
    const origin = resolve === undefined ? url.origin : resolve(url);
    if (origin === null) throw new Error(`no host ${url.host}`);
    const credentials = Buffer.from(`${this.user}:${password}`).toString('base64');
    const answer = await this.agent.request({
      origin,
      method: request.method,
      path: url.pathname + url.search,
      headers: {
        host: url.host,
        ...(request.authorized ? { authorization: `Basic ${credentials}` } : {}),
        'user-agent': this.rules.userAgent,
        'accept-language': languages,
        ...request.headers,
      },
      body: request.body,
      headersTimeout: request.timeoutMs,
      bodyTimeout: TIMEOUT_MS,
      signal,
    });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    const header = (name: string): string | undefined => [answer.headers[name.toLowerCase()]].flat()[0];
    const isTree = bytes.length > 0 && (header('content-type') ?? '').startsWith('application/vnd.ms-sync');
    return { status: answer.statusCode, header, bytes, root: isTree ? decodeWbxml(bytes) : null };
  }
}

// Owns how the sample phone's requests reach a server: one HTTP exchange each, answers decoded.
import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import type { EasCommand } from '../../eas/commands.ts';
import { decodeWbxml } from '../../eas/wbxml/decode.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import { encodeWbxml } from '../../eas/wbxml/encode.ts';
import type { FamilyRules } from './families.ts';

/** Whose account it is, and where. */
export interface PhoneAccount {
  /** The server as the phone knows it, `http(s)://host[:port]`. */
  readonly server: string;
  readonly user: string;
  readonly password: string;
  readonly deviceId: string;
  /** 2.5, 12.0, 12.1, 14.0, 14.1, 16.0 or 16.1. */
  readonly version: string;
}

/** One answer. */
export interface PhoneAnswer {
  readonly status: number;
  /** First value of a header; undefined = absent. */
  header(name: string): string | undefined;
  /** Null when there is no WBXML body. */
  readonly root: WbxmlElement | null;
}

const PATH = '/Microsoft-Server-ActiveSync';
const WBXML = 'application/vnd.ms-sync.wbxml';
/** Other commands than a held poll are answered within this (AOSP: 30 s). */
const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Keeps connections open between requests, as phones do. */
export class Transport {
  private readonly account: PhoneAccount;
  private readonly rules: FamilyRules;
  private readonly languages: string;
  private readonly agent = new Agent({ connections: 2, maxResponseSize: MAX_ANSWER_BYTES });

  constructor(account: PhoneAccount, rules: FamilyRules, languages: string) {
    this.account = account;
    this.rules = rules;
    this.languages = languages;
  }

  /** Rejects when there is no answer: no connection, too slow, or `signal`. */
  options(signal: AbortSignal): Promise<PhoneAnswer> {
    return this.send('OPTIONS', PATH, {}, null, TIMEOUT_MS, signal);
  }

  /** `seconds` = how long the poll may be held; 0 = not a poll. Rejects as {@link options} does. */
  command(
    command: EasCommand,
    body: WbxmlElement,
    policyKey: string,
    seconds: number,
    signal: AbortSignal,
  ): Promise<PhoneAnswer> {
    const { user, deviceId, version } = this.account;
    const query = new URLSearchParams({
      Cmd: command,
      User: user,
      DeviceId: deviceId,
      DeviceType: this.rules.deviceType,
    });
    const headers: Record<string, string> = { 'Content-Type': WBXML, 'MS-ASProtocolVersion': version };
    // MS-ASHTTP 2.2.1.1.2: every command but Ping carries the policy key.
    if (command !== 'Ping') headers['X-MS-PolicyKey'] = policyKey;
    const timeout = TIMEOUT_MS + seconds * 1_000;
    return this.send('POST', `${PATH}?${query.toString()}`, headers, encodeWbxml(body), timeout, signal);
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }

  private async send(
    method: Dispatcher.HttpMethod,
    path: string,
    headers: Record<string, string>,
    body: Buffer | null,
    timeout: number,
    signal: AbortSignal,
  ): Promise<PhoneAnswer> {
    const { server, user, password } = this.account;
    const credentials = Buffer.from(`${user}:${password}`).toString('base64');
    const answer = await this.agent.request({
      origin: server,
      method,
      path,
      headers: {
        authorization: `Basic ${credentials}`,
        'user-agent': this.rules.userAgent,
        'accept-language': this.languages,
        ...headers,
      },
      body,
      headersTimeout: timeout,
      bodyTimeout: TIMEOUT_MS,
      signal,
    });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    const header = (name: string): string | undefined => [answer.headers[name.toLowerCase()]].flat()[0];
    const isTree = bytes.length > 0 && (header('content-type') ?? '').startsWith('application/vnd.ms-sync');
    return { status: answer.statusCode, header, root: isTree ? decodeWbxml(bytes) : null };
  }
}

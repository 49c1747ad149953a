// Owns how a mail server is asked whether credentials are good, and which of its answers count: only those that it gives to
// authenticated requests. Where it answers the same question without credentials, what it says proves nothing.
import { LRUCache } from 'lru-cache';
import { element } from '../../eas/wbxml/element.ts';
import type { EasQuery } from '../../eas/query.ts';
import { encodeWbxml } from '../../eas/wbxml/encode.ts';
import type { UserKey } from '../../identity/keys.ts';
import { forwardedFields } from '../upstream/client-origin.ts';
import type { ClientOrigin, ForwardingRules } from '../upstream/client-origin.ts';
import { isPage, showsAcceptance } from './credential-proof.ts';
import type { OpenOptions } from './open-options.ts';
import type { UpstreamSettings } from '../settings.ts';
import type { Question, QuestionAnswer, QuestionPools } from '../upstream/subrequests.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** Whether the mail server takes credentials; `unknown` = it could not be asked now, or its answer proves nothing. */
export type Proof = 'accepted' | 'refused' | 'unknown';

/** The device that a request names, as in a plain query. */
export interface ClaimedDevice {
  readonly id: string;
  readonly type: string;
}

/** Credentials, and whose they are said to be. */
export interface Claim {
  readonly user: UserKey;
  /** Chooses the server: the device, or the user where no device is named. */
  readonly routeKey: string;
  readonly authorization: string;
  /** The phone: who guesses passwords is it, and not this gateway (servers ban by address). */
  readonly origin: ClientOrigin;
  /** Null = none is named: then a server can be asked by OPTIONS only. */
  readonly device: ClaimedDevice | null;
}

/** The device of a query in the spelling that the phone uses, or would use in plain form. */
export function claimedDevice(query: EasQuery | null): ClaimedDevice | null {
  if (query === null || query.device === null) return null;
  const id = query.form === 'plain' ? /(?:^|&)DeviceId=([A-Za-z0-9]+)/.exec(query.canonical)?.[1] : undefined;
  return { id: id ?? query.device, type: query.deviceType };
}

/** Read so that the connection can be used again; a longer answer costs it. */
const MAX_BODY_BYTES = 64 * 1024;
/** How long it is remembered whether a server answers without credentials: it may be configured anew at any time. */
const REMEMBER_MS = 60_000;
/** Per server: methods, schemes and names. Whoever makes up names pays with a question of its own for each. */
const MAX_REMEMBERED = 64;
/** Settings of protocol version 12.1 are those of all later ones; MS-ASCMD 2.2.1.18. */
const VERSION = '14.1';
const WBXML = 'application/vnd.ms-sync.wbxml';
/** MS-ASCMD 2.2.3.190: reads the user's own addresses, and changes nothing. */
const SETTINGS = encodeWbxml(
  element('Settings', 'Settings', element('Settings', 'UserInformation', element('Settings', 'Get'))),
);

interface Known {
  /** Null = the server could not be asked. */
  readonly open: Promise<boolean | null>;
  /** Clock milliseconds. */
  readonly until: number;
}

/** Asks with credentials and, where the answer is good, once a minute without. */
export class CredentialQuestion {
  private readonly upstream: UpstreamSettings;
  private readonly forwarding: ForwardingRules;
  private readonly now: () => number;
  private readonly openOptions: OpenOptions;
  private readonly known = new Map<UpstreamServer, LRUCache<string, Known>>();

  constructor(
    upstream: UpstreamSettings,
    forwarding: ForwardingRules,
    now: () => number,
    openOptions: OpenOptions,
  ) {
    this.upstream = upstream;
    this.forwarding = forwarding;
    this.now = now;
    this.openOptions = openOptions;
  }

  /** Rejects when the server does not answer in time. */
  async ask(pools: QuestionPools, server: UpstreamServer, claim: Claim): Promise<Proof> {
    const said = await pools.ask(server, this.options(server, claim.origin, claim.authorization));
    const proof = proofOf(said.status);
    if (proof !== 'accepted') return proof;
    // A web server that answers OPTIONS itself, as for CORS or by its default site, takes any password.
    if (offersEas(said)) {
      const open = await this.isOpen(pools, server, claim.origin, 'OPTIONS');
      if (open !== true) return open === false ? 'accepted' : 'unknown';
    }
    return this.askBySettings(pools, server, claim);
  }

  /**
   * What a server that answers OPTIONS to everybody says to a command that reads only. It learns the device, as it does from
   * the Provision of a quarantined phone.
   */
  private async askBySettings(pools: QuestionPools, server: UpstreamServer, claim: Claim): Promise<Proof> {
    const { device, origin, user, authorization } = claim;
    if (device === null) return 'unknown';
    const said = await pools.ask(server, this.settings(server, origin, device, { user, authorization }));
    const proof = proofOf(said.status);
    if (proof !== 'accepted') return proof;
    if (isPage(contentTypeOf(said))) return 'unknown';
    const open = await this.isOpen(pools, server, origin, 'POST');
    return open === false ? 'accepted' : 'unknown';
  }

  /** Whether the server answers the question well without credentials too; from memory, or asked once by all that wait. */
  private isOpen(
    pools: QuestionPools,
    server: UpstreamServer,
    origin: ClientOrigin,
    method: Question['method'],
  ): Promise<boolean | null> {
    let ofServer = this.known.get(server);
    if (ofServer === undefined) {
      ofServer = new LRUCache({ max: MAX_REMEMBERED });
      this.known.set(server, ofServer);
    }
    // A server may answer by scheme and by the name that it is told, which a phone can choose.
    const name = `${method} ${origin.proto} ${origin.host.toLowerCase()}`;
    const before = ofServer.get(name);
    if (before !== undefined && before.until > this.now()) return before.open;
    const open = this.askOpen(pools, server, origin, method).then((answer) => {
      if (answer === null) ofServer.delete(name);
      else if (method === 'OPTIONS') this.openOptions.note(server, answer);
      return answer;
    });
    ofServer.set(name, { open, until: this.now() + REMEMBER_MS });
    return open;
  }

  private async askOpen(
    pools: QuestionPools,
    server: UpstreamServer,
    origin: ClientOrigin,
    method: Question['method'],
  ): Promise<boolean | null> {
    const question =
      method === 'OPTIONS'
        ? this.options(server, origin, null)
        : // Horde takes `User=` for the user where there are no credentials.
          this.settings(server, origin, { id: 'easgate', type: 'easgate' }, null);
    try {
      const { status } = await pools.ask(server, question);
      // A server that fails says nothing of what it does when it is well.
      return status >= 500 ? null : showsAcceptance(status);
    } catch {
      return null;
    }
  }

  private options(server: UpstreamServer, origin: ClientOrigin, authorization: string | null): Question {
    return {
      method: 'OPTIONS',
      path: this.upstream.path,
      headers: this.headers(server, origin, authorization),
      maxBytes: MAX_BODY_BYTES,
    };
  }

  private settings(
    server: UpstreamServer,
    origin: ClientOrigin,
    device: ClaimedDevice,
    who: Pick<Claim, 'user' | 'authorization'> | null,
  ): Question {
    const user = who === null ? '' : `&User=${encodeURIComponent(who.user)}`;
    const type = encodeURIComponent(device.type);
    return {
      method: 'POST',
      path: `${this.upstream.path}?Cmd=Settings${user}&DeviceId=${device.id}&DeviceType=${type}`,
      headers: {
        ...this.headers(server, origin, who?.authorization ?? null),
        'content-type': WBXML,
        'ms-asprotocolversion': VERSION,
      },
      body: SETTINGS,
      maxBytes: MAX_BODY_BYTES,
    };
  }

  /**
   * The server that answers a name which the phone made up may take anyone's question, so that it gets its own; and the header
   * that carries the user of a client certificate would prove no password.
   */
  private headers(
    server: UpstreamServer,
    origin: ClientOrigin,
    authorization: string | null,
  ): Record<string, string> {
    const { hostHeader } = server.settings;
    return {
      ...(authorization === null ? {} : { authorization }),
      ...(hostHeader === null ? {} : { host: hostHeader }),
      ...forwardedFields(origin, this.forwarding),
    };
  }
}

/** SOGo says 403 where others say 401. */
function proofOf(status: number): Proof {
  if (showsAcceptance(status)) return 'accepted';
  return status === 401 || status === 403 ? 'refused' : 'unknown';
}

/** Whether an answer to OPTIONS is one of Exchange ActiveSync (MS-ASHTTP 2.2.4). */
function offersEas({ headers }: QuestionAnswer): boolean {
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]?.toLowerCase();
    if (name !== undefined && OFFERS.has(name)) return true;
  }
  return false;
}

function contentTypeOf({ headers }: QuestionAnswer): string | null {
  for (let at = 0; at + 1 < headers.length; at += 2)
    if (headers[at]?.toLowerCase() === 'content-type') return headers[at + 1] ?? null;
  return null;
}

const OFFERS: ReadonlySet<string> = new Set([
  'ms-asprotocolversions',
  'ms-asprotocolcommands',
  'ms-server-activesync',
]);

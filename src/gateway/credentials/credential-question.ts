// Owns the question to a mail server whether credentials are good, and which answers count: only those that the server
// gives to authenticated requests. A server that answers the same without credentials proves nothing.
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
import type { Subrequest, SubrequestAnswer, Subrequests } from '../upstream/subrequests.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** The mail server's result; `unknown` = it could not be asked, or its answer proves nothing. */
export type Proof = 'accepted' | 'refused' | 'unknown';

/** The device of a request, as in a plain query. */
export interface ClaimedDevice {
  readonly id: string;
  readonly type: string;
}

/** Credentials and the user they name. */
export interface Claim {
  readonly user: UserKey;
  /** Key that selects the server: the device, or the user when no device is named. */
  readonly routeKey: string;
  readonly authorization: string;
  /** The phone. Servers ban guessing clients by address, so it must not be the gateway's. */
  readonly origin: ClientOrigin;
  /** Null = no device: the server can then be asked by OPTIONS only. */
  readonly device: ClaimedDevice | null;
  /** The directory has this user with this device: their credentials were good once. Absent = not known. */
  readonly known?: boolean;
}

/** The device in the spelling of the phone's plain query. */
export function claimedDevice(query: EasQuery | null): ClaimedDevice | null {
  if (query === null || query.device === null) return null;
  const id = query.form === 'plain' ? /(?:^|&)DeviceId=([A-Za-z0-9]+)/.exec(query.canonical)?.[1] : undefined;
  return { id: id ?? query.device, type: query.deviceType };
}

/** Answers up to this size are read, so that the connection can be reused. */
const MAX_BODY_BYTES = 64 * 1024;
/** How long "answers without credentials" is cached: the server's configuration may change. */
const REMEMBER_MS = 60_000;
/**
 * Most cached results per server, by method, scheme and name. Each further made-up name costs its client a question.
 */
const MAX_REMEMBERED = 64;
/** The Settings command of 12.1 and all later versions (MS-ASCMD 2.2.1.18). */
const VERSION = '14.1';
const WBXML = 'application/vnd.ms-sync.wbxml';
/** MS-ASCMD 2.2.3.190: reads the user's own addresses, without changes. */
const SETTINGS = encodeWbxml(
  element('Settings', 'Settings', element('Settings', 'UserInformation', element('Settings', 'Get'))),
);

interface Known {
  /** Null = the server could not be asked. */
  readonly open: Promise<boolean | null>;
  /** Clock milliseconds. */
  readonly until: number;
}

/** Asks with credentials and, after a good answer, once a minute without. */
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
  async ask(pools: Subrequests, server: UpstreamServer, claim: Claim): Promise<Proof> {
    const said = await pools.ask(server, this.options(server, claim.origin, claim.authorization));
    const proof = proofOf(said.status);
    if (proof !== 'accepted') return proof;
    // A web server that answers OPTIONS itself, for CORS or as its default site, accepts any password.
    if (offersEas(said)) {
      const open = await this.isOpen(pools, server, claim.origin, 'OPTIONS');
      if (open !== true) return open === false ? 'accepted' : 'unknown';
    }
    return this.askBySettings(pools, server, claim);
  }

  /**
   * Asks a server that answers OPTIONS without credentials by a read-only command. The server learns the device, as it
   * does from the Provision of a quarantined phone.
   */
  private async askBySettings(pools: Subrequests, server: UpstreamServer, claim: Claim): Promise<Proof> {
    const { device, origin, user, authorization } = claim;
    if (device === null) return 'unknown';
    const said = await pools.ask(server, this.settings(server, origin, device, { user, authorization }));
    const proof = proofOf(said.status);
    if (proof !== 'accepted') return proof;
    if (isPage(contentTypeOf(said))) return 'unknown';
    const open = await this.isOpen(pools, server, origin, 'POST');
    return open === false ? 'accepted' : 'unknown';
  }

  /** Whether the server accepts the question without credentials; from the cache, or by one shared question. */
  private isOpen(
    pools: Subrequests,
    server: UpstreamServer,
    origin: ClientOrigin,
    method: Subrequest['method'],
  ): Promise<boolean | null> {
    let ofServer = this.known.get(server);
    if (ofServer === undefined) {
      ofServer = new LRUCache({ max: MAX_REMEMBERED });
      this.known.set(server, ofServer);
    }
    // A server may answer differently by scheme and name, which a phone can choose.
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
    pools: Subrequests,
    server: UpstreamServer,
    origin: ClientOrigin,
    method: Subrequest['method'],
  ): Promise<boolean | null> {
    const question =
      method === 'OPTIONS'
        ? this.options(server, origin, null)
        : // Horde takes `User=` for the user where there are no credentials.
          this.settings(server, origin, { id: 'easgate', type: 'easgate' }, null);
    try {
      const { status } = await pools.ask(server, question);
      // A failing server says nothing about its normal answer.
      return status >= 500 ? null : showsAcceptance(status);
    } catch {
      return null;
    }
  }

  private options(server: UpstreamServer, origin: ClientOrigin, authorization: string | null): Subrequest {
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
  ): Subrequest {
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
   * A server may accept anyone under a made-up name, so the name is part of the question. The header for the
   * certificate's user is left out: it would prove no password.
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

/** SOGo sends 403 where others send 401. */
function proofOf(status: number): Proof {
  if (showsAcceptance(status)) return 'accepted';
  return status === 401 || status === 403 ? 'refused' : 'unknown';
}

/** Whether an answer to OPTIONS is one of Exchange ActiveSync (MS-ASHTTP 2.2.4). */
function offersEas({ headers }: SubrequestAnswer): boolean {
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]?.toLowerCase();
    if (name !== undefined && OFFERS.has(name)) return true;
  }
  return false;
}

function contentTypeOf({ headers }: SubrequestAnswer): string | null {
  for (let at = 0; at + 1 < headers.length; at += 2)
    if (headers[at]?.toLowerCase() === 'content-type') return headers[at + 1] ?? null;
  return null;
}

const OFFERS: ReadonlySet<string> = new Set([
  'ms-asprotocolversions',
  'ms-asprotocolcommands',
  'ms-server-activesync',
]);

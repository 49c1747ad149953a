// Owns the description of a client for the mail server: address, scheme and host, from the connection or from trusted
// proxies; the same for both lanes and for subrequests. A client's own claims are never passed on.
import type { RequestHead } from '../../http/request-head.ts';
import { isHost, isPublicHost } from '../../http/host.ts';
import { clientChain, firstOf, isHidden } from '../../identity/client-address.ts';
import type { AddressRange } from '../../ip-address.ts';
import { forwardedClient, forwardedValue } from '../../identity/forwarded.ts';
import { detached } from '../../plain-text.ts';

/** Scheme of the phone's request. */
export type Scheme = 'http' | 'https';

/** Facts of the connection, or of its PROXY header. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  readonly proto: Scheme;
}

/** Which proxies are trusted, and which headers are sent. */
export interface ForwardingRules {
  /** Proxies trusted to set {@link forwardedHeader}. */
  readonly trustedProxies: readonly AddressRange[];
  /** The header that is read; the other is ignored. */
  readonly forwardedHeader: 'xForwardedFor' | 'forwarded';
  /** Send Forwarded in addition to X-Forwarded-*. */
  readonly sendsForwarded: boolean;
  /** Accepted host names in lower case; empty = any. */
  readonly publicHosts: readonly string[];
}

/** The client of one request. */
export interface ClientOrigin {
  readonly address: string;
  /** Addresses from client to peer. */
  readonly chain: string;
  readonly proto: Scheme;
  readonly host: string;
  /** A trusted proxy does not name its client: the next request from the same address may be another client's. */
  readonly hidden: boolean;
}

/** The client of a direct request. */
export function directOrigin({ address, proto }: Peer, host: string): ClientOrigin {
  return { address, chain: address, proto, host, hidden: false };
}

/** The same client, independent of the head that named it, which can then be freed. */
export function copyOrigin({ address, chain, proto, host, hidden }: ClientOrigin): ClientOrigin {
  const [ownAddress, ownChain] = [detached(address), detached(chain)];
  return { address: ownAddress, chain: ownChain, proto, host: detached(host), hidden };
}

/** The client of a request through a trusted proxy. */
export function proxiedOrigin(peer: Peer, head: RequestHead, rules: ForwardingRules): ClientOrigin {
  const { trustedProxies, forwardedHeader, publicHosts } = rules;
  if (forwardedHeader === 'forwarded') {
    if (head.forwarded === null) return directOrigin(peer, head.host);
    const said = forwardedClient(peer.address, head.forwarded, trustedProxies);
    const { address, chain, proto, host, hidden } = said;
    const isOurs =
      host !== null && isHost(host) && (publicHosts.length === 0 || isPublicHost(host, publicHosts));
    return { address, chain, proto: schemeOf(proto, peer), host: isOurs ? host : head.host, hidden };
  }
  const { forwardedFor, forwardedProto } = head;
  const chain =
    forwardedFor === null ? peer.address : clientChain(peer.address, forwardedFor, trustedProxies);
  // The last entry was written by the nearest proxy. X-Forwarded-Host is ignored: most proxies pass the client's on,
  // while they route by Host.
  const proto = forwardedProto === null ? null : forwardedProto.slice(forwardedProto.lastIndexOf(',') + 1);
  const hidden = forwardedFor !== null && isHidden(chain, forwardedFor, trustedProxies);
  const scheme = schemeOf(proto?.trim() ?? null, peer);
  return { address: firstOf(chain), chain, proto: scheme, host: head.host, hidden };
}

function schemeOf(said: string | null, peer: Peer): Scheme {
  return said === 'http' || said === 'https' ? said : peer.proto;
}

/** Header names and values for the mail server. */
export function forwardedHeaders(
  { chain, proto, host }: ClientOrigin,
  { sendsForwarded }: ForwardingRules,
): readonly (readonly [name: string, value: string])[] {
  return [
    ['X-Forwarded-For', chain],
    ['X-Forwarded-Proto', proto],
    ['X-Forwarded-Host', host],
    ...(sendsForwarded ? ([['Forwarded', forwardedValue(chain, proto, host)]] as const) : []),
  ];
}

/** {@link forwardedHeaders} for a subrequest on behalf of the client. */
export function forwardedFields(
  origin: ClientOrigin,
  rules: ForwardingRules,
): Readonly<Record<string, string>> {
  return Object.fromEntries(forwardedHeaders(origin, rules));
}

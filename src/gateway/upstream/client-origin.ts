// Owns what the mail server is told of a client: address, scheme and host, of the connection or as trusted proxies say.
// The same in both lanes and in the gateway's own questions. What a client says of itself is never passed on.
import type { RequestHead } from '../../http/request-head.ts';
import { isHost, isPublicHost } from '../../http/host.ts';
import { clientChain, firstOf, isHidden } from '../../identity/client-address.ts';
import type { AddressRange } from '../../identity/client-address.ts';
import { forwardedClient, forwardedValue } from '../../identity/forwarded.ts';

/** The scheme phones used. */
export type Scheme = 'http' | 'https';

/** What the connection itself shows, or a PROXY header in front of it. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  readonly proto: Scheme;
}

/** Who is believed, and what is told. */
export interface ForwardingRules {
  /** Whose word counts. */
  readonly trustedProxies: readonly AddressRange[];
  /** The one header that is believed; the other is not looked at. */
  readonly forwardedHeader: 'xForwardedFor' | 'forwarded';
  /** Forwarded goes to the mail server too, beside X-Forwarded-*. */
  readonly sendsForwarded: boolean;
  /** Lower-case host names this gateway answers for; empty = any. */
  readonly publicHosts: readonly string[];
}

/** What is known of the client of one request. */
export interface ClientOrigin {
  readonly address: string;
  /** Addresses from the client's to the peer's. */
  readonly chain: string;
  readonly proto: Scheme;
  readonly host: string;
  /** A trusted proxy speaks for a client that it does not name: the next request of the same address may be another's. */
  readonly hidden: boolean;
}

/** The client of a request that came straight from it. */
export function directOrigin({ address, proto }: Peer, host: string): ClientOrigin {
  return { address, chain: address, proto, host, hidden: false };
}

/** The client of a request whose peer is a trusted proxy. */
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
  // Behind the last comma stands what the proxy next to us wrote. X-Forwarded-Host is never read: most proxies let the
  // client's through, while Host is what they routed by.
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

/** {@link forwardedHeaders} for a question that the gateway asks because of the client's request. */
export function forwardedFields(
  origin: ClientOrigin,
  rules: ForwardingRules,
): Readonly<Record<string, string>> {
  return Object.fromEntries(forwardedHeaders(origin, rules));
}

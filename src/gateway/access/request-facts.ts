// Owns the facts of a request for the policy; created only if the policy has conditions on requests.
import type { AuthMethod } from '../../policy/document/vocabulary.ts';
import type { RequestFacts } from '../../policy/engine/facts.ts';
import { parseAddress } from '../../ip-address.ts';
import { textOf, versionOf } from '../../policy/engine/read-facts.ts';
import type { Exchange } from '../exchange/exchange.ts';

/** Facts of one request of the client at `address`. */
export function requestFactsOf(exchange: Exchange, address: string): RequestFacts {
  const { userAgent, protocolVersion, command, auth } = exchange;
  return {
    userAgent: textOf(userAgent),
    protocolVersion: versionOf(protocolVersion),
    address: parseAddress(address),
    addressText: address,
    command: textOf(command ?? 'OPTIONS'),
    auth: textOf(auth),
    certificateIssuer: null,
  };
}

/** The method of an Authorization header; without one that of the connection. Allocates nothing. */
export function authMethodOf(
  authorization: string | null,
  {
    boundUser,
    certificateUser,
  }: { readonly boundUser: string | null; readonly certificateUser: string | null },
): AuthMethod | null {
  if (authorization === null)
    return boundUser !== null ? 'negotiate' : certificateUser !== null ? 'certificate' : null;
  // Schemes that name a user or bind a connection: Basic, Bearer, NTLM, Negotiate (RFC 9110 11.1: without case).
  switch (authorization.charCodeAt(0) | 0x20) {
    case 0x62:
      return (authorization.charCodeAt(1) | 0x20) === 0x61 ? 'basic' : 'bearer';
    default:
      return 'negotiate';
  }
}

// Owns the facts of a request for the policy; created only if the policy has conditions on requests.
import type { AuthMethod } from '../../policy/document/vocabulary.ts';
import type { RequestFacts, Text } from '../../policy/engine/facts.ts';
import { parseAddress } from '../../ip-address.ts';
import { folded } from '../../policy/engine/read-facts.ts';
import { Repeated, repeatedText, repeatedVersion } from '../../policy/engine/repeated-texts.ts';
import { detachedLatin1 } from '../../plain-text.ts';
import type { Exchange } from '../exchange/exchange.ts';

/** The command of a request without one. */
const OPTIONS = 'OPTIONS';

/** Apart from the texts of the directory: names that somebody makes up must not push those out. */
const agents = new Repeated(folded);

/** Facts of one request of the client at `address`. A text that many phones have alike is one object for all of them. */
export function requestFactsOf(exchange: Exchange, address: string): RequestFacts {
  const { userAgent, protocolVersion, command, auth } = exchange;
  return {
    userAgent: userAgent === null ? null : agents.at(detachedLatin1(userAgent)),
    protocolVersion: repeatedVersion(protocolVersion),
    address: parseAddress(address),
    addressText: address,
    command: repeatedText(command ?? OPTIONS),
    auth: repeatedText(auth),
    certificateIssuer: null,
  };
}

/** Where a request comes from, with the facts of the last one from there. */
export interface RequestOrigin {
  readonly address: string;
  /** Null = none were needed yet. */
  lastFacts: RequestFacts | null;
}

/** Facts of one request. A phone mostly says the same as in the last one: then the facts are the same object. */
export function factsFrom(origin: RequestOrigin, exchange: Exchange): RequestFacts {
  const { lastFacts: last, address } = origin;
  const { userAgent, protocolVersion, command, auth } = exchange;
  if (
    last !== null &&
    isText(last.userAgent, userAgent) &&
    isText(last.protocolVersion, protocolVersion) &&
    isText(last.command, command ?? OPTIONS) &&
    isText(last.auth, auth) &&
    last.addressText === address
  )
    return last;
  const facts = requestFactsOf(exchange, address);
  origin.lastFacts = facts;
  return facts;
}

function isText(known: Text | null, text: string | null): boolean {
  return known === null ? text === null : known.as === text;
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

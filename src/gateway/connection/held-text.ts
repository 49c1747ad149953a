// Owns the text that a poll keeps while it is held, for up to an hour: texts that many polls share, or short copies, instead of the
// head they were cut from.
import { detachedLatin1 } from '../../plain-text.ts';
import type { GateMemo } from '../access/gate.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { MAX_USER_AGENT } from '../fixed-limits.ts';

/** Texts of one header that are shared: a million phones have some hundred user agents, and a few names of the gateway. */
const MAX_SHARED = 1_000;
/** A Host is never longer (src/http/host.ts). */
const MAX_LENGTH = MAX_USER_AGENT;
const agents = new Map<string, string>();
const hosts = new Map<string, string>();

/** One string for all polls with this text; beyond the bounds a copy. */
function shared(text: string, known: Map<string, string>): string {
  const one = known.get(text);
  if (one !== undefined) return one;
  const own = detachedLatin1(text);
  if (known.size < MAX_SHARED && own.length <= MAX_LENGTH) known.set(own, own);
  return own;
}

/** The Host of a connection's requests. */
export function sharedHost(host: string): string {
  return shared(host, hosts);
}

/** Called when the poll is about to be held. `memo` is that of its connection. */
export function keepShortText(exchange: Exchange, memo: GateMemo): void {
  const { userAgent } = exchange;
  if (userAgent !== null) exchange.userAgent = shared(userAgent, agents);
  exchange.host = sharedHost(exchange.host);
  memo.forgetRequest();
}

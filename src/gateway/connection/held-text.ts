// Owns the text that a poll keeps while it is held, for up to an hour: short copies instead of the head it was cut from and
// the pieces it was joined from.
import { detachedLatin1 } from '../../plain-text.ts';
import type { GateMemo } from '../access/gate.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { MAX_USER_AGENT } from '../fixed-limits.ts';

/** User agents that are shared: a million phones have some hundred. */
const MAX_AGENTS = 1_000;
const agents = new Map<string, string>();

/** One string for all polls of a user agent; beyond the bounds a copy. */
function shared(agent: string): string {
  const known = agents.get(agent);
  if (known !== undefined) return known;
  const own = detachedLatin1(agent);
  if (agents.size < MAX_AGENTS && own.length <= MAX_USER_AGENT) agents.set(own, own);
  return own;
}

/** Called when the poll is about to be held. `memo` is that of its connection, `host` a copy of the phone's Host. */
export function keepShortText(exchange: Exchange, memo: GateMemo, host: string): void {
  const { userAgent, upstreamLine } = exchange;
  if (userAgent !== null) exchange.userAgent = shared(userAgent);
  exchange.host = host;
  exchange.upstreamLine = detachedLatin1(upstreamLine);
  if (memo.upstreamLine === upstreamLine) memo.upstreamLine = exchange.upstreamLine;
  memo.forgetHead();
}

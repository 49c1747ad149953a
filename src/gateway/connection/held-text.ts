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

/**
 * Texts of one header. Threat: somebody without a password makes up a thousand of them, and from then on each poll keeps its own. Rule: those that
 * nobody sent lately give way.
 */
class SharedTexts {
  private recent = new Map<string, string>();
  /** Those before: each is recent again once it is sent. */
  private former = new Map<string, string>();

  /** One string for all polls with this text; of a long one a copy. */
  of(text: string): string {
    const one = this.recent.get(text);
    if (one !== undefined) return one;
    const own = this.former.get(text) ?? detachedLatin1(text);
    if (own.length > MAX_LENGTH) return own;
    if (this.recent.size === MAX_SHARED) {
      this.former = this.recent;
      this.recent = new Map();
    }
    this.recent.set(own, own);
    return own;
  }
}

const agents = new SharedTexts();
const hosts = new SharedTexts();

/** The Host of a connection's requests. */
export function sharedHost(host: string): string {
  return hosts.of(host);
}

/** Called when the poll is about to be held. `memo` is that of its connection. */
export function keepShortText(exchange: Exchange, memo: GateMemo): void {
  const { userAgent } = exchange;
  if (userAgent !== null) exchange.userAgent = agents.of(userAgent);
  exchange.host = sharedHost(exchange.host);
  memo.forgetRequest();
}

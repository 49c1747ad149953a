// Owns the body of a request that the gateway answers: parsed completely, in outline, or skipped, as the answer
// requires.
import { OutlineReader } from '../../quarantine/outline.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import { treeOf } from './body-tree.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { RequestBody } from '../connection/request-body.ts';
import { BUFFERED_BODY_BYTES } from '../fixed-limits.ts';

/** What was read of a body. */
export type DeniedRequest =
  /** The parsed request; null = empty, or irrelevant to the answer. */
  | { readonly kind: 'request'; readonly root: WbxmlElement | null }
  /** More of the body is needed. */
  | { readonly kind: 'more' }
  /** The body was skipped: too large to keep, and in a form that cannot be parsed in pieces. */
  | { readonly kind: 'unread' }
  | { readonly kind: 'refused'; readonly code: HttpErrorCode };

const MORE: DeniedRequest = { kind: 'more' };
const NOTHING: DeniedRequest = { kind: 'request', root: null };
const MALFORMED: DeniedRequest = { kind: 'refused', code: 'EASGATE_BODY_MALFORMED' };
const WRONG_ROOT: DeniedRequest = { kind: 'refused', code: 'EASGATE_BODY_ROOT' };
const TOO_LARGE: DeniedRequest = { kind: 'refused', code: 'EASGATE_BODY_TOO_LARGE' };

/** The bodies of one client connection, one at a time. */
export class DeniedBody {
  private outline: OutlineReader | null = null;

  /** Processes what arrived since the last call. */
  read(exchange: Exchange, body: RequestBody): DeniedRequest {
    const { command, content } = exchange;
    if (command === 'SendMail' || command === 'SmartForward' || command === 'SmartReply') {
      // Read to its end: a mail app whose connection is closed while it sends never reads the answer, and retries.
      return this.readPast(exchange, body) ? NOTHING : MORE;
    }
    if (!exchange.bodySpent) {
      if (body.complete) {
        const root = treeOf(body.kept, content);
        if (root === undefined) return MALFORMED;
        return root === null || root.name === command ? { kind: 'request', root } : WRONG_ROOT;
      }
      if (body.received <= BUFFERED_BODY_BYTES) return MORE;
      if (command !== 'Sync') return TOO_LARGE;
      this.outline = content === 'wbxml' ? new OutlineReader() : null;
    }
    const { kept } = body;
    const complete = this.readPast(exchange, body);
    if (this.outline === null) return complete ? { kind: 'unread' } : MORE;
    return this.readOn(this.outline, kept, complete);
  }

  /** The rest of a body follows whose beginning was not read here. */
  beginInside(): void {
    this.outline = null;
  }

  /** Drops what arrived; returns whether the body is complete or will not continue. */
  private readPast(exchange: Exchange, body: RequestBody): boolean {
    exchange.bodySpent = true;
    body.release();
    return body.complete || (exchange.expectContinue && !exchange.continued);
  }

  private readOn(outline: OutlineReader, piece: Buffer | null, complete: boolean): DeniedRequest {
    try {
      if (piece !== null && !outline.push(piece)) return TOO_LARGE;
      if (!complete) return MORE;
      const root = outline.end();
      return root.name === 'Sync' ? { kind: 'request', root } : WRONG_ROOT;
    } catch {
      return MALFORMED;
    }
  }
}

// Owns the body of a request that is answered by the gateway: read whole, in outline, or past, as its answer needs it.
import { OutlineReader } from '../../quarantine/outline.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import type { HttpErrorCode } from '../../errors.ts';
import { treeOf } from './body-tree.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { RequestBody } from '../connection/request-body.ts';
import { BUFFERED_BODY_BYTES } from '../settings.ts';

/** What is known of a body. */
export type DeniedRequest =
  /** The request as a tree; null = it is empty, or of no use for the answer. */
  | { readonly kind: 'request'; readonly root: WbxmlElement | null }
  /** The rest of it is needed. */
  | { readonly kind: 'more' }
  /** It was read past: too large to be read, and in a form that cannot be read in pieces. */
  | { readonly kind: 'unread' }
  | { readonly kind: 'refused'; readonly code: HttpErrorCode };

const MORE: DeniedRequest = { kind: 'more' };
const NOTHING: DeniedRequest = { kind: 'request', root: null };
const MALFORMED: DeniedRequest = { kind: 'refused', code: 'EASGATE_BODY_MALFORMED' };
const WRONG_ROOT: DeniedRequest = { kind: 'refused', code: 'EASGATE_BODY_ROOT' };
const TOO_LARGE: DeniedRequest = { kind: 'refused', code: 'EASGATE_BODY_TOO_LARGE' };

/** The bodies of one client connection, one after the other. */
export class DeniedBody {
  private outline: OutlineReader | null = null;

  /** Takes what has come since the last call. */
  read(exchange: Exchange, body: RequestBody): DeniedRequest {
    const { command, content } = exchange;
    if (command === 'SendMail' || command === 'SmartForward' || command === 'SmartReply') {
      // Read to its end: a mail app that is cut off while it sends never reads its answer, and sends again.
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

  /** What comes is the rest of a body whose beginning was not read here. */
  beginInside(): void {
    this.outline = null;
  }

  /** Lets go of what has come; whether that was all of it, or all that will come. */
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

// Owns the words of the quarantine mailbox: what it is asked, what it holds, what it answers. Pure.
import type { EasCommand } from '../eas/commands.ts';
import { element } from '../eas/wbxml/element.ts';
import type { Namespace, TagName } from '../eas/wbxml/code-pages.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import type { KeyMint } from './keys.ts';

/** The one message. */
export interface MailboxNotice {
  /** Changes when what the message says changes; a phone that holds another one gets the message anew. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly fromName: string;
  readonly fromAddress: string;
  readonly toName: string;
  readonly toAddress: string;
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly text: string;
  readonly html: string;
  /** The whole message (RFC 5322). */
  readonly mime: Buffer;
}

/** One request of a quarantined phone. */
export interface MailboxRequest {
  readonly command: EasCommand;
  /** Of the request; the oldest when it named none. */
  readonly version: string;
  /** Null = no body (cached parameters), or none of WBXML. */
  readonly body: WbxmlElement | null;
  readonly notice: MailboxNotice;
  readonly keys: KeyMint;
}

/** An answer that is sent now. */
export type FinalAnswer =
  /** HTTP 200 with this document. */
  | { readonly kind: 'body'; readonly root: WbxmlElement }
  /** The same, written already. */
  | { readonly kind: 'ready'; readonly bytes: Buffer }
  /** HTTP 200 without a body: "no change" of a Sync (MS-ASCMD 2.2.1.21). */
  | { readonly kind: 'empty' }
  /** An HTTP status without a body. */
  | { readonly kind: 'http'; readonly status: number };

/** What the mailbox answers. */
export type MailboxAnswer =
  | FinalAnswer
  /** Held by the gateway for so many seconds, then answered. */
  | { readonly kind: 'hold'; readonly seconds: number; readonly expired: FinalAnswer };

/** An element with one text. NUL is left out: an OPAQUE can bring it in an id, and no text of WBXML can echo it. */
export function node<N extends Namespace>(
  namespace: N,
  name: TagName<N>,
  text: string | number,
): WbxmlElement {
  return element(namespace, name, String(text).replaceAll('\0', ''));
}

/** A version below another, as numbers: `2.5` < `12.1` < `14.0`. */
export function isBefore(version: string, other: number): boolean {
  return Number(version) < other;
}

/** The answer `root` carries. */
export function body(root: WbxmlElement): FinalAnswer {
  return { kind: 'body', root };
}

// Owns the types of the quarantine mailbox: requests, the message, answers. Pure.
import type { EasCommand } from '../eas/commands.ts';
import { element } from '../eas/wbxml/element.ts';
import type { Namespace, TagName } from '../eas/wbxml/code-pages.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import type { Notice } from '../notices/notice.ts';
import type { KeyMint } from './keys.ts';

/** The one message of the mailbox. */
export type MailboxNotice = Omit<Notice, 'language'>;

/** One request of a quarantined phone. */
export interface MailboxRequest {
  readonly command: EasCommand;
  /** Protocol version of the request; the oldest when the request named none. */
  readonly version: string;
  /** Null = no body (cached parameters), or no WBXML. */
  readonly body: WbxmlElement | null;
  readonly notice: MailboxNotice;
  readonly keys: KeyMint;
}

/** An answer that is sent now. */
export type FinalAnswer =
  /** HTTP 200 with this document. */
  | { readonly kind: 'body'; readonly root: WbxmlElement }
  /** HTTP 200 with this encoded document. */
  | { readonly kind: 'ready'; readonly bytes: Buffer }
  /** HTTP 200 without a body: "no change" of a Sync (MS-ASCMD 2.2.1.21). */
  | { readonly kind: 'empty' }
  /** An HTTP status without a body. */
  | { readonly kind: 'http'; readonly status: number };

/** An answer of the mailbox. */
export type MailboxAnswer =
  | FinalAnswer
  /** Held by the gateway for that many seconds, then answered. */
  | { readonly kind: 'hold'; readonly seconds: number; readonly expired: FinalAnswer };

/** An element with one text. NUL is removed: an id from an OPAQUE can contain it, but WBXML text cannot. */
export function node<N extends Namespace>(
  namespace: N,
  name: TagName<N>,
  text: string | number,
): WbxmlElement {
  return element(namespace, name, String(text).replaceAll('\0', ''));
}

/** Compares versions as numbers: `2.5` < `12.1` < `14.0`. */
export function isBefore(version: string, other: number): boolean {
  return Number(version) < other;
}

/** The answer with this document. */
export function body(root: WbxmlElement): FinalAnswer {
  return { kind: 'body', root };
}

// Owns the EAS properties of the message, for each protocol version and body preference (MS-ASEMAIL 2.2.2, MS-ASAIRS
// 2.2.2). Pure.
import { child, childrenNamed, element, textOf } from '../eas/wbxml/element.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import { INBOX } from './folders.ts';
import { shortFingerprint } from './keys.ts';
import { isBefore, node } from './mailbox-types.ts';
import type { MailboxNotice } from './mailbox-types.ts';
import { plain } from '../plain-text.ts';

/** Body types of MS-ASAIRS 2.2.2.41. */
const TEXT = 1;
const HTML = 2;
const MIME = 4;
const MAX_PREVIEW = 255;
/** InternetCPID of UTF-8. */
const UTF8_CODEPAGE = 65001;

/** The body format that the phone asked for. */
export interface BodyWish {
  readonly type: typeof TEXT | typeof HTML | typeof MIME;
  /** Maximum size in octets; Infinity = unlimited. */
  readonly size: number;
  /** Characters of a preview (14.0+). */
  readonly preview: number;
  /** 2.5: send MIMEData instead of Body (MIMESupport 2). */
  readonly mimeSupport: boolean;
}

/** The id of the message of this fingerprint. */
export function messageId(short: string): string {
  return `${INBOX}:${short}`;
}

/** The id of this message. */
export function noticeId(notice: MailboxNotice): string {
  return messageId(shortFingerprint(notice.fingerprint));
}

/** Reads Options of a Sync collection, or of an ItemOperations Fetch. */
export function bodyWish(options: WbxmlElement | undefined): BodyWish {
  const mimeSupport = textOf(child(options, 'MIMESupport')) === '2';
  const wishes = childrenNamed(options, 'BodyPreference').map((preference) => ({
    type: Number(textOf(child(preference, 'Type'))),
    size: sizeOf(textOf(child(preference, 'TruncationSize'))),
    preview: Math.min(Number(textOf(child(preference, 'Preview')) ?? 0) || 0, MAX_PREVIEW),
  }));
  const found =
    (mimeSupport ? wishes.find(({ type }) => type === MIME) : undefined) ??
    wishes.find(({ type }) => type === HTML) ??
    wishes.find(({ type }) => type === TEXT) ??
    wishes.find(({ type }) => type === MIME);
  const type = found?.type === HTML ? HTML : found?.type === MIME ? MIME : TEXT;
  return { type, size: found?.size ?? Infinity, preview: found?.preview ?? 0, mimeSupport };
}

function sizeOf(text: string | undefined): number {
  if (text === undefined || !/^[0-9]{1,10}$/.test(text)) return Infinity;
  return Number(text);
}

/** ApplicationData of the message. */
export function properties(notice: MailboxNotice, version: string, wish: BodyWish): WbxmlElement[] {
  const to = address(notice.toName, notice.toAddress);
  const shared = [
    node('Email', 'To', to),
    node('Email', 'From', address(notice.fromName, notice.fromAddress)),
    node('Email', 'Subject', notice.subject),
    node('Email', 'DateReceived', notice.date),
    node('Email', 'DisplayTo', notice.toName === '' ? notice.toAddress : notice.toName),
    node('Email', 'ThreadTopic', notice.subject),
    node('Email', 'Importance', 1),
    node('Email', 'Read', 0),
  ];
  const kind = [
    node('Email', 'MessageClass', 'IPM.Note'),
    node('Email', 'InternetCPID', UTF8_CODEPAGE),
    node('Email', 'ContentClass', 'urn:content-classes:message'),
  ];
  if (version === '2.5') return [...shared, ...oldBody(notice, wish), ...kind.slice(0, 2)];
  const later = isBefore(version, 14) ? [] : [element('Email2', 'ConversationId', conversation(notice))];
  const native = node('AirSyncBase', 'NativeBodyType', HTML);
  return [...shared, airSyncBody(notice, version, wish), native, ...kind, ...later];
}

/** Body in the form of MS-ASAIRS, from 12.0 on. */
function airSyncBody(notice: MailboxNotice, version: string, wish: BodyWish): WbxmlElement {
  const bytes = bytesOf(notice, wish.type);
  const cut = truncate(bytes, wish.size);
  const preview =
    wish.preview > 0 && !isBefore(version, 14)
      ? [node('AirSyncBase', 'Preview', plain(flat(notice.text), wish.preview).trimEnd())]
      : [];
  return element(
    'AirSyncBase',
    'Body',
    node('AirSyncBase', 'Type', wish.type),
    node('AirSyncBase', 'EstimatedDataSize', bytes.length),
    ...(cut.length < bytes.length ? [node('AirSyncBase', 'Truncated', 1)] : []),
    element('AirSyncBase', 'Data', cut.toString('utf8')),
    ...preview,
  );
}

function bytesOf(notice: MailboxNotice, type: BodyWish['type']): Buffer {
  if (type === MIME) return notice.mime;
  return Buffer.from(type === HTML ? notice.html : notice.text, 'utf8');
}

/** At most `size` octets, cut between characters. */
function truncate(bytes: Buffer, size: number): Buffer {
  if (bytes.length <= size) return bytes;
  let end = size;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/** 2.5: Body in the Email namespace, or the whole message (MS-ASEMAIL 2.2.2.8, 2.2.2.48). */
function oldBody(notice: MailboxNotice, wish: BodyWish): WbxmlElement[] {
  if (wish.mimeSupport) {
    return [
      node('Email', 'MIMETruncated', 0),
      node('Email', 'MIMESize', notice.mime.length),
      element('Email', 'MIMEData', notice.mime.toString('utf8')),
    ];
  }
  return [
    node('Email', 'BodySize', Buffer.byteLength(notice.text)),
    node('Email', 'BodyTruncated', 0),
    node('Email', 'Body', notice.text),
  ];
}

/** Sixteen octets derived from the message (MS-ASCON 2.2.2.4). */
function conversation(notice: MailboxNotice): Buffer {
  return Buffer.from(shortFingerprint(notice.fingerprint).padEnd(32, '0'), 'hex');
}

function address(name: string, mail: string): string {
  return name === '' ? mail : `"${name.replaceAll(/["\\]/g, '')}" <${mail}>`;
}

function flat(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

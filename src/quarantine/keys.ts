// Owns the sync keys and ids that the gateway issues. Each key contains its authenticated state, so that it survives
// restarts and is valid on every node. Pure.
import { createHmac, timingSafeEqual } from 'node:crypto';

/** Prefix of every key and id issued here; no mail server uses it. */
export const ISSUED_PREFIX = 'easg1-';

const FINGERPRINT_BYTES = 6;
/** Counter 4, flags 1, fingerprint 6. */
const STATE_BYTES = 11;
const MAC_BYTES = 12;
const DELETED = 1;
/** Increase it when the list of folders changes, so that phones read the list again. */
const HIERARCHY_LAYOUT = 1;

/** A phone's state of one folder. */
export interface FolderState {
  /** Grows with every answer, so that every key is unique. */
  readonly counter: number;
  /** Short fingerprint of the message that was delivered; null = none. */
  readonly delivered: string | null;
  /** The phone deleted that message. */
  readonly deleted: boolean;
}

/** The state of a folder that was never synchronised. */
export const FRESH: FolderState = { counter: 0, delivered: null, deleted: false };

/** The short form of a fingerprint that fits into a key: 12 hex digits. */
export function shortFingerprint(fingerprint: string): string {
  return createHmac('sha256', 'easgate notice')
    .update(fingerprint)
    .digest('hex')
    .slice(0, FINGERPRINT_BYTES * 2);
}

/** Issues and reads the keys of one phone. */
export class KeyMint {
  private readonly secret: Buffer;
  private readonly owner: string;

  /** `secret` has 32 bytes and is the same on all nodes; `user` and `device` are canonical keys. */
  constructor(secret: Buffer, user: string, device: string) {
    this.secret = secret;
    this.owner = `${user}\0${device}`;
  }

  /** The sync key of a folder. At most 64 characters (MS-ASCMD 2.2.3.181.4). */
  folderKey(folder: string, state: FolderState): string {
    const bytes = Buffer.alloc(STATE_BYTES);
    bytes.writeUInt32BE(state.counter >>> 0, 0);
    bytes[4] = state.deleted ? DELETED : 0;
    if (state.delivered !== null) bytes.write(state.delivered, 5, 'hex');
    return this.seal(`sync\0${folder}`, bytes);
  }

  /** The state of a key issued for this phone and folder; null = any other text. */
  readFolderKey(folder: string, key: string): FolderState | null {
    const bytes = this.open(`sync\0${folder}`, key);
    if (bytes === null || bytes.length !== STATE_BYTES) return null;
    const delivered = bytes.toString('hex', 5);
    return {
      counter: bytes.readUInt32BE(0),
      delivered: /^0+$/.test(delivered) ? null : delivered,
      deleted: (bytes[4] ?? 0) === DELETED,
    };
  }

  /** The sync key of the list of folders. */
  hierarchyKey(): string {
    return this.seal('hierarchy', Buffer.of(HIERARCHY_LAYOUT));
  }

  /** Whether a key stands for the current list of folders. */
  isHierarchyKey(key: string): boolean {
    return this.open('hierarchy', key)?.equals(Buffer.of(HIERARCHY_LAYOUT)) ?? false;
  }

  /** A policy key: constant per phone and `phase`, never 0 (MS-ASPROV 2.2.2.42). */
  policyKey(phase: 'temporary' | 'final'): number {
    const mac = this.mac(`policy\0${phase}`, Buffer.alloc(0));
    return mac.readUInt32BE(0) || 1;
  }

  private seal(purpose: string, state: Buffer): string {
    return ISSUED_PREFIX + Buffer.concat([state, this.mac(purpose, state)]).toString('base64url');
  }

  private open(purpose: string, key: string): Buffer | null {
    if (!key.startsWith(ISSUED_PREFIX) || key.length > 64) return null;
    const text = key.slice(ISSUED_PREFIX.length);
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.length <= MAC_BYTES || bytes.toString('base64url') !== text) return null;
    const state = bytes.subarray(0, bytes.length - MAC_BYTES);
    const mac = bytes.subarray(bytes.length - MAC_BYTES);
    return timingSafeEqual(mac, this.mac(purpose, state)) ? state : null;
  }

  private mac(purpose: string, state: Buffer): Buffer {
    const hmac = createHmac('sha256', this.secret).update(`${purpose}\0${this.owner}\0`).update(state);
    return hmac.digest().subarray(0, MAC_BYTES);
  }
}

/** Whether a key or id was issued by any gateway, for any phone. */
export function isIssued(text: string): boolean {
  return text.startsWith(ISSUED_PREFIX);
}

// Owns what a webhook delivery does: its credentials, its time, repeated ones, and its records, or the start of another feed.
import { createHash } from 'node:crypto';
import { ProgramError } from '../../errors/program-errors.ts';
import { monotonicNow } from '../../clock.ts';
import type { DeliveryCredentials, ReceivedSettings } from '../../config/delivery-credentials.ts';
import { FeedFile } from '../../feeds/files/feed-file.ts';
import type { ReadingOptions } from '../../feeds/files/feed-file.ts';
import type { DeliveryMemory } from '../../directory/delivery-memory.ts';
import type { FeedLine } from '../../feeds/record.ts';
import { repeatedName } from '../../feeds/repeated-names.ts';
import { eventLine } from '../../feeds/webhook/event-lines.ts';
import { Repeats } from '../../feeds/webhook/repeats.ts';
import { isSigned, isWithin, readSignedHead, signedTime } from '../../feeds/webhook/signature.ts';
import type { HeaderReader, SignatureSettings, SignedHead } from '../../feeds/webhook/signature.ts';
import { hasToken } from './delivery-token.ts';
import type { Receiver, Writing } from './receiver.ts';
import { DeliveryError } from './delivery-error.ts';

/** A webhook feed in the configuration. */
export type WebhookSettings = Extract<ReceivedSettings, { kind: 'webhook' }>;

/** A head that was checked; null = the token is good, and nothing is signed. */
export type CheckedHead = SignedHead | null;

/** What a delivery did, for its sender. */
export interface WebhookAnswer {
  readonly status: 'accepted' | 'repeated' | 'triggered';
  readonly accepted?: number;
  readonly unchanged?: number;
  readonly notJoined?: number;
  readonly refused?: readonly { readonly line: number; readonly reason: string }[];
}

/** Starts a run of another feed. */
export type Trigger = (name: string) => void;

const MAX_REASONS = 20;

/** Carries out the deliveries of one webhook feed. */
export class Webhooks {
  readonly settings: WebhookSettings;
  private readonly receiver: Receiver;
  private readonly credentials: DeliveryCredentials;
  private readonly signature: SignatureSettings;
  private readonly reading: ReadingOptions;
  private readonly repeats = new Repeats();
  private readonly memory: DeliveryMemory;
  private readonly since = monotonicNow();
  private readonly underWay = new Set<string>();

  constructor(
    settings: WebhookSettings,
    receiver: Receiver,
    credentials: DeliveryCredentials,
    reading: ReadingOptions,
    memory: DeliveryMemory,
  ) {
    const { timestampHeader = null, idHeader = null, windowSeconds, ...signature } = settings.signature;
    this.settings = settings;
    this.receiver = receiver;
    this.credentials = credentials;
    this.reading = reading;
    this.memory = memory;
    this.signature = { ...signature, timestampHeader, idHeader, windowMs: windowSeconds * 1_000 };
  }

  /** Checks what can be checked before the body is read. @throws DeliveryError */
  checkHead(header: HeaderReader): CheckedHead {
    if (this.credentials.tokens.length > 0) {
      if (!hasToken(this.credentials.tokens, header('authorization')))
        throw new DeliveryError('EASGATE_DELIVERY_CREDENTIALS', 'the token is missing or wrong');
      return null;
    }
    const head = readSignedHead(this.signature, header, Date.now());
    if (head === 'signature')
      throw new DeliveryError('EASGATE_DELIVERY_CREDENTIALS', 'the signature is missing or wrong');
    if (head === 'time') throw this.wrongTime();
    return head;
  }

  /** Checks the signature of a body. @throws DeliveryError */
  checkBody(head: CheckedHead, body: Buffer): void {
    if (head !== null && !isSigned(this.signature, this.credentials.keys, head, body))
      throw new DeliveryError('EASGATE_DELIVERY_CREDENTIALS', 'the signature is missing or wrong');
  }

  /**
   * Carries a delivery out whose head and body were checked.
   * @throws DeliveryError, or an error of the store
   */
  async accept(head: CheckedHead, body: Buffer, writing: Writing, trigger: Trigger): Promise<WebhookAnswer> {
    const document = jsonOf(body);
    const signedAt = this.signedAt(head, document);
    const name = head === null ? null : nameOf(head, body);
    const now = Date.now();
    if (name !== null && this.repeats.has(name, now)) return this.repeated(head, body, signedAt, writing);
    if (name !== null && this.underWay.has(name))
      throw new DeliveryError('EASGATE_DELIVERY_BUSY', 'the same delivery is under way', 1);
    if (name !== null) this.underWay.add(name);
    try {
      if (name !== null && (await this.wasCarriedOut(name, now)))
        return await this.repeated(head, body, signedAt, writing);
      const answer = await this.carryOut(body, signedAt, writing, trigger);
      if (name !== null)
        await this.remember(name, Math.max(signedAt ?? now, now) + this.signature.windowMs, now);
      return answer;
    } finally {
      if (name !== null) this.underWay.delete(name);
    }
  }

  /** By another process, which led before: later than twice the window after this one began, its time refuses it. */
  private async wasCarriedOut(name: string, now: number): Promise<boolean> {
    if (monotonicNow() - this.since > 2 * this.signature.windowMs) return false;
    return this.memory.isKnown(this.settings.name, name, now);
  }

  private async remember(name: string, end: number, now: number): Promise<void> {
    this.repeats.add(name, end, now);
    try {
      await this.memory.remember(this.settings.name, name, end, now);
    } catch {
      // It was carried out all the same, and this process knows it.
    }
  }

  /**
   * An equal delivery of a sender without ids may be a new event of the same second: what refuses in it is applied again, what allows
   * is not.
   */
  private async repeated(
    head: CheckedHead,
    body: Buffer,
    signedAt: number | null,
    writing: Writing,
  ): Promise<WebhookAnswer> {
    if (head === null || head.id !== null || this.settings.trigger !== undefined)
      return { status: 'repeated' };
    const lines = (await this.linesOf(body)).map((line) => eventLine(line, null));
    if (lines.some(({ type }) => type !== 'refused'))
      await this.receiver.apply({ lines, readAt: signedAt ?? Date.now() }, writing);
    return { status: 'repeated' };
  }

  private async carryOut(
    body: Buffer,
    signedAt: number | null,
    writing: Writing,
    trigger: Trigger,
  ): Promise<WebhookAnswer> {
    const { trigger: other } = this.settings;
    if (other !== undefined) {
      // Stored before the sender gets its answer, so that a restart does not lose it.
      await this.receiver.noteTrigger();
      trigger(other);
      return { status: 'triggered' };
    }
    const lines = (await this.linesOf(body)).map((line) => eventLine(line, signedAt));
    if (lines.every(({ type }) => type === 'refused'))
      throw new DeliveryError(
        'EASGATE_DELIVERY_CONTENT',
        lines.length === 0 ? 'the body has no records' : `no record is used: ${reasonsOf(lines).join('; ')}`,
      );
    const readAt = signedAt ?? Date.now();
    const { devices, decisions, notJoined, refused } = await this.receiver.apply({ lines, readAt }, writing);
    return {
      status: 'accepted',
      accepted: devices.accepted + devices.removed + decisions.applied,
      unchanged: devices.unchanged + devices.older,
      notJoined: notJoined.count,
      refused: refused.first.slice(0, MAX_REASONS),
    };
  }

  private signedAt(head: CheckedHead, document: unknown): number | null {
    const { timestampField } = this.settings.signature;
    if (head === null) return null;
    if (timestampField === undefined) return head.signedAt;
    const value = valueAt(document, timestampField);
    const at = typeof value === 'string' || typeof value === 'number' ? signedTime(String(value)) : null;
    if (at === null || !isWithin(at, this.signature.windowMs, Date.now())) throw this.wrongTime();
    return at;
  }

  private wrongTime(): DeliveryError {
    const { windowSeconds } = this.settings.signature;
    return new DeliveryError(
      'EASGATE_DELIVERY_TIME',
      `the time of the delivery is missing, or further from now than ${windowSeconds} seconds`,
    );
  }

  /** Read as a file, since a file of the same content is what `easgate feeds test` reads. */
  private async linesOf(body: Buffer): Promise<FeedLine[]> {
    try {
      const file = await FeedFile.of(() => whole(body), this.reading);
      return await Array.fromAsync(file.lines());
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error;
      this.receiver.noteRefusal(error);
      throw new DeliveryError('EASGATE_DELIVERY_CONTENT', 'the format of the body is not known');
    }
  }
}

/** A body, read as the pieces of a file are. */
async function* whole(body: Buffer): AsyncGenerator<Buffer> {
  yield body;
}

/** RFC 8259: JSON in UTF-8, each name once. */
function jsonOf(body: Buffer): unknown {
  let document: unknown;
  let text = '';
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    document = JSON.parse(text);
  } catch {
    throw new DeliveryError(
      'EASGATE_DELIVERY_CONTENT',
      'the body is not one JSON document in UTF-8 (RFC 8259)',
    );
  }
  if (repeatedName(text) !== null)
    throw new DeliveryError('EASGATE_DELIVERY_CONTENT', 'a name stands twice in one object of the body');
  return document;
}

/** Deliveries with the same name are the same one. */
function nameOf({ id, timestamp }: SignedHead, body: Buffer): string {
  return id ?? createHash('sha256').update(`${timestamp}\n`).update(body).digest('base64');
}

function valueAt(document: unknown, path: string): unknown {
  let value = document;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

function reasonsOf(lines: readonly FeedLine[]): string[] {
  const reasons = lines.flatMap((line) => (line.type === 'refused' ? [line.reason] : []));
  return [...new Set(reasons)].slice(0, 3);
}

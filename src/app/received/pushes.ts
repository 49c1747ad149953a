// Owns what pushed records do: a delta, with a result for each record, or a bulk, the whole set with its count. A repeated idempotency
// key does nothing again.
import { LRUCache } from 'lru-cache';
import { ANSWER_MEMORY_MS, MOST_ANSWERS } from '../../directory/push-memory.ts';
import type { PushMemory } from '../../directory/push-memory.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import type { DeliveryCredentials, ReceivedSettings } from '../../config/delivery-credentials.ts';
import { pushLines } from '../../feeds/push/push-lines.ts';
import type { PushLine } from '../../feeds/push/push-lines.ts';
import type { FeedPart } from '../../feeds/contract.ts';
import type { ApplyOutcome } from '../apply-outcome.ts';
import { hasToken } from './delivery-token.ts';
import { PushResults } from './push-results.ts';
import type { PushResult } from './push-results.ts';
import type { Receiver, Writing } from './receiver.ts';
import { DeliveryError } from './delivery-error.ts';

/** A push feed in the configuration. */
export type PushSettings = Extract<ReceivedSettings, { kind: 'push' }>;

/** A body that waits in a file. */
export interface PushBody {
  /** Reads it from its beginning. */
  readonly bytes: () => AsyncIterable<Uint8Array>;
  /** SHA-256 of the unpacked body and of what the request asks for, in base64. */
  readonly digest: string;
}

/** What a request asks for. */
export interface PushRequest {
  /** Of a bulk: how many records of each kind it has, which are all of its source. Null = a delta. */
  readonly counts: Readonly<{ device?: number; user?: number }> | null;
  readonly dryRun: boolean;
  /** Null = none was given. */
  readonly idempotencyKey: string | null;
}

/** What a push did, for its sender. */
export interface PushAnswer extends Omit<ApplyOutcome, 'source' | 'held' | 'decisions' | 'joined'> {
  /** The same idempotency key came before: nothing was done again. */
  readonly repeated?: true;
  /** Of a delta: one for each record. */
  readonly results?: readonly PushResult[];
}

/** Records of one delta. */
const MOST_RECORDS = 10_000;
const PART = 1_000;
/** Longest answer that the directory keeps, characters. */
const MAX_ANSWER = 65_536;

/** An answer that a repeated request gets. */
interface KeptAnswer {
  readonly digest: string;
  readonly answer: PushAnswer;
}

/** Carries out the pushes to one feed. */
export class Pushes {
  readonly settings: PushSettings;
  private readonly receiver: Receiver;
  private readonly credentials: DeliveryCredentials;
  private readonly memory: PushMemory;
  /** Those of this process, where the directory could not take them. */
  private readonly answers = new LRUCache<string, KeptAnswer>({ max: MOST_ANSWERS, ttl: ANSWER_MEMORY_MS });
  private readonly underWay = new Set<string>();
  private hasBulk = false;

  constructor(
    settings: PushSettings,
    receiver: Receiver,
    credentials: DeliveryCredentials,
    memory: PushMemory,
  ) {
    this.settings = settings;
    this.receiver = receiver;
    this.credentials = credentials;
    this.memory = memory;
  }

  /** Whether the header has a token of this feed. @throws DeliveryError */
  checkToken(authorization: string | undefined): void {
    if (!hasToken(this.credentials.tokens, authorization))
      throw new DeliveryError(
        'EASGATE_DELIVERY_CREDENTIALS',
        'the token is missing, wrong, or of another feed',
      );
  }

  /** Makes room for a bulk: of a feed one at a time. Returns what gives it back. @throws DeliveryError */
  beginBulk(): () => void {
    if (this.hasBulk) throw new DeliveryError('EASGATE_DELIVERY_BUSY', 'another bulk is under way', 30);
    this.hasBulk = true;
    return () => {
      this.hasBulk = false;
    };
  }

  /** Carries a push out, once for each idempotency key. @throws DeliveryError, or an error of the store */
  async accept(request: PushRequest, body: PushBody, writing: Writing): Promise<PushAnswer> {
    const { idempotencyKey: key } = request;
    if (key === null) return this.carryOut(request, body, writing);
    if (this.underWay.has(key))
      throw new DeliveryError(
        'EASGATE_DELIVERY_BUSY',
        'the request with this idempotency key is under way',
        1,
      );
    this.underWay.add(key);
    try {
      const before = this.answers.get(key) ?? (await this.recalled(key));
      if (before !== null && before.digest !== body.digest)
        throw new DeliveryError(
          'EASGATE_DELIVERY_CONTENT',
          'the idempotency key was used for another request',
        );
      if (before !== null) return { ...before.answer, repeated: true };
      const answer = await this.carryOut(request, body, writing);
      const { results: _results, ...kept } = answer;
      await this.remember(key, { digest: body.digest, answer: kept });
      return answer;
    } finally {
      this.underWay.delete(key);
    }
  }

  /** The answer of another process, which led before; null = there is none. */
  private async recalled(key: string): Promise<KeptAnswer | null> {
    const text = await this.memory.recall(this.settings.name, key, Date.now());
    return text === null ? null : keptAnswer(text);
  }

  private async remember(key: string, kept: KeptAnswer): Promise<void> {
    this.answers.set(key, kept);
    const text = JSON.stringify(kept);
    try {
      if (text.length <= MAX_ANSWER) await this.memory.remember(this.settings.name, key, text, Date.now());
    } catch {
      // It was carried out all the same, and this process knows it.
    }
  }

  private async carryOut(request: PushRequest, body: PushBody, writing: Writing): Promise<PushAnswer> {
    try {
      return request.counts === null
        ? await this.delta(request, body, writing)
        : await this.bulk(request, request.counts, body, writing);
    } catch (error) {
      // The body, or a part of it, is not UTF-8.
      if (error instanceof ProgramError && error.code === 'EASGATE_FILE')
        throw new DeliveryError('EASGATE_DELIVERY_CONTENT', error.message);
      throw error;
    }
  }

  private async delta({ dryRun }: PushRequest, { bytes }: PushBody, writing: Writing): Promise<PushAnswer> {
    const lines: PushLine[] = [];
    for await (const line of pushLines(bytes(), { source: this.settings.name, isDelta: true })) {
      if (lines.length === MOST_RECORDS)
        throw new DeliveryError(
          'EASGATE_DELIVERY_SIZE',
          `a delta has ${MOST_RECORDS} records at most: send several, or a bulk`,
        );
      lines.push(line);
    }
    const results = new PushResults(lines);
    const outcome = await this.receiver.apply(
      {
        lines,
        readAt: Date.now(),
        dryRun,
        onOutcome: (kind, key, result) => results.written(kind, key, result),
        onOutdated: (line) => results.outdated(line),
        onNotJoined: (line) => results.notJoined(line),
      },
      writing,
    );
    return { ...answerOf(outcome), results: results.all() };
  }

  private async bulk(
    { dryRun }: PushRequest,
    counts: NonNullable<PushRequest['counts']>,
    { bytes }: PushBody,
    writing: Writing,
  ): Promise<PushAnswer> {
    const { name: source } = this.settings;
    const parts = (): AsyncGenerator<Pick<FeedPart, 'lines'>> =>
      counted(pushLines(bytes(), { source, isDelta: false }), counts);
    return answerOf(
      await this.receiver.apply({ lines: null, parts, counts, readAt: Date.now(), dryRun }, writing),
    );
  }
}

/** Null = it is not understood: the request is carried out. */
function keptAnswer(text: string): KeptAnswer | null {
  try {
    // Another process of this program wrote it.
    const kept = JSON.parse(text) as Partial<KeptAnswer>;
    const { digest, answer } = kept;
    return typeof digest === 'string' && answer !== undefined ? { digest, answer } : null;
  } catch {
    return null;
  }
}

function answerOf({
  source: _source,
  held: _held,
  decisions: _d,
  joined: _j,
  ...shown
}: ApplyOutcome): PushAnswer {
  return shown;
}

/** The lines in parts. @throws DeliveryError where there are more or fewer than the sender says: what is missing would be removed */
async function* counted(
  lines: AsyncIterable<PushLine>,
  counts: NonNullable<PushRequest['counts']>,
): AsyncGenerator<Pick<FeedPart, 'lines'>> {
  const read = { device: 0, user: 0, group: 0, decision: 0, refused: 0 };
  let part: PushLine[] = [];
  for await (const line of lines) {
    read[line.type]++;
    part.push(line);
    if (part.length < PART) continue;
    yield { lines: part };
    part = [];
  }
  yield { lines: part };
  for (const kind of ['device', 'user'] as const) {
    const stated = counts[kind] ?? read[kind];
    if (stated < read[kind] || stated > read[kind] + read.refused)
      throw new DeliveryError(
        'EASGATE_DELIVERY_CONTENT',
        `the request says ${stated} ${kind}s, the body has ${read[kind]}: nothing was written`,
      );
  }
}

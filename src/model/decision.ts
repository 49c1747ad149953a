// Owns the manual decision on a device or a partnership, and the progress of a wipe.
import { z } from 'zod';
import { CorruptRecordError } from './corrupt-record.ts';
import { number, numberOr, text, textOr, texts, word } from './fields.ts';
import type { Immutable } from './fields.ts';
import { isObject, parseObject, readerOf } from './read-record.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';

const who = {
  owner: textOr('unknown', 'Who decided'),
  reason: text('The reason, as entered by the operator; it may be shown to the user of the phone'),
  decidedAt: numberOr(0, 'When it was decided, milliseconds since the epoch'),
};

/** An operator's decision to allow, block or quarantine a device or a partnership. */
export const accessDecisionSchema = z.object({
  action: word(
    {
      allow: 'its requests go to the mail server',
      block: 'its requests are refused',
      quarantine: 'it sees only a mailbox with a message that explains why',
    },
    'The action of the decision',
  ),
  ...who,
  expiresAt: number(
    'When it ends, milliseconds since the epoch; null = until it is cleared. An expired decision has no effect',
  ),
});

/** A partnership that a wipe names; it was recorded before the order. */
export const wipePartnershipSchema = z.object({
  user: z.string().describe('Its user'),
  spellings: texts('The spellings of the device id seen before the order'),
  toldAt: number('When the order was first sent to it, milliseconds since the epoch; null = not yet'),
});

const progress = z.object({
  requestedAt: z.number().describe('When it was ordered, milliseconds since the epoch; identifies this wipe'),
  partnerships: z.array(wipePartnershipSchema).meta({
    description: 'The partnerships that get the order; all other users of the device id are denied',
    default: [],
  }),
  state: word(
    {
      pending: 'the device has not answered yet',
      acknowledged: 'the device confirmed the wipe',
      failed: 'the device reported a failure; the order is sent again',
    },
    'The progress of the wipe',
  ),
  acknowledgedAt: number(
    'When the device last answered, with success or failure, milliseconds since the epoch; null = not yet',
  ),
  deviceStatus: number(
    'The status in its answer: 1 = wiped, 2 = failed (MS-ASPROV 2.2.2.54.3); null = no answer yet',
  ),
  acknowledgedBy: text('The user of the partnership that answered; null = none yet'),
});

/** The stored progress of a wipe. */
export const storedWipeSchema = progress.extend({
  epoch: number(
    'The epoch of the store when it was ordered. In another epoch (for instance a restored backup) it may have been cancelled, so an ' +
      'unacknowledged wipe is suspended: the device is blocked and gets no order until an operator orders the wipe again',
  ),
});

/** The progress of a wipe. */
export const wipeProgressSchema = progress.extend({
  suspended: z
    .literal(true)
    .exactOptional()
    .describe('It was ordered in another epoch of the store; computed on reading, not stored'),
});

const wipeAction = word(
  { wipe: 'the device is erased', accountWipe: 'the data of the account on the device is erased' },
  'The kind of wipe',
);
const wipeExpiry = z.null().meta({
  description: 'A wipe is cancelled by an operator or carried out; it never expires',
  default: null,
});

/** The stored form of {@link wipeDecisionSchema}. Its fields have no defaults, because it erases a device. */
export const storedWipeDecisionSchema = z.object({
  action: wipeAction,
  ...who,
  expiresAt: wipeExpiry,
  wipe: storedWipeSchema.describe('The order and its progress'),
});

/** An operator's order to erase the device (`wipe`), or only the data of the account (`accountWipe`). */
export const wipeDecisionSchema = storedWipeDecisionSchema.extend({
  wipe: wipeProgressSchema.describe('The order and its progress'),
});

/** A manual decision of an operator on a device or a partnership (user + device). */
export const manualDecisionSchema = z.discriminatedUnion('action', [
  accessDecisionSchema,
  wipeDecisionSchema,
]);

/** An operator's decision to allow, block or quarantine a device or a partnership. */
export type AccessDecision = Immutable<z.infer<typeof accessDecisionSchema>>;
/** A partnership that a wipe names. */
export type WipePartnership = Immutable<z.infer<typeof wipePartnershipSchema>>;
/** The progress of a wipe. */
export type WipeProgress = Immutable<z.infer<typeof wipeProgressSchema>>;
/** An operator's order to erase a device or an account. */
export type WipeDecision = Immutable<z.infer<typeof wipeDecisionSchema>>;
/** A manual decision of an operator on a device or a partnership (user + device). */
export type ManualDecision = Immutable<z.infer<typeof manualDecisionSchema>>;

const readAccess = readerOf(accessDecisionSchema);
const readWipe = readerOf(storedWipeDecisionSchema);

/** One change of a decision: who made it, and what it changed. */
export const decisionChangeSchema = z.object({
  at: z.number().describe('When it was changed, milliseconds since the epoch'),
  by: z.string().describe('Who changed it'),
  via: z.string().describe('From where: `cli`, `api`, `device` (the answer to a wipe) or another word'),
  before: text('The action before; null = there was no decision'),
  after: text('The action after; null = the decision was taken back'),
  reason: text('The reason that was given'),
  expiresAt: number('When the decision ends, milliseconds since the epoch; null = never, or taken back'),
});

/** One change of a decision. */
export type DecisionChange = Immutable<z.infer<typeof decisionChangeSchema>>;

/** What is decided on a subject, and how that came about. */
export interface DecisionRecord {
  /** Null = nothing is decided any more. */
  readonly decision: ManualDecision | null;
  /** The latest changes, the latest last: 20 at most. */
  readonly history: readonly DecisionChange[];
}

/** What a decision is about: a device, a partnership, or a user. Not both null. */
export interface DecisionSubject {
  /** Null = every device of the user. */
  readonly device: DeviceKey | null;
  /** Null = every user of the device. */
  readonly user: UserKey | null;
}

/** Who changes a decision, when and from where: kept in its history. */
export interface DecisionOrigin {
  readonly by: string;
  readonly via: string;
  readonly at: number;
}

/** A decision that a feed imported, e.g. from a list of Exchange. It counts only where no operator's decision is in force. */
export interface ImportedDecision extends DecisionSubject {
  readonly source: string;
  readonly decision: AccessDecision;
}

const readChange = readerOf(decisionChangeSchema);

/**
 * Reads a stored decision with its history: a list of the decision (null = taken back) and its changes, or a decision alone.
 * A wipe of another epoch than the store's is suspended. @throws CorruptRecordError
 */
export function readDecisionRecord(stored: string, what: string, epoch: number): DecisionRecord {
  let value: unknown;
  try {
    value = JSON.parse(stored);
  } catch (cause) {
    throw new CorruptRecordError(what, cause);
  }
  if (!Array.isArray(value)) return { decision: decisionOf(value, what, epoch), history: [] };
  if (value.length === 0) throw new CorruptRecordError(what);
  const [decision, ...changes] = value as unknown[];
  return {
    decision: decision === null ? null : decisionOf(decision, what, epoch),
    history: changes.flatMap((change) => readableChange(change, what)),
  };
}

/** History decides nothing: a change that is not understood is left out. */
function readableChange(change: unknown, what: string): DecisionChange[] {
  try {
    return isObject(change) ? [readChange(change, what)] : [];
  } catch {
    return [];
  }
}

/** Reads an imported decision. @throws CorruptRecordError */
export function readImported(stored: string, what: string): AccessDecision {
  return readAccess(parseObject(stored, what), what);
}

function decisionOf(json: unknown, what: string, epoch: number): ManualDecision {
  if (!isObject(json)) throw new CorruptRecordError(what);
  const { action } = json;
  if (action === 'allow' || action === 'block' || action === 'quarantine') return readAccess(json, what);
  if (action !== 'wipe' && action !== 'accountWipe') throw new CorruptRecordError(what);
  const decision = readWipe(json, what);
  const { epoch: ordered, ...wipe } = decision.wipe;
  const isSuspended = wipe.state !== 'acknowledged' && ordered !== epoch;
  return { ...decision, wipe: isSuspended ? { ...wipe, suspended: true } : wipe };
}

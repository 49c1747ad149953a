// Owns the verdict: the action of the gateway on a request, and its reason.
import { z } from 'zod';
import { word } from './fields.ts';
import type { Immutable } from './fields.ts';
import { verdictReasonSchema } from './reason.ts';

/** The action of the gateway on a request. */
export const verdictActionSchema = word(
  {
    allow: 'it goes to the mail server',
    block: 'it is refused',
    quarantine: 'it is answered from a mailbox with a message about why',
    wipe: 'the device is ordered to erase itself',
    accountWipe: 'the device is ordered to erase what it holds of the account',
  },
  'What the gateway does with a request',
);

/** The wipe and partnership of a `wipe` verdict; the device's answer is recorded for it. */
export const wipeOrderSchema = z.object({
  decidedFor: z
    .string()
    .nullable()
    .describe("The user the decision is stored under; null = it is the device's, for every user"),
  user: z.string().describe('The partnership that gets the order, by the name of its user in it'),
  spellings: z.array(z.string()).describe('The spellings of the device id under which the order is sent'),
  told: z
    .boolean()
    .describe('Whether the order was sent before; only then an answer counts (MS-ASPROV 3.2.5.1.2)'),
  requestedAt: z
    .number()
    .describe('When the wipe was ordered, milliseconds since the epoch; names this one wipe'),
  readAt: z
    .number()
    .describe('When the decision was read, milliseconds since the epoch: an outdated order must not be sent'),
  get elsewhere() {
    return verdictSchema.describe('The verdict under any other spelling');
  },
});

/** The verdict of a rule or policy that is not enforced. */
export const wouldBeSchema = z.object({
  action: z.enum(['allow', 'block', 'quarantine']).describe('What it would have done with the request'),
  reason: verdictReasonSchema,
  rule: z.string().nullable().describe('Name of the rule or compliance policy; null = neither'),
});

/** The decision on a user with a device. */
export const verdictSchema = z.object({
  action: verdictActionSchema,
  reason: verdictReasonSchema,
  rule: z
    .string()
    .describe(
      'Where the decision came from, e.g. `partnership decision by admin` or `rule "old Androids"`; never sent to phones',
    ),
  validUntil: z
    .union([z.number(), z.literal(Infinity)])
    .describe(
      'When the verdict must be decided anew, milliseconds since the epoch; Infinity when nothing expires',
    ),
  lapsesAt: z
    .number()
    .exactOptional()
    .describe(
      'The same moment on the monotonic clock, milliseconds, worked out when the verdict was decided: deadlines count on it, ' +
        'so that a step of the wall clock does not move them. Set by the verdict cache; absent = not worked out',
    ),
  since: z
    .number()
    .exactOptional()
    .describe('Since when it is so, milliseconds since the epoch; absent = not known'),
  requirement: z
    .string()
    .exactOptional()
    .describe(
      'What exactly is required or was decided, in the words of the operator or feed; the user of the phone may read it',
    ),
  model: z
    .string()
    .exactOptional()
    .describe('The model as the device or its feed reported it; absent = unknown, or not denied'),
  lastReason: z
    .string()
    .exactOptional()
    .describe(
      'The reason of the last verdict on the device at any gateway; absent = never seen, or not denied',
    ),
  wouldBe: wouldBeSchema
    .exactOptional()
    .describe('What the policy would have decided, were all of it enforced; absent = the same'),
  nextStep: z
    .number()
    .exactOptional()
    .describe(
      'When a step of the policy follows, or what decided ends, milliseconds since the epoch; absent = none does',
    ),
  message: z
    .record(z.string(), z.string())
    .exactOptional()
    .describe('Texts of the policy for the user of the phone, by language, and `link`; absent = it has none'),
  wipe: wipeOrderSchema
    .exactOptional()
    .describe('Only with `wipe` and `accountWipe`: which wipe, and of whom'),
});

/** The action of the gateway on a request. */
export type VerdictAction = z.infer<typeof verdictActionSchema>;
/** The wipe and partnership of a `wipe` verdict. */
export type WipeOrder = Immutable<z.infer<typeof wipeOrderSchema>>;
/** A verdict; frozen and shared between requests. */
export type Verdict = Immutable<z.infer<typeof verdictSchema>>;
/** The verdict of a rule or policy that is not enforced. */
export type WouldBe = Immutable<z.infer<typeof wouldBeSchema>>;

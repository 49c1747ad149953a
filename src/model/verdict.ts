// Owns the verdict: the action of the gateway on a request, and its reason.
import { z } from 'zod';
import { word } from './fields.ts';
import type { Immutable } from './fields.ts';
import { verdictReasonSchema } from './reason.ts';

/** The action of the gateway on a request. */
export const verdictActionSchema = word(
  {
    allow: 'it is forwarded to the mail server',
    block: 'it is refused',
    quarantine: 'it is answered from a mailbox with a message that explains why',
    wipe: 'the device is ordered to erase itself',
    accountWipe: 'the device is ordered to erase the data of the account',
  },
  'The action of the gateway on a request',
);

/** The wipe and partnership of a `wipe` verdict; the device's answer is recorded for it. */
export const wipeOrderSchema = z.object({
  decidedFor: z
    .string()
    .nullable()
    .describe('The user under whom the decision is stored; null = a decision on the device, for every user'),
  user: z.string().describe('The user of the partnership that gets the order, as named in the order'),
  spellings: z.array(z.string()).describe('The spellings of the device id under which the order is sent'),
  told: z
    .boolean()
    .describe('Whether the order was sent before; only then an answer is accepted (MS-ASPROV 3.2.5.1.2)'),
  requestedAt: z
    .number()
    .describe('When the wipe was ordered, milliseconds since the epoch; identifies this wipe'),
  readAt: z
    .number()
    .describe('When the decision was read, milliseconds since the epoch: an outdated order must not be sent'),
  get elsewhere() {
    return verdictSchema.describe('The verdict under any other spelling');
  },
});

/** The verdict of a rule or policy that is not enforced. */
export const wouldBeSchema = z.object({
  action: z.enum(['allow', 'block', 'quarantine']).describe('The action that is not enforced'),
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
      'The source of the decision, e.g. `partnership decision by admin` or `rule "old Androids"`; never sent to phones',
    ),
  validUntil: z
    .union([z.number(), z.literal(Infinity)])
    .describe('When the verdict must be decided again, milliseconds since the epoch; Infinity = never'),
  lapsesAt: z
    .number()
    .exactOptional()
    .describe(
      'The same time on the monotonic clock, milliseconds, converted when the verdict was decided, so that a change of the wall ' +
        'clock does not move deadlines. Set by the verdict cache; absent = not converted',
    ),
  since: z
    .number()
    .exactOptional()
    .describe('Since when the state exists, milliseconds since the epoch; absent = unknown'),
  requirement: z
    .string()
    .exactOptional()
    .describe(
      'The unmet requirement, or the reason of the decision, in the words of the operator or feed; shown to the user of the phone',
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
    .describe('The verdict if all parts of the policy were enforced; absent = the same'),
  nextStep: z
    .number()
    .exactOptional()
    .describe(
      'When the next step of the policy is due, or the deciding step ends, milliseconds since the epoch; absent = never',
    ),
  message: z
    .record(z.string(), z.string())
    .exactOptional()
    .describe('Texts of the policy for the user of the phone, by language, and `link`; absent = none'),
  wipe: wipeOrderSchema
    .exactOptional()
    .describe('Only with `wipe` and `accountWipe`: the wipe and the partnership'),
});

/** The action of the gateway on a request. */
export type VerdictAction = z.infer<typeof verdictActionSchema>;
/** The wipe and partnership of a `wipe` verdict. */
export type WipeOrder = Immutable<z.infer<typeof wipeOrderSchema>>;
/** A verdict; frozen and shared between requests. */
export type Verdict = Immutable<z.infer<typeof verdictSchema>>;
/** The verdict of a rule or policy that is not enforced. */
export type WouldBe = Immutable<z.infer<typeof wouldBeSchema>>;

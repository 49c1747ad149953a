// Owns the shape of a policy document: every field, its meaning and default, in one zod schema.
import { z } from 'zod';
import { REASONS } from '../../model/reason.ts';
import { parseLength, parseTime } from './times.ts';
import { ACTIONS, FIELDS, FIELD_NAMES, STEP_ACTIONS } from './vocabulary.ts';
import type { FieldName } from './vocabulary.ts';

/** Limits of a document: far above real ones, and low enough to compile quickly. */
export const MAX_RULES = 1_000;
const MAX_POLICIES = 500;
export const MAX_LIST = 100_000;
const MAX_ALTERNATIVES = 50;
const MAX_NAME = 200;
export const MAX_TEXT = 1_000;

const name = z.string().min(1).max(MAX_NAME);
const time = (what: string): z.ZodOptional<z.ZodString> =>
  z
    .string({ error: 'must be a date such as 2026-12-01, or a time such as 2026-12-01T08:00:00Z' })
    .refine((text) => parseTime(text) !== null, {
      error: 'must be a date such as 2026-12-01, or a time such as 2026-12-01T08:00:00Z',
    })
    .optional()
    .describe(`${what}; a date is its midnight in UTC`);
const lengthOfTime = z
  .string({ error: 'must be a length of time such as 10m, 72h or 30d' })
  .refine((text) => parseLength(text) !== null, {
    error: 'must be a length of time such as 10m, 72h or 30d',
  });
const action = z.enum(ACTIONS);
const mode = z
  .enum(['enforce', 'reportOnly'])
  .optional()
  .describe('reportOnly = refuses nothing, but reports what it would have refused; default enforce');
const names = (what: string): z.ZodOptional<z.ZodUnion<readonly [z.ZodString, z.ZodArray<z.ZodString>]>> =>
  z
    .union([z.string().min(1).max(MAX_TEXT), z.array(z.string().min(1).max(MAX_TEXT)).max(MAX_LIST)], {
      error: 'must be a text or a list of texts',
    })
    .optional()
    .describe(what);

/** One value of a condition: text, number or boolean. */
export type Scalar = string | number | boolean;
/** The value of a condition, as written. */
export type RawValue = Scalar | RawNot | readonly (Scalar | RawNot)[];
/** Negation. */
export interface RawNot {
  readonly not: Scalar | readonly Scalar[];
}

const scalar = z.union([z.string().max(MAX_TEXT), z.number(), z.boolean()]);
const not = z.strictObject({
  not: z.union([scalar, z.array(scalar).max(MAX_LIST)], {
    error: 'must be a text, a number, a boolean or a list of them',
  }),
});
const value: z.ZodType<RawValue> = z
  .union([scalar, not, z.array(z.union([scalar, not])).max(MAX_LIST)], {
    error: 'must be a text, a comparison such as "< 12", a boolean, a list of them, or { not: … }',
  })
  .meta({ id: 'value' })
  .describe(
    'text (exact, or with * and ?), comparison ("< 12", ">= 16.0", "> 30d"), boolean, list (any of), `unknown`, "@list", or { not: … }',
  );
const values = z.record(name, value);

/** Conditions that must all hold, as written. */
export type RawConditions = {
  readonly [Name in FieldName]?:
    | (Name extends 'attributes' | 'userAttributes' ? Readonly<Record<string, RawValue>> : RawValue)
    | undefined;
};

const conditions: z.ZodType<RawConditions> = z
  .strictObject(
    Object.fromEntries(
      FIELD_NAMES.map((field) => [
        field,
        ('map' in FIELDS[field] ? values : value).optional().describe(FIELDS[field].meaning),
      ]),
    ),
  )
  .meta({ id: 'conditions' })
  .describe('conditions that must all hold');
const alternatives = (what: string): z.ZodOptional<z.ZodType<RawConditions | readonly RawConditions[]>> =>
  z
    .union([conditions, z.array(conditions).max(MAX_ALTERNATIVES)], {
      error: 'must be a map of conditions, or a list of such maps',
    })
    .optional()
    .describe(what);

const who = z.strictObject({
  groups: names('groups of users'),
  users: names('names of users'),
});

const rule = z.strictObject({
  name: name.optional().describe('name of the rule; shown in verdicts, logs and reports'),
  match: alternatives(
    'devices it applies to: conditions that must all hold, or a list of maps of which one must hold; absent = all',
  ),
  except: alternatives('exceptions: conditions that must all hold, or a list of maps of which one must hold'),
  when: z
    .string()
    .min(1)
    .max(2_000)
    .optional()
    .describe('CEL expression that must hold too; see policy.md for its variables and functions'),
  action: action.describe('action of the rule'),
  mode,
  reason: z.enum(REASONS).optional().describe('reason of the verdict; default deviceRule'),
  from: time('start; before it the rule only reports'),
  until: time('end of the rule'),
});

const limits = z.strictObject({
  devicesPerUser: z.number().int().min(0).max(1_000_000).describe('devices a user may use at once'),
  activeWithin: lengthOfTime
    .optional()
    .describe('devices that were allowed within this time are counted; default 90d'),
  action: action.optional().describe('action for devices above the number; default block'),
  mode,
});

const requirements = z.strictObject({
  compliant: z.literal(true).optional().describe('device management reports the device as compliant'),
  encrypted: z.literal(true).optional().describe('the device is encrypted'),
  compromised: z.literal(false).optional().describe('the device is not jailbroken, rooted or under attack'),
  managedMailProfile: z.literal(true).optional().describe('the mail account was set up by device management'),
  minimumOs: z
    .record(name, z.union([z.string().min(1).max(50), z.number()]))
    .optional()
    .describe('lowest version of the operating system, by platform; does not apply to other platforms'),
  checkInWithin: lengthOfTime
    .optional()
    .describe('the last contact of the device with device management is within this time'),
  attributes: values.optional().describe('values of attributes of the device, by name'),
});

const step = z.strictObject({
  after: lengthOfTime.describe(
    'time after which the step is due, counted from when the requirement became unmet',
  ),
  action: z.enum(STEP_ACTIONS).describe('warn = mail passes, the reason is inGracePeriod'),
  mode,
});

const compliancePolicy = z.strictObject({
  name: name.optional().describe('name of the policy; shown in verdicts, logs and reports'),
  groups: names('groups it is deployed to; absent = every targeted user'),
  match: alternatives('devices it is deployed to; absent = all devices'),
  except: alternatives('devices it is not deployed to'),
  require: requirements.describe('what the device must meet'),
  unreported: z
    .enum(['fail', 'pass'])
    .optional()
    .describe('result for a value that no feed reported; default fail'),
  steps: z
    .array(step)
    .min(1)
    .max(20)
    .optional()
    .describe('actions over time; absent = `action` after `grace`'),
  action: z.enum(STEP_ACTIONS).optional().describe('action when a requirement is unmet; default quarantine'),
  grace: lengthOfTime.optional().describe('time before `action`, during which it warns; default none'),
  mode,
  from: time('start; before it the policy only reports'),
});

const standing = (what: string, preset: (typeof ACTIONS)[number]) =>
  z.strictObject({ action: action.optional().describe(`action; default ${preset}`), mode }).describe(what);

const listSchema = z.union(
  [
    z.array(z.string().min(1).max(MAX_TEXT)).max(MAX_LIST),
    z.strictObject({ file: z.string().min(1).describe('text file, one value per line, # for comments') }),
  ],
  { error: 'must be a list of texts, or { file: … }' },
);

/** A policy document as it is written. */
export const policySchema = z
  .strictObject({
    $schema: z.string().optional().describe('for editors'),
    name: name.optional().describe('name of the policy'),
    mode: z
      .enum(['enforce', 'reportOnly'])
      .optional()
      .describe(
        'reportOnly = only wipes, disabled users and manual decisions are enforced, everything else is only reported; default enforce',
      ),
    lists: z
      .record(z.string().regex(/^[A-Za-z0-9_.-]+$/), listSchema)
      .optional()
      .describe('named lists; use "@name" wherever a list is accepted; files are relative to the document'),
    targets: z
      .strictObject({
        include: who.optional().describe('absent = everyone; empty = nobody'),
        exclude: who.optional().describe('takes precedence over include'),
      })
      .optional()
      .describe('users to whom conditional access applies; absent = everyone'),
    untargeted: standing('users that are not targeted', 'allow').optional(),
    disabledUsers: z
      .enum(['block', 'ignore'])
      .optional()
      .describe('users whose account is disabled; default block'),
    rules: z
      .array(rule)
      .max(MAX_RULES)
      .optional()
      .describe('access rules, for everyone: the first matching rule decides'),
    unknownDevice: z
      .strictObject({
        action: action.optional().describe('action; default quarantine'),
        mode,
        hold: lengthOfTime
          .optional()
          .describe('for this time a new device gets "try later", because a feed may still report it'),
      })
      .optional()
      .describe('devices that no feed knows'),
    notEnrolled: standing('devices that are known and not managed', 'quarantine').optional(),
    compliance: z
      .array(compliancePolicy)
      .max(MAX_POLICIES)
      .optional()
      .describe(
        'compliance policies: all deployed ones must be met; absent = one policy named `default` that requires compliant, [] = none',
      ),
    noCompliancePolicy: standing(
      'targeted users without a compliance policy deployed to their device',
      'quarantine',
    ).optional(),
    limits: limits.optional().describe('number of devices of a user; absent = no limit'),
    grandfather: z
      .strictObject({
        firstSeenBefore: z
          .string()
          .refine((text) => parseTime(text) !== null, { error: 'must be a date such as 2026-12-01' })
          .describe('applies to partnerships first seen before this time'),
        activeWithin: lengthOfTime
          .optional()
          .describe(
            'and last allowed within this time before firstSeenBefore, or later; absent = at any time',
          ),
        until: z
          .string()
          .refine((text) => parseTime(text) !== null, { error: 'must be a date such as 2026-12-01' })
          .describe('end of the exception'),
      })
      .optional()
      .describe(
        'devices in use before the policy are exempt from unknownDevice, notEnrolled and compliance for a limited time',
      ),
    messages: z
      .record(name, z.record(name, z.string().max(5_000)))
      .optional()
      .describe(
        'texts for users by requirement, else reason, else `default`; by language, and `link`; variables {user} {model} {until} {link}',
      ),
  })
  .describe('easgate policy');

/** A policy document that has the right shape; its values are not checked yet. */
export type PolicyDocument = z.infer<typeof policySchema>;
export type RuleDocument = z.infer<typeof rule>;
export type CompliancePolicyDocument = z.infer<typeof compliancePolicy>;
export type RequirementsDocument = z.infer<typeof requirements>;
export type WhoDocument = z.infer<typeof who>;

/** The JSON Schema of a policy document. */
export function policyJsonSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(policySchema, { io: 'input' });
}

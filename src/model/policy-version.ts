// Owns the versions of the policy that the directory keeps, and which of them are in use.
import { z } from 'zod';
import { number, numberOr, textOr, text, texts, word } from './fields.ts';
import type { Immutable } from './fields.ts';
import { parseObject, readerOf } from './read-record.ts';

/** A version of the policy. Versions are never changed. */
export const policyVersionSchema = z.object({
  version: z.number().describe('Its number: 1 is the first one'),
  name: text('The `name` of the document'),
  hash: textOr('', 'Names its texts: versions with the same hash decide alike'),
  author: textOr('unknown', 'Who published it'),
  comment: text('Why, in the words of the author'),
  at: z.number().describe('When it was added, milliseconds since the epoch'),
  document: z.string().describe('The document, as it was written (YAML)'),
  parsed: z.unknown().describe('The document, parsed: to parse a large one takes longer than to compile it'),
  lists: z
    .record(z.string(), z.string())
    .describe('The texts of the files that its lists name, by their names in the document'),
  changed: number(
    'Phones of the directory that it decided otherwise on than the live version, when it was published; null = not counted',
  ),
});

/** Most groups of a roll-out, and of steps in the state. */
export const MAX_ROLLOUT_GROUPS = 50;
export const MAX_POLICY_STEPS = 100;

/** The users that a version is rolled out to. */
export const rolloutExtentSchema = z.object({
  groups: texts('Groups whose members it decides for'),
  share: numberOr(0, 'Percent of all users that it decides for besides, 0 to 100'),
});

/** A version that decides for some users, while the live one decides for the others. */
export const policyRolloutSchema = rolloutExtentSchema.extend({
  version: z.number().describe('The version'),
  since: z.number().describe('When the roll-out began, milliseconds since the epoch'),
  changedAt: z.number().describe('When it was last widened, milliseconds since the epoch'),
  by: textOr('unknown', 'Who began it'),
});

/** What happened to a version, for the history. */
export const policyStepSchema = rolloutExtentSchema.extend({
  version: z.number().describe('The version'),
  step: word(
    {
      shadow: 'it came into the shadow',
      rollout: 'it was rolled out to some users, or to more',
      abandoned: 'the roll-out was abandoned',
      live: 'it became the live one',
      rollback: 'it became the live one again',
    },
    'What happened',
  ),
  at: z.number().describe('When, milliseconds since the epoch'),
  by: textOr('unknown', 'Who did it'),
  comment: text('Why, in the words of who did it'),
});

/** Which versions are in use. */
export const policyStateSchema = z.object({
  latest: z.number().describe('The highest number of a version; 0 = there is none'),
  live: number('The version that decides; null = the policy of the configuration does'),
  shadow: number('The version that is evaluated beside it, without effect; null = none'),
  rollout: policyRolloutSchema.nullable().meta({
    description: 'The version that decides for some users in place of the live one; null = none',
    default: null,
  }),
  earlier: z.array(z.number()).meta({
    description: 'The versions that were live before it, the latest last: a rollback goes back along them',
    default: [],
  }),
  changedAt: z.number().describe('When this was last changed, milliseconds since the epoch; 0 = never'),
  changedBy: textOr('', 'Who changed it'),
  steps: z.array(policyStepSchema).meta({
    description: `What happened to which version, the latest last; the latest ${MAX_POLICY_STEPS}`,
    default: [],
  }),
});

/** A version of the policy. */
export type PolicyVersion = Immutable<Omit<z.infer<typeof policyVersionSchema>, 'parsed'>> & {
  readonly parsed?: unknown;
};
/** Which versions are in use. */
export type PolicyState = Immutable<z.infer<typeof policyStateSchema>>;

/** The users that a version is rolled out to. */
export type RolloutExtent = Immutable<z.infer<typeof rolloutExtentSchema>>;
/** A version that decides for some users. */
export type StoredRollout = Immutable<z.infer<typeof policyRolloutSchema>>;
/** What happened to a version. */
export type PolicyStep = Immutable<z.infer<typeof policyStepSchema>>;

/** Nothing was ever published. */
export const NO_POLICIES: PolicyState = Object.freeze({
  latest: 0,
  live: null,
  shadow: null,
  rollout: null,
  earlier: [],
  changedAt: 0,
  changedBy: '',
  steps: [],
});

const readVersion = readerOf(policyVersionSchema);
const readState = readerOf(policyStateSchema);

/** Reads a stored version. @throws CorruptRecordError */
export function readPolicyVersion(version: number, stored: string): PolicyVersion {
  const what = `policy version ${version}`;
  return readVersion({ ...parseObject(stored, what), version }, what);
}

/** Reads which versions are in use; null = nothing was ever published. @throws CorruptRecordError */
export function readPolicyState(stored: string | null): PolicyState {
  return stored === null ? NO_POLICIES : readState(parseObject(stored, 'policy state'), 'policy state');
}

// Owns compiled compliance policies: users, requirements, and schedule.
import { foldCase } from '../document/case.ts';
import type { CompliancePolicyDocument, RequirementsDocument } from '../document/schema.ts';
import type { Problems } from '../document/problem.ts';
import { formatAge, parseLength, parseTime } from '../document/times.ts';
import { namesUnknown, readNames, readValue } from '../document/value.ts';
import type { Lists, Value } from '../document/value.ts';
import { REQUIREMENTS, REQUIREMENT_REASONS } from '../document/vocabulary.ts';
import type { Reason, RequirementName, StepAction } from '../document/vocabulary.ts';
import type { Text, TimedValue } from '../engine/facts.ts';
import { compileAlternatives } from './alternatives.ts';
import { attributeNamed } from './attribute-name.ts';
import type { Condition, Found } from './conditions.ts';
import { attributeMatch, textsMatch } from './matcher.ts';
import { isGlob } from './glob.ts';
import type { Match } from './matcher.ts';
import type { Scene } from './scene.ts';
import { compareVersions, isPlainVersion, parseVersion } from './version.ts';
import type { Version } from './version.ts';

/** Whether a requirement is met; `unreported`: no feed reported the value. */
export type RequirementState = 'met' | 'unmet' | 'unreported';

/** One requirement. */
export interface Requirement {
  /** Name in verdicts: `encrypted`, `attributes.NAME`. */
  readonly key: string;
  readonly reason: Reason;
  /** The required value, for explanations. */
  readonly wanted: string;
  readonly state: (scene: Scene) => RequirementState;
  /** Time since which it has been unmet, as reported, in milliseconds since the epoch; null = unknown. */
  readonly since: (scene: Scene) => number | null;
  readonly found: (scene: Scene) => Found;
}

/** One step: an action, some time after the requirement became unmet. */
export interface Step {
  readonly after: number;
  readonly action: StepAction;
  readonly reportOnly: boolean;
}

/** One compliance policy. */
export interface CompiledCompliancePolicy {
  readonly index: number;
  readonly name: string | null;
  /** Groups of the policy; null = every targeted user. */
  readonly groups: Value | null;
  /** Whether the policy applies to one of the given groups; null = to every targeted user. */
  readonly deployedTo: Match<readonly Text[]> | null;
  readonly match: readonly (readonly Condition[])[];
  readonly except: readonly (readonly Condition[])[];
  readonly requirements: readonly Requirement[];
  readonly unreportedPasses: boolean;
  /** In the order of their times. */
  readonly steps: readonly Step[];
  readonly reportOnly: boolean;
  /** Milliseconds since the epoch; null = always. */
  readonly from: number | null;
}

/** The policy for documents without `compliance`. */
export const DEFAULT_COMPLIANCE: readonly CompliancePolicyDocument[] = [
  { name: 'default', require: { compliant: true }, action: 'quarantine' },
];

/** Compiles one compliance policy; problems are collected. */
export function compileCompliancePolicy(
  document: CompliancePolicyDocument,
  index: number,
  lists: Lists,
  problems: Problems,
): CompiledCompliancePolicy {
  const at: readonly PropertyKey[] = ['compliance', index];
  const { groups, match, except, from } = document;
  const deployed =
    groups === undefined
      ? null
      : readNames(groups, lists, (message, path) => problems.error([...at, 'groups', ...path], message));
  return {
    index,
    name: document.name ?? null,
    groups: deployed,
    deployedTo: deployed === null ? null : textsMatch(deployed, true),
    match: compileAlternatives(match, true, lists, problems, [...at, 'match']) ?? [[]],
    except: compileAlternatives(except, false, lists, problems, [...at, 'except']) ?? [],
    requirements: compileRequirements(document.require, lists, problems, [...at, 'require']),
    unreportedPasses: document.unreported === 'pass',
    steps: compileSteps(document, problems, at),
    reportOnly: document.mode === 'reportOnly',
    from: from === undefined ? null : parseTime(from),
  };
}

function compileSteps(
  { steps, action, grace }: CompliancePolicyDocument,
  problems: Problems,
  at: readonly PropertyKey[],
): Step[] {
  if (steps === undefined) {
    const final: Step = {
      after: grace === undefined ? 0 : (parseLength(grace) ?? 0),
      action: action ?? 'quarantine',
      reportOnly: false,
    };
    return final.after === 0 ? [final] : [{ after: 0, action: 'warn', reportOnly: false }, final];
  }
  for (const other of ['action', 'grace'] as const)
    if ({ action, grace }[other] !== undefined)
      problems.error([...at, other], 'conflicts with steps, which set the times: remove one of them');
  const compiled = steps.map((step) => ({
    after: parseLength(step.after) ?? 0,
    action: step.action,
    reportOnly: step.mode === 'reportOnly',
  }));
  if (compiled.some((step, index) => step.after < (compiled[index - 1]?.after ?? 0)))
    problems.warning([...at, 'steps'], 'steps are not in the order of their times; they act in that order');
  return compiled.sort((a, b) => a.after - b.after);
}

function compileRequirements(
  document: RequirementsDocument,
  lists: Lists,
  problems: Problems,
  at: readonly PropertyKey[],
): Requirement[] {
  const requirements = REQUIREMENTS.flatMap((name) => {
    const requirement = compileRequirement(name, document, problems, at);
    return requirement === null ? [] : [requirement];
  });
  for (const name of Object.keys(document.attributes ?? {}).sort()) {
    const raw = document.attributes?.[name];
    if (raw === undefined) continue;
    const value = readValue(raw, 'attribute', lists, (message, path) =>
      problems.error([...at, 'attributes', name, ...path], message),
    );
    requirements.push(attributeRequirement(name, value, JSON.stringify(raw)));
  }
  if (requirements.length === 0) problems.warning(at, 'requires nothing: every device meets it');
  return requirements;
}

function compileRequirement(
  name: RequirementName,
  document: RequirementsDocument,
  problems: Problems,
  at: readonly PropertyKey[],
): Requirement | null {
  switch (name) {
    case 'minimumOs':
      return document.minimumOs === undefined ? null : minimumOs(document.minimumOs, problems, at);
    case 'checkInWithin': {
      const { checkInWithin } = document;
      return checkInWithin === undefined ? null : checkIn(checkInWithin);
    }
    default:
      return document[name] === undefined ? null : good(name, name !== 'compromised');
  }
}

/** A requirement on a value with a time. */
function good(name: TimedValue, wanted: boolean): Requirement {
  const read = (scene: Scene): boolean | null =>
    name === 'compliant' ? scene.compliant : (scene.facts.device?.[name] ?? null);
  return {
    key: name,
    reason: REQUIREMENT_REASONS[name],
    wanted: String(wanted),
    state: (scene) => {
      const value = read(scene);
      return value === null ? 'unreported' : value === wanted ? 'met' : 'unmet';
    },
    since: (scene) => latest(scene.unmetSince(name), scene.facts.device?.reportedSince ?? null),
    found: read,
  };
}

function minimumOs(
  document: Readonly<Record<string, string | number>>,
  problems: Problems,
  at: readonly PropertyKey[],
): Requirement {
  const lowest = new Map<string, Version>();
  for (const [platform, written] of Object.entries(document)) {
    const path = [...at, 'minimumOs', platform];
    const text = String(written).trim();
    if (typeof written === 'number' && !Number.isInteger(written))
      problems.error(path, 'must stand in quotes: without them 17.10 is 17.1');
    else if (!isPlainVersion(text)) problems.error(path, `"${text}" is not a version such as "17.4"`);
    else if (isGlob(platform)) problems.error(path, 'is a pattern: name each platform');
    else if (lowest.has(foldCase(platform))) problems.error(path, 'occurs twice, in two spellings');
    else lowest.set(foldCase(platform), parseVersion(text) ?? []);
  }
  return {
    key: 'minimumOs',
    reason: REQUIREMENT_REASONS.minimumOs,
    wanted: Object.entries(document)
      .map(([platform, version]) => `${platform} ${version}`)
      .join(', '),
    state: ({ facts }) => {
      const platform = facts.device?.platform ?? null;
      if (platform === null) return 'unreported';
      const version = lowest.get(platform.lower);
      if (version === undefined) return 'met';
      const reported = facts.device?.osVersion ?? null;
      if (reported === null) return 'unreported';
      return compareVersions(reported.version, version) < 0 ? 'unmet' : 'met';
    },
    since: reportedSince,
    found: ({ facts: { device } }) =>
      device === null ? null : [device.platform?.as ?? 'unknown', device.osVersion?.as ?? 'unknown'],
  };
}

function checkIn(written: string): Requirement {
  const length = parseLength(written) ?? 0;
  return {
    key: 'checkInWithin',
    reason: REQUIREMENT_REASONS.checkInWithin,
    wanted: written,
    state: (scene) => {
      const last = scene.facts.device?.lastCheckIn ?? null;
      if (last === null) return 'unreported';
      return scene.hasCome(last + length) ? 'unmet' : 'met';
    },
    since: ({ facts }) => {
      const last = facts.device?.lastCheckIn ?? null;
      return last === null ? null : last + length;
    },
    found: ({ facts, now }) => {
      const last = facts.device?.lastCheckIn ?? null;
      return last === null ? null : formatAge(now - last);
    },
  };
}

function attributeRequirement(name: string, value: Value, wanted: string): Requirement {
  const match = attributeMatch(value, false);
  const unknownMeets = namesUnknown(value);
  const find = attributeNamed(name);
  return {
    key: `attributes.${name}`,
    reason: 'attributeNotMet',
    wanted,
    state: (scene) => {
      const attribute = find(scene.facts.device?.attributes ?? null);
      if (attribute === null) return unknownMeets ? 'met' : 'unreported';
      return match(attribute, scene) === 1 ? 'met' : 'unmet';
    },
    since: reportedSince,
    found: ({ facts }) => find(facts.device?.attributes ?? null)?.value ?? null,
  };
}

function reportedSince({ facts }: Scene): number | null {
  return facts.device?.reportedSince ?? null;
}

/** The later of two times; either may be unknown. */
export function latest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}

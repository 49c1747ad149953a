// Owns the walk (the steps of a decision) as a list of stages: the steps that the gateway explains, and those it did not reach.
import type { AnswerOf } from '../../api/contract/operations.ts';
import { absolute, moment } from '../texts/format.ts';
import { t } from '../texts/texts.ts';

/** A step as the API sends it: each kind has some of its fields. */
type Step = AnswerOf<'explainAccess'>['steps'][number];
/** A requirement of a compliance policy. */
export type Requirement = NonNullable<Step['requirements']>[number];
type Condition = NonNullable<Step['match']>[number][number];
/** A decision by hand, or of a feed, that was looked at. */
export type HandDecision = NonNullable<Step['decisions']>[number];

/** One stage of the walk. */
export interface Stage {
  readonly key: string;
  readonly state: 'passed' | 'hit' | 'off';
  readonly title: string;
  /** What follows the title. */
  readonly detail: string;
  readonly answer: string;
  readonly notes: readonly string[];
  readonly requirements: readonly Requirement[];
  /** Behind a click. */
  readonly more: { readonly title: string; readonly lines: readonly string[] } | null;
}

/** The stages in the order of the walk, with the kinds of steps that belong to each. */
const STAGES = [
  ['wipe', ['unreadableRecord', 'openWipe']],
  ['wiped', ['acknowledgedWipe']],
  ['disabled', ['disabledUser']],
  ['block', ['blockByHand']],
  ['decision', ['otherDecision']],
  ['rules', ['rule']],
  ['targeted', ['untargeted']],
  ['known', ['unknownDevice']],
  ['enrolled', ['notEnrolled']],
  ['compliance', ['compliancePolicy', 'noCompliancePolicy', 'grandfather']],
  ['limit', ['deviceLimit']],
  ['allow', ['allow', 'documentReportOnly']],
] as const;

type StageKey = (typeof STAGES)[number][0];
const texts = t.walk;

/** A found value in words. */
export function foundText(found: unknown): string {
  if (found === null || found === undefined) return texts.unknown;
  if (Array.isArray(found)) return found.length === 0 ? texts.none : found.map(foundText).join(' ');
  return typeof found === 'string' ? found : JSON.stringify(found);
}

function conditionText({ field, wanted, found, holds }: Condition): string {
  return texts.condition(field, foundText(found), foundText(wanted), holds);
}

function handText({ action, by, source, expiresAt, reason, state }: HandDecision): string {
  const words = texts.decisionStates as Readonly<Record<string, string>>;
  const who = source === null ? (by ?? texts.unknown) : source;
  const end = expiresAt === null ? null : moment(Date.parse(expiresAt), Date.now());
  return texts.hand(action, who, reason, end, words[state] ?? state);
}

function ruleLines(step: Step): string[] {
  const name = step.rule ?? String((step.index ?? 0) + 1);
  const states = texts.ruleStates as Readonly<Record<string, string>>;
  const lines = [`${name}: ${states[step.state ?? ''] ?? step.state ?? ''}`];
  for (const conditions of step.match ?? []) lines.push(...conditions.map(conditionText));
  for (const conditions of step.except ?? [])
    lines.push(...conditions.map((one) => texts.except(conditionText(one))));
  if (step.when !== null && step.when !== undefined)
    lines.push(
      texts.when(step.when.expression, step.when.holds === null ? texts.unknown : String(step.when.holds)),
    );
  return lines;
}

function policyLine(step: Step): string {
  const states = texts.policyStates as Readonly<Record<string, string>>;
  return `${step.policy ?? String((step.index ?? 0) + 1)}: ${states[step.state ?? ''] ?? step.state ?? ''}`;
}

const EMPTY = { detail: '', answer: texts.none, notes: [], requirements: [], more: null } as const;

/** What a stage found, without whether it decided. */
function found(key: StageKey, steps: readonly Step[]): Omit<Stage, 'key' | 'state' | 'title'> {
  const [first] = steps;
  if (first === undefined) return EMPTY;
  const deciding = steps.find(({ outcome }) => outcome === 'decides') ?? first;
  switch (key) {
    case 'wipe':
    case 'wiped':
    case 'block':
    case 'decision': {
      const decisions = steps.flatMap((step) => step.decisions ?? []);
      const records = steps.flatMap((step) => step.records ?? []);
      const inForce = decisions.some(({ state }) => state === 'inForce');
      return {
        ...EMPTY,
        answer: decisions.length === 0 ? texts.none : inForce ? texts.inForce : texts.noneInForce,
        notes: [...records, ...decisions.map(handText)],
      };
    }
    case 'disabled':
      return {
        ...EMPTY,
        answer:
          first.enabled === null ? texts.unknown : first.enabled === true ? texts.enabled : texts.disabled,
      };
    case 'rules': {
      const matched = steps.find(({ outcome }) => outcome !== 'goesOn');
      return {
        ...EMPTY,
        detail: matched?.rule ?? '',
        answer: matched === undefined ? texts.rulesPassed(steps.length) : texts.ruleMatched,
        notes: matched === undefined ? [] : ruleLines(matched).slice(1),
        more: { title: texts.theRules(steps.length), lines: steps.flatMap(ruleLines) },
      };
    }
    case 'targeted':
      return {
        ...EMPTY,
        answer: first.targeted === true ? texts.targeted : texts.notTargeted,
        notes: first.groupsKnown === false ? [texts.groupsUnknown] : [],
      };
    case 'known':
      return {
        ...EMPTY,
        answer: first.reported === true ? texts.reported : texts.notReported,
        notes: first.held === null || first.held === undefined ? [] : [texts.held(absoluteText(first.held))],
      };
    case 'enrolled':
      return { ...EMPTY, answer: first.managed === true ? texts.managed : texts.notManaged };
    case 'compliance': {
      const others = steps.filter((step) => step !== deciding && step.step === 'compliancePolicy');
      const deployed = steps.filter(({ state }) => state === 'deployed');
      return {
        ...EMPTY,
        detail: deciding.policy ?? '',
        answer: deployed.length === 0 ? texts.noPolicy : texts.met,
        notes: deciding.step === 'grandfather' ? [texts.grandfathered(absoluteText(deciding.until))] : [],
        requirements: deciding.requirements ?? [],
        more:
          others.length === 0
            ? null
            : { title: texts.otherPolicies(others.length), lines: others.map(policyLine) },
      };
    }
    case 'limit':
      return { ...EMPTY, answer: texts.rank(first.rank ?? 0, first.limit ?? 0) };
    case 'allow':
      break;
  }
  const answer = first.wouldBe === undefined ? texts.allows : texts.wouldBe(first.wouldBe.action);
  return { ...EMPTY, answer };
}

function absoluteText(iso: string | null | undefined): string {
  const at = Date.parse(iso ?? '');
  return Number.isNaN(at) ? texts.unknown : (absolute(at).split('\n')[0] ?? '');
}

/** The walk. Stages without a step before the deciding one had nothing to look at. */
export function stagesOf({ steps, verdict }: AnswerOf<'explainAccess'>): readonly Stage[] {
  const kinds = (names: readonly string[]): readonly Step[] =>
    steps.filter(({ step }) => names.includes(step));
  const hit = STAGES.findIndex(([, names]) => kinds(names).some(({ outcome }) => outcome === 'decides'));
  const last = hit === -1 ? STAGES.length : hit;
  return STAGES.map(([key, names], place) => {
    const title = texts.stages[key];
    if (place > last) return { ...EMPTY, key, title, state: 'off', answer: texts.notReached };
    const seen = found(key, kinds(names));
    return place === last
      ? { ...seen, key, title, state: 'hit', answer: texts.decides(verdict.action) }
      : { ...seen, key, title, state: 'passed' };
  });
}

/** The scopes of decisions, as the gateway looks at them: for a block, and for others. */
const SCOPES: Readonly<Record<string, readonly string[]>> = {
  blockByHand: ['user', 'device', 'partnership'],
  otherDecision: ['partnership', 'device', 'user'],
};

/** The manual decision, or that of a feed, that decides; null = something else does. */
export function decidingDecision({ steps }: AnswerOf<'explainAccess'>): HandDecision | null {
  const step = steps.find(({ outcome }) => outcome === 'decides');
  const inForce = step?.decisions?.filter(({ state }) => state === 'inForce') ?? [];
  for (const scope of SCOPES[step?.step ?? ''] ?? []) {
    const found = inForce.find((one) => one.scope === scope);
    if (found !== undefined) return found;
  }
  return null;
}

/** The requirements that are not met, for what would change the verdict. */
export function unmetOf(stages: readonly Stage[]): readonly Requirement[] {
  return stages.flatMap(({ requirements }) => requirements).filter(({ state }) => state !== 'met');
}

// Owns the text form of an explanation of a policy.
import { formatTime } from '../policy/document/times.ts';
import type {
  ConditionTrace,
  DecisionTrace,
  Explanation,
  RequirementTrace,
  TraceNode,
} from '../policy/engine/trace.ts';
import { verdictDocument } from '../policy/engine/verdict.ts';
import { printable } from './output.ts';
import { table } from './table.ts';

/** The verdict in one line, then the steps as a table; `=>` marks the deciding step, `..` a reportOnly one. */
export function explanationText({ verdict, steps }: Explanation): string {
  const document = verdictDocument(verdict) as Readonly<Record<string, unknown>>;
  const parts = [
    verdict.reason,
    ...(verdict.rule === null ? [] : [`"${verdict.rule}"`]),
    ...(verdict.requirement === null ? [] : [`requirement ${verdict.requirement}`]),
    ...(verdict.validUntil === null ? [] : [`until ${String(document['validUntil'])}`]),
  ];
  const { wouldBe } = verdict;
  const would =
    wouldBe === null
      ? ''
      : `would be: ${wouldBe.action} (${wouldBe.reason}${wouldBe.rule === null ? '' : `; "${wouldBe.rule}"`})\n`;
  const recheck = Number.isFinite(verdict.recheckAt)
    ? `may change at ${formatTime(verdict.recheckAt)}\n`
    : '';
  return `${verdict.action} (${parts.join('; ')})\n${would}${recheck}\n${stepsTable(steps)}`;
}

/** The steps as a table. */
export function stepsTable(steps: readonly TraceNode[]): string {
  return table(['', 'STEP', 'FOUND'], steps.flatMap(rowsOf));
}

function rowsOf(node: TraceNode): string[][] {
  const mark = node.outcome === 'decides' ? '=>' : node.outcome === 'reported' ? '..' : '';
  const [title, detail, ...below] = textOf(node);
  return [[mark, title ?? '', printable(detail ?? '')], ...below.map((text) => ['', '', printable(text)])];
}

/** The title of a step, its finding, and further lines. */
function textOf(node: TraceNode): string[] {
  switch (node.step) {
    case 'unreadableRecord':
      return ['unreadable record', ...node.records];
    case 'openWipe':
      return ['open wipe', ...decisionLines(node.decisions)];
    case 'acknowledgedWipe':
      return ['acknowledged wipe', ...decisionLines(node.decisions)];
    case 'blockByHand':
      return ['manual block', ...decisionLines(node.decisions)];
    case 'otherDecision':
      return ['other manual decision', ...decisionLines(node.decisions)];
    case 'disabledUser':
      return ['disabled user', node.enabled === null ? 'unknown' : node.enabled ? 'enabled' : 'disabled'];
    case 'rule':
      return [`rule ${nameOf(node.rule, node.index)}`, ...ruleLines(node)];
    case 'untargeted':
      return [
        'targeted',
        `${node.targeted ? 'yes' : 'no'}${node.groupsKnown ? '' : ' (groups of the user are unknown)'}`,
      ];
    case 'unknownDevice':
      return [
        'unknown device',
        node.reported ? 'a feed knows the device' : 'no feed knows the device',
        ...(node.held === null ? [] : [`held until ${formatTime(node.held)}`]),
      ];
    case 'notEnrolled':
      return ['not enrolled', node.managed === true ? 'managed' : 'not managed'];
    case 'compliancePolicy':
      return [`compliance ${nameOf(node.policy, node.index)}`, ...policyLines(node)];
    case 'noCompliancePolicy':
      return ['no compliance policy', 'none is deployed to this user and device'];
    case 'grandfather':
      return [
        'grandfathered',
        `first seen ${timeOf(node.firstSeen)}, last allowed ${timeOf(node.lastAllowed)}, until ${timeOf(node.until)}`,
      ];
    case 'deviceLimit':
      return ['device limit', `device ${node.rank} of ${node.limit}`];
    case 'allow':
      return ['allow', node.reason];
    default:
      return ['document in mode reportOnly', `would be ${node.wouldBe.action}`];
  }
}

const DECISION_STATES: Readonly<Record<DecisionTrace['state'], string>> = {
  inForce: 'in force',
  expired: 'expired',
  outweighed: 'another decision takes precedence',
  notAllowed: 'not allowed: wipes are ordered by operators, on devices and partnerships',
};

function decisionLines(decisions: readonly DecisionTrace[]): string[] {
  if (decisions.length === 0) return ['none'];
  return decisions.map(({ scope, action, by, source, expiresAt, reason, onName, progress, state }) => {
    const name = onName === undefined ? '' : ` with the user ${onName}`;
    const who = source === null ? `by ${by ?? 'unknown'}` : `imported from ${source}`;
    const owner = `${who}${reason === null ? '' : ` (${reason})`}${progress === undefined ? '' : `, ${progress}`}`;
    const end = expiresAt === null ? '' : ` until ${timeOf(expiresAt)}`;
    return `${action} of the ${scope}${name} ${owner}${end}: ${DECISION_STATES[state]}`;
  });
}

const RULE_STATES: Readonly<Record<Extract<TraceNode, { step: 'rule' }>['state'], string>> = {
  matches: 'matches',
  doesNotMatch: 'does not match',
  excepted: 'does not apply because of an exception',
  over: 'is over',
  notYet: 'matches, but is not in force yet',
  reportOnly: 'matches, but only reports',
};

function ruleLines(node: Extract<TraceNode, { step: 'rule' }>): string[] {
  const { when } = node;
  return [
    RULE_STATES[node.state],
    ...node.match.flatMap((conditions) => conditions.map(conditionLine)),
    ...node.except.flatMap((conditions) => conditions.map((one) => `except ${conditionLine(one)}`)),
    ...(when === null
      ? []
      : [`when ${when.expression}: ${when.holds === null ? 'cannot be evaluated' : String(when.holds)}`]),
  ];
}

const POLICY_STATES: Readonly<Record<Extract<TraceNode, { step: 'compliancePolicy' }>['state'], string>> = {
  deployed: 'deployed',
  otherGroups: 'not deployed to the user',
  otherDevices: 'not deployed to this kind of device',
  excepted: 'does not apply because of an exception',
  notYet: 'deployed, but not in force yet',
  reportOnly: 'deployed, but only reports',
};

function policyLines(node: Extract<TraceNode, { step: 'compliancePolicy' }>): string[] {
  const conditions = node.state === 'otherDevices' ? node.match.flatMap((map) => map.map(conditionLine)) : [];
  return [POLICY_STATES[node.state], ...conditions, ...node.requirements.map(requirementLine)];
}

function conditionLine({ field, wanted, found, holds }: ConditionTrace): string {
  return `${field}: ${show(found)} ${holds ? 'matches' : 'does not match'} ${JSON.stringify(wanted)}`;
}

function requirementLine({ requirement, wanted, found, state, since, due, next }: RequirementTrace): string {
  const text = `${requirement} ${wanted}: ${show(found)}, ${state}`;
  if (state === 'met') return text;
  const start = since === null ? '' : ` since ${timeOf(since)}`;
  const step = due === null ? '' : `, now ${due}`;
  return `${text}${start}${step}${next === null ? '' : `, next step ${timeOf(next)}`}`;
}

function nameOf(name: string | null, index: number): string {
  return name === null ? `${index + 1}` : `"${name}"`;
}

function show(found: ConditionTrace['found']): string {
  if (found === null) return 'unknown';
  return Array.isArray(found) ? found.join(', ') || 'none' : JSON.stringify(found);
}

function timeOf(time: number | null): string {
  return time === null ? 'unknown' : (formatTime(time) ?? 'never');
}

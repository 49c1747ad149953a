// Owns compiling a policy document: the schema, then every value, all problems at once.
import { messageOf } from '../../caught-error.ts';
import { shapeProblems } from '../document/shape.ts';
import { Problems } from '../document/problem.ts';
import type { Problem } from '../document/problem.ts';
import { pruneDocument } from '../document/prune.ts';
import { MAX_LIST, MAX_TEXT, policySchema } from '../document/schema.ts';
import type { PolicyDocument } from '../document/schema.ts';
import { parseLength, parseTime } from '../document/times.ts';
import type { Lists } from '../document/value.ts';
import { REASONS } from '../../model/reason.ts';
import { REQUIREMENTS, fieldInfo } from '../document/vocabulary.ts';
import { didYouMean } from '../../suggest.ts';
import type { CompiledPolicy, Grandfather, StandingAction } from './compiled-policy.ts';
import { DEFAULT_COMPLIANCE, compileCompliancePolicy } from './compliance.ts';
import type { CompiledCompliancePolicy } from './compliance.ts';
import { compileRequestKeys } from './request-keys.ts';
import { RuleIndex } from './rule-index.ts';
import { compileRule } from './rules.ts';
import type { CompiledRule } from './rules.ts';
import { compileIsTargeted, compileTargets } from './targets.ts';
import { warnings } from './warnings.ts';
import type { Known } from './warnings.ts';

/** Inputs of a check besides the document. */
export interface CompileOptions {
  /** Reads a file of a list; throws with the reason. Absent = lists have no files. */
  readonly readList?: (file: string) => readonly string[];
  /** Known groups, attributes and commands, for warnings. */
  readonly known?: Known;
  /** False = no warnings: the document was checked before. */
  readonly warns?: boolean;
}

/** A compiled policy, or null when the document has errors; and all problems. */
export interface Compilation {
  readonly policy: CompiledPolicy | null;
  readonly problems: readonly Problem[];
}

/** Compiles a document, given as a parsed YAML or JSON value. */
export function compilePolicy(value: unknown, options: CompileOptions = {}): Compilation {
  const parts = compileInParts(value, options);
  for (;;) {
    const part = parts.next();
    if (part.done === true) return part.value;
  }
}

/** The same part by part: a large document takes longer than other work of the process can wait. */
export function* compileInParts(
  value: unknown,
  options: CompileOptions = {},
): Generator<undefined, Compilation> {
  const problems = new Problems();
  const parsed = policySchema.safeParse(value);
  if (!parsed.success) {
    // One by one: there may be more than a call can take.
    for (const problem of shapeProblems(parsed.error.issues, value)) problems.all.push(problem);
    const rest = pruneDocument(value, problems.all);
    if (rest !== null) yield* compileDocument(rest, options, problems);
    return { policy: null, problems: problems.all.filter(({ severity }) => severity === 'error') };
  }
  yield;
  const policy = yield* compileDocument(parsed.data, options, problems);
  if (problems.failed) return { policy: null, problems: problems.all };
  if (options.warns !== false) warnings(policy, options.known ?? {}, problems);
  return { policy, problems: problems.all };
}

function* compileDocument(
  document: PolicyDocument,
  options: CompileOptions,
  problems: Problems,
): Generator<undefined, CompiledPolicy> {
  const lists = readLists(document, options, problems);
  const targets = compileTargets(document.targets, lists, problems);
  const isTargeted = compileIsTargeted(targets);
  const rules: CompiledRule[] = [];
  for (const [index, rule] of (document.rules ?? []).entries()) {
    rules.push(compileRule(rule, index, lists, problems));
    yield;
  }
  const compliance: CompiledCompliancePolicy[] = [];
  for (const [index, policy] of (document.compliance ?? DEFAULT_COMPLIANCE).entries()) {
    compliance.push(compileCompliancePolicy(policy, index, lists, problems));
    yield;
  }
  for (const policy of compliance) checkNoRequestFacts(policy, problems);
  checkMessages(document, problems);
  const ruleRows = rules.flatMap((rule) => rule.match.map(() => rule));
  const complianceRows = compliance.flatMap((policy) => policy.match.map(() => policy));
  return {
    document,
    lists,
    name: document.name ?? null,
    reportOnly: document.mode === 'reportOnly',
    targets,
    isTargeted,
    untargeted: standing(document.untargeted, 'allow'),
    blocksDisabledUsers: document.disabledUsers !== 'ignore',
    rules,
    ruleRows,
    ruleIndex: new RuleIndex(
      rules.flatMap(({ match }) => match.map((conditions) => ({ conditions, groups: null }))),
    ),
    unknownDevice: {
      ...standing(document.unknownDevice, 'quarantine'),
      holdMs: document.unknownDevice?.hold === undefined ? null : parseLength(document.unknownDevice.hold),
    },
    notEnrolled: standing(document.notEnrolled, 'quarantine'),
    compliance,
    complianceRows,
    complianceIndex: new RuleIndex(
      compliance.flatMap(({ match, groups }) => match.map((conditions) => ({ conditions, groups }))),
    ),
    admitsUnmet: false,
    noCompliancePolicy: standing(document.noCompliancePolicy, 'quarantine'),
    limits:
      document.limits === undefined
        ? null
        : {
            devicesPerUser: document.limits.devicesPerUser,
            action: document.limits.action ?? 'block',
            reportOnly: document.limits.mode === 'reportOnly',
          },
    activeWithinMs: parseLength(document.limits?.activeWithin ?? ACTIVE_WITHIN) ?? 0,
    grandfather: compileGrandfather(document.grandfather, problems),
    messages: document.messages ?? {},
    ...compileRequestKeys(rules, isTargeted),
  };
}

/** Default of `limits.activeWithin`. */
const ACTIVE_WITHIN = '90d';

function standing(
  item:
    | { readonly action?: StandingAction['action'] | undefined; readonly mode?: string | undefined }
    | undefined,
  preset: StandingAction['action'],
): StandingAction {
  return { action: item?.action ?? preset, reportOnly: item?.mode === 'reportOnly' };
}

function compileGrandfather(document: PolicyDocument['grandfather'], problems: Problems): Grandfather | null {
  if (document === undefined) return null;
  const firstSeenBefore = parseTime(document.firstSeenBefore) ?? 0;
  const until = parseTime(document.until) ?? 0;
  if (until <= firstSeenBefore)
    problems.warning(['grandfather', 'until'], 'is not later than firstSeenBefore: it exempts no device');
  const activeWithin = document.activeWithin === undefined ? null : parseLength(document.activeWithin);
  return {
    firstSeenBefore,
    allowedSince: activeWithin === null ? null : firstSeenBefore - activeWithin,
    until,
  };
}

function readLists(document: PolicyDocument, { readList }: CompileOptions, problems: Problems): Lists {
  const lists = new Map<string, readonly string[]>();
  for (const [name, list] of Object.entries(document.lists ?? {})) {
    if (Array.isArray(list)) {
      lists.set(name, list);
      continue;
    }
    const { file } = list as { readonly file: string };
    lists.set(name, []);
    try {
      if (readList === undefined) throw new Error('a document without a file of its own cannot name files');
      lists.set(name, bounded(readList(file)));
    } catch (error) {
      problems.error(['lists', name, 'file'], messageOf(error));
    }
  }
  for (const [name, entries] of lists)
    if (entries.some((entry) => entry.startsWith('@')))
      problems.error(['lists', name], 'names another list: lists hold values only');
  return lists;
}

/** The entries of a file. @throws when they are more, or longer, than a list in the document may have */
function bounded(entries: readonly string[]): readonly string[] {
  if (entries.length > MAX_LIST) throw new Error(`has more than ${MAX_LIST} entries`);
  const long = entries.findIndex(({ length }) => length > MAX_TEXT);
  if (long !== -1) throw new Error(`entry ${long + 1} is longer than ${MAX_TEXT} characters`);
  return entries;
}

function checkNoRequestFacts({ index, match, except }: CompiledCompliancePolicy, problems: Problems): void {
  for (const [name, conditions] of [
    ['match', match],
    ['except', except],
  ] as const)
    for (const { field } of conditions.flat())
      if (fieldInfo(field).perRequest === true)
        problems.error(
          ['compliance', index, name],
          `${field} changes from request to request: compliance is about users and devices only`,
        );
}

/** Messages are found by requirement, else by reason. */
function checkMessages({ messages }: PolicyDocument, problems: Problems): void {
  const known = new Set<string>(['default', ...REASONS, ...REQUIREMENTS]);
  for (const [name, texts] of Object.entries(messages ?? {})) {
    if (!known.has(name) && !name.startsWith('attributes.'))
      problems.error(['messages', name], `is no requirement and no reason${didYouMean(name, known)}`);
    for (const [key, text] of Object.entries(texts)) {
      if (key === 'link') {
        if (!/^https?:\/\/\S+$/.test(text))
          problems.error(['messages', name, key], 'must be an https:// address');
        continue;
      }
      if (!/^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/.test(key))
        problems.error(['messages', name, key], 'must be a language such as en or de-CH, or link');
      for (const [, variable = ''] of text.matchAll(/\{([^{}]{0,40})\}/g))
        if (!MESSAGE_VARIABLES.has(variable))
          problems.error(
            ['messages', name, key],
            `there is no {${variable}}${didYouMean(variable, MESSAGE_VARIABLES)}`,
          );
    }
  }
}

const MESSAGE_VARIABLES: ReadonlySet<string> = new Set(['user', 'model', 'until', 'link']);

// Owns the work of `easgate policy publish`, `rollback`, `shadow` and `promote`.
import { numberText } from '../app/number-text.ts';
import type { Command } from 'commander';
import { changedCount } from '../app/policy-diff.ts';
import type { PolicyDiff } from '../app/policy-diff.ts';
import {
  addVersion,
  compiledVersion,
  earlierVersion,
  endShadow,
  policiesInUse,
  promote,
  readPolicies,
  refuseWithFile,
  rollBack,
  shadowVersion,
  toPlace,
} from '../app/policy-versions.ts';
import type { KnownPolicies, ToPlace } from '../app/policy-versions.ts';
import { refuseDuringRollout } from '../app/rollout-extent.ts';
import type { ReadDocument } from '../config/stored-policy.ts';
import type { Config } from '../config/schema.ts';
import { problemLine } from '../config/policy-file.ts';
import type { DirectoryStore } from '../directory/store.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { RolloutExtent } from '../model/policy-version.ts';
import { extentText } from '../model/rollout-text.ts';
import { shadowSum } from '../model/shadow.ts';
import type { ShadowChange, ShadowDifference, ShadowSum } from '../model/shadow.ts';
import { forEverybody, withRollout } from '../policy/active-policies.ts';
import type { ActivePolicies } from '../policy/active-policies.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { askStatus } from '../supervisor/ask-status.ts';
import { withStore } from './context.ts';
import { print, printJson, printable, warn } from './output.ts';
import { authorOf, confirm, extentIn, numberOf } from './policy-change.ts';
import type { ChangeOptions, ExtentOptions } from './policy-change.ts';
import {
  changeText,
  changedList,
  compare,
  comparedWith,
  limitOf,
  warnOfGroups,
} from './policy-comparison.ts';
import { othersText } from './report.ts';
import { openPolicy } from './policy-file.ts';
import { contextOf } from './remote/contexts.ts';
import type { Context } from './remote/contexts.ts';
import { readChecked } from './remote/policies.ts';
import {
  promoteThere,
  publishThere,
  rollBackThere,
  shadowCountsThere,
  shadowThere,
} from './remote/policy-changes.ts';
import { fitTable, terminalWidth } from './table.ts';
import type { Column } from './table.ts';

/** Options of `shadow`. */
export interface ShadowOptions extends ChangeOptions {
  readonly off?: true;
  /** Rows of the list. */
  readonly limit?: string;
}

/** `policy publish`. */
export async function publish(
  file: string,
  options: ChangeOptions & ExtentOptions,
  command: Command,
): Promise<void> {
  const rollout = extentIn(options);
  const read = readChecked(file);
  const question =
    rollout === null
      ? `Make ${file} the policy of all gateways?`
      : `Roll ${file} out to ${printable(extentText(rollout))}?`;
  const context = contextOf(command);
  if (context !== null) {
    compiledOf(file, read);
    const { document, lists } = read.texts;
    const done = await publishThere(context, { document, lists }, rollout, options, question);
    if (done === null) return;
    if (options.json) printJson(done);
    else print(publishedText(done.version, rollout));
    return;
  }
  await withStore(command, async (store, config, audit) => {
    refuseWithFile(config.policy.file);
    const known = await readPolicies(store);
    refuseDuringRollout(known.state);
    const next = compiledOf(file, read);
    const before = rollout === null ? await comparedWith(store, config) : await policiesInUse(store, config);
    const after = before === null ? null : replaced(before, next, rollout);
    const change = await announced(store, config, before, after, options, question);
    if (change === null) return;
    const changed = rollout === null ? changedCount(change) : null;
    const version = await add(store, known, read, options, toPlace(rollout), audit, changed);
    if (options.json) printJson({ version, change });
    else print(publishedText(version, rollout));
  });
}

/** The policies after a version was published, for everybody or the users of an extent. */
function replaced(
  before: ActivePolicies,
  policy: CompiledPolicy,
  rollout: RolloutExtent | null,
): ActivePolicies {
  return rollout === null ? forEverybody(policy) : withRollout(before, { policy, version: null }, rollout);
}

function publishedText(version: number, rollout: RolloutExtent | null): string {
  return rollout === null
    ? `version ${version} is live, on every gateway within a second\n`
    : `version ${version} decides for ${printable(extentText(rollout))}, on every gateway within a second\n`;
}

/**
 * Says what a change would do, and asks; a dry run lists the phones instead. Returns the counts, without the phones; null = dry run.
 * `before` or `after` null = that verdict is unknown.
 * @throws ProgramError unless the operator agrees
 */
export async function announced(
  store: DirectoryStore,
  config: Config,
  before: ActivePolicies | null,
  after: ActivePolicies | null,
  options: ChangeOptions,
  question: string,
): Promise<Partial<PolicyDiff> | null> {
  const found = before === null || after === null ? null : await compare(store, config, before, after);
  if (found !== null) warnOfGroups(found);
  if (options.dryRun) {
    if (options.json) printJson({ version: null, change: found });
    else if (found !== null) print(changeText(found) + changedList(found));
    return null;
  }
  const { phones: _phones, ...change }: Partial<PolicyDiff> = found ?? {};
  if (!options.json && found !== null) print(changeText(found));
  await confirm(options, question);
  return change;
}

/** `policy shadow`. */
export async function shadow(
  file: string | undefined,
  options: ShadowOptions,
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  if (context !== null) {
    await shadowByContext(context, file, options);
    return;
  }
  await withStore(command, async (store, config, audit) => {
    refuseWithFile(config.policy.file);
    if (options.off) {
      sayEnded(await endShadow(store, authorOf(options), audit), options);
      return;
    }
    if (file === undefined) {
      await showShadow(config, options);
      return;
    }
    const read = readChecked(file);
    compiledOf(file, read);
    const version = await add(store, await readPolicies(store), read, options, { place: 'shadow' }, audit);
    sayBegun(version, options);
  });
}

async function shadowByContext(
  context: Context,
  file: string | undefined,
  options: ShadowOptions,
): Promise<void> {
  if (options.off) sayEnded(await shadowThere(context, null, options), options);
  else if (file === undefined) sayShadow(await shadowCountsThere(context), options);
  else {
    const read = readChecked(file);
    compiledOf(file, read);
    const { document, lists } = read.texts;
    sayBegun((await shadowThere(context, { document, lists }, options)) ?? 0, options);
  }
}

function sayEnded(ended: number | null, { json }: ShadowOptions): void {
  if (json) printJson({ ended });
  else
    print(
      ended === null ? 'no policy ran in the shadow\n' : `version ${ended} no longer runs in the shadow\n`,
    );
}

function sayBegun(version: number, { json }: ShadowOptions): void {
  if (json) printJson({ version });
  else print(`version ${version} runs in the shadow: it is evaluated on real traffic and decides nothing\n`);
}

/** What the workers on this host counted since the shadow began. */
async function showShadow(config: Config, options: ShadowOptions): Promise<void> {
  const { workers } = await askStatus(config.workers.pidFile);
  const counts = shadowSum(workers.flatMap((worker) => worker?.shadow ?? []));
  const version = workers.find((worker) => worker?.policies.shadow)?.policies.shadow?.version ?? null;
  sayShadow({ version, ...counts }, options);
}

function sayShadow(
  found: ShadowSum & { readonly version: number | null },
  { json, limit }: ShadowOptions,
): void {
  if (json) printJson(found);
  else if (found.version === null) print('no policy runs in the shadow\n');
  else print(shadowText(found.version, found, limitOf({ limit })));
}

/** A comparison, with at most so many of its phones. */
export function shadowText(
  version: number,
  { compared, different, phonesDifferent, changes = [], phones }: ShadowCountsShown,
  limit: number,
): string {
  const reasons = changes.length === 0 ? '' : `\n${fitTable(CHANGES, changes, terminalWidth()).text}`;
  const list = fitTable(SHADOW, phones.slice(0, limit), terminalWidth()).text;
  return (
    `version ${version} in the shadow: ${numberText(compared)} decisions compared, ${numberText(different)} different` +
    `${different === 0 ? '' : `, on ${numberText(phonesDifferent)} ${phonesDifferent === 1 ? 'phone' : 'phones'}`}\n${reasons}` +
    (phones.length === 0
      ? ''
      : `\n${list}${othersText(phonesDifferent - Math.min(limit, phones.length), '--limit or --json')}`)
  );
}

/** The changes are absent where the gateway of a context is of an older version. */
type ShadowCountsShown = Omit<ShadowSum, 'changes'> & Partial<Pick<ShadowSum, 'changes'>>;

const CHANGES: readonly Column<ShadowChange>[] = [
  { title: 'PHONES', cell: ({ phones }) => numberText(phones) },
  { title: 'LIVE', cell: ({ live }) => printable(`${live.action} (${live.reason})`) },
  { title: 'SHADOW', cell: ({ shadow: other }) => printable(`${other.action} (${other.reason})`) },
];

const SHADOW: readonly Column<ShadowDifference>[] = [
  { title: 'USER', cell: ({ user }) => printable(user), min: 18 },
  { title: 'DEVICE', cell: ({ device }) => device },
  { title: 'LIVE', cell: ({ live }) => `${live.action} (${live.reason})` },
  { title: 'SHADOW', cell: ({ shadow: other }) => `${other.action} (${other.reason})` },
  { title: 'BY', cell: ({ shadow: other }) => printable(other.rule), min: 12, spare: 1 },
];

/** `policy promote`. */
export async function promoteShadow(options: ChangeOptions & ExtentOptions, command: Command): Promise<void> {
  const rollout = extentIn(options);
  const question =
    rollout === null
      ? 'Make the policy in the shadow the live one?'
      : `Roll the policy in the shadow out to ${printable(extentText(rollout))}?`;
  const sayPromoted = (version: number): void => {
    if (options.json) printJson({ version });
    else if (rollout === null) print(`version ${version} is live\n`);
    else print(publishedText(version, rollout));
  };
  const context = contextOf(command);
  if (context !== null) {
    const done = await promoteThere(context, rollout, options, question);
    if (done !== null) sayPromoted(done.version);
    return;
  }
  await withStore(command, async (store, config, audit) => {
    refuseWithFile(config.policy.file);
    const known = await readPolicies(store);
    const next = compiledVersion(await shadowVersion(store, known));
    refuseDuringRollout(known.state);
    const before = await policiesInUse(store, config);
    const change = await announced(store, config, before, replaced(before, next, rollout), options, question);
    if (change === null) return;
    const { comment = null } = options;
    const { version } = await promote(store, known, comment, authorOf(options), audit, rollout);
    sayPromoted(version);
  });
}

/** The comment of a version as a part of a sentence about it; empty = it has none. */
function quoted(comment: string | null): string {
  return comment === null ? '' : `, “${printable(comment)}”,`;
}

/** `policy rollback`. */
export async function rollback(
  to: string | undefined,
  options: ChangeOptions,
  command: Command,
): Promise<void> {
  const number = to === undefined ? null : numberOf(to);
  const context = contextOf(command);
  if (context !== null) {
    const done = await rollBackThere(
      context,
      number,
      options,
      (version, comment) => `Make version ${version}${quoted(comment)} live again?`,
    );
    if (done === null) return;
    const { version, change, comment } = done;
    if (options.json) printJson({ version, change });
    else print(`version ${version}${quoted(comment)} is live again\n`);
    return;
  }
  await withStore(command, async (store, config, audit) => {
    refuseWithFile(config.policy.file);
    const known = await readPolicies(store);
    refuseDuringRollout(known.state);
    const wanted = await earlierVersion(store, known, number);
    const { version, comment } = wanted;
    const before = await comparedWith(store, config);
    const words = quoted(comment);
    const change = await announced(
      store,
      config,
      before,
      forEverybody(compiledVersion(wanted)),
      options,
      `Make version ${version}${words} live again?`,
    );
    if (change === null) return;
    await rollBack(store, version, options.comment ?? null, authorOf(options), audit, known);
    if (options.json) printJson({ version, change });
    else print(`version ${version}${words} is live again\n`);
  });
}

/** @throws ProgramError that lists every problem */
function compiledOf(file: string, { loaded }: ReadDocument): CompiledPolicy {
  for (const problem of loaded.problems) if (problem.severity === 'warning') warn(problemLine(file, problem));
  return loaded.policy ?? openPolicy(file);
}

async function add(
  store: DirectoryStore,
  known: KnownPolicies,
  { texts, loaded }: ReadDocument,
  options: ChangeOptions,
  place: ToPlace,
  audit: AuditSink,
  changed: number | null = null,
): Promise<number> {
  const name = loaded.policy?.name ?? null;
  const { comment = null } = options;
  const added = { ...place, texts, name, comment, changed };
  return (await addVersion(store, known, added, authorOf(options), audit)).version;
}

// Owns the work of `easgate policy publish`, `history`, `rollback`, `shadow` and `promote`.
import type { Command } from 'commander';
import { changedCount } from '../app/policy-diff.ts';
import type { PolicyDiff } from '../app/policy-diff.ts';
import {
  addVersion,
  compiledVersion,
  earlierVersion,
  nothingEarlier,
  endShadow,
  policyHistory,
  promote,
  readPolicies,
  refuseWithFile,
  rollBack,
  shadowVersion,
} from '../app/policy-versions.ts';
import type { KnownPolicies, PolicyAuthor, PolicyHistoryEntry } from '../app/policy-versions.ts';
import { loadConfig } from '../config/load.ts';
import type { ReadDocument } from '../config/stored-policy.ts';
import type { Config } from '../config/schema.ts';
import { problemLine } from '../config/policy-file.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { ShadowCounts, ShadowDifference } from '../model/shadow.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import type { AnswerOf } from '../api/contract/operations.ts';
import { configPath } from './config-path.ts';
import { loginName, withStore } from './context.ts';
import { print, printJson, printable, warn } from './output.ts';
import { openPolicy } from './policy-file.ts';
import {
  DEFAULT_ROWS,
  compare,
  countsText,
  limitOf,
  numberOf,
  othersText,
  policyNamed,
} from './policy-diff.ts';
import { ask } from './remote/client.ts';
import { contextOf } from './remote/contexts.ts';
import type { Context } from './remote/contexts.ts';
import { fromEither, refuseOwner } from './remote/either.ts';
import { policiesInUse, readChecked, remoteDiff } from './remote/policies.ts';
import type { RemotePolicies } from './remote/policies.ts';
import { askStatus } from '../supervisor/ask-status.ts';
import { fitTable, terminalWidth } from './table.ts';
import type { Column } from './table.ts';
import { isoTime } from '../app/times.ts';
import { askPerson } from './wipe.ts';

/** Options of `publish`, `shadow`, `promote` and `rollback`. */
export interface PublishOptions {
  readonly comment?: string;
  readonly owner?: string;
  readonly yes?: true;
  readonly off?: true;
  readonly json?: true;
  /** Rows of the list of `shadow`. */
  readonly limit?: string;
}

/** `policy publish`. */
export async function publish(file: string, options: PublishOptions, command: Command): Promise<void> {
  const read = readChecked(file);
  const question = `Make ${file} the policy of all gateways?`;
  const done = (version: number, change: PolicyDiff): void => {
    if (options.json) printJson({ version, change: { ...change, phones: undefined } });
    else print(`version ${version} is live, on every gateway within a second\n`);
  };
  const context = contextOf(command);
  if (context !== null) {
    refuseOwner(options);
    compiledOf(file, read);
    const { document, lists } = read.texts;
    const { tag } = await policiesInUse(context);
    const { diff: change } = await remoteDiff(context, { after: { document, lists } });
    if (!options.json) print(countsText(change));
    await confirm(options, question);
    const body = { document, lists, comment: options.comment ?? null };
    const published = await ask(context, 'publishPolicy', { body, match: tag });
    done((published as AnswerOf<'publishPolicy'>).version.version, change);
    return;
  }
  await withStore(command, async (store, config, audit) => {
    refuseWithFile(config);
    const known = await readPolicies(store);
    const change = await compare(store, await policyNamed(store, config, 'live'), compiledOf(file, read));
    if (!options.json) print(countsText(change));
    await confirm(options, question);
    done(await add(store, known, read, options, 'live', audit, changedCount(change)), change);
  });
}

/** `policy shadow`. */
export async function shadow(
  file: string | undefined,
  options: PublishOptions,
  command: Command,
): Promise<void> {
  if (options.off) await endOfShadow(options, command);
  else if (file === undefined) await showShadow(options, command);
  else await beginShadow(file, options, command);
}

async function endOfShadow(options: PublishOptions, command: Command): Promise<void> {
  const { ended } = await fromEither<{ readonly ended: number | null }>(
    command,
    (context) => {
      refuseOwner(options);
      return ask(context, 'endShadow');
    },
    async (store, config, audit) => {
      refuseWithFile(config);
      return { ended: await endShadow(store, authorOf(options), audit) };
    },
  );
  if (options.json) printJson({ ended });
  else
    print(
      ended === null ? 'no policy ran in the shadow\n' : `version ${ended} no longer runs in the shadow\n`,
    );
}

async function beginShadow(file: string, options: PublishOptions, command: Command): Promise<void> {
  const read = readChecked(file);
  compiledOf(file, read);
  const version = await fromEither<number>(
    command,
    async (context) => {
      refuseOwner(options);
      const { document, lists } = read.texts;
      const body = { document, lists, comment: options.comment ?? null };
      const answer = await ask(context, 'shadowPolicy', { body });
      return (answer as AnswerOf<'shadowPolicy'>).version.version;
    },
    async (store, config, audit) => {
      refuseWithFile(config);
      return add(store, await readPolicies(store), read, options, 'shadow', audit);
    },
  );
  if (options.json) printJson({ version });
  else print(`version ${version} runs in the shadow: it is evaluated on real traffic and decides nothing\n`);
}

/** What the workers of the gateway counted since the shadow began. */
async function showShadow({ json, limit }: PublishOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const { version, counts } =
    context === null
      ? await shadowHere(loadConfig(configPath(command)))
      : shadowThere((await policiesInUse(context)).policies);
  if (json) printJson({ version, ...counts });
  else if (version === null) print('no policy runs in the shadow\n');
  else print(shadowText(version, counts, limitOf({ limit })));
}

interface ShownShadow {
  /** Null = none. */
  readonly version: number | null;
  readonly counts: ShadowCounts;
}

const NO_COUNTS: ShadowCounts = { compared: 0, different: 0, phones: [] };

function shadowThere({ shadow: found }: RemotePolicies): ShownShadow {
  return {
    version: found?.version ?? null,
    counts: (found?.counts ?? NO_COUNTS) as unknown as ShadowCounts,
  };
}

async function shadowHere(config: Config): Promise<ShownShadow> {
  refuseWithFile(config);
  const { workers } = await askStatus(config.workers.pidFile);
  const counts = workers.flatMap((worker) => worker?.shadow ?? []);
  return {
    version: workers.find((worker) => worker?.policies.shadow)?.policies.shadow?.version ?? null,
    counts: {
      compared: sum(counts.map((one) => one.compared)),
      different: sum(counts.map((one) => one.different)),
      phones: counts.flatMap((one) => one.phones),
    },
  };
}

/** A comparison, with at most so many of its phones. */
export function shadowText(
  version: number,
  { compared, different, phones }: ShadowCounts,
  limit: number,
): string {
  const list = fitTable(SHADOW, phones.slice(0, limit), terminalWidth()).text;
  return (
    `version ${version} in the shadow: ${compared} decisions compared, ${different} different\n` +
    (phones.length === 0 ? '' : `\n${list}${othersText(phones.length - limit, '--limit or --json')}`)
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

const SHADOW: readonly Column<ShadowDifference>[] = [
  { title: 'USER', cell: ({ user }) => printable(user), min: 18 },
  { title: 'DEVICE', cell: ({ device }) => device },
  { title: 'LIVE', cell: ({ live }) => `${live.action} (${live.reason})` },
  { title: 'SHADOW', cell: ({ shadow: other }) => `${other.action} (${other.reason})` },
  { title: 'BY', cell: ({ shadow: other }) => printable(other.rule), min: 12, spare: 1 },
];

/** `policy promote`. */
export async function promoteShadow(options: PublishOptions, command: Command): Promise<void> {
  const question = 'Make the policy in the shadow the live one?';
  const { comment = null } = options;
  const version = await fromEither<number>(
    command,
    async (context) => {
      refuseOwner(options);
      const { tag } = await policiesInUse(context);
      const { diff: change } = await remoteDiff(context, { after: { place: 'shadow' } });
      if (!options.json) print(countsText(change));
      await confirm(options, question);
      const answer = await ask(context, 'promoteShadow', { body: { comment }, match: tag });
      return (answer as AnswerOf<'promoteShadow'>).version.version;
    },
    async (store, config, audit) => {
      refuseWithFile(config);
      const known = await readPolicies(store);
      const next = compiledVersion(await shadowVersion(store, known));
      if (!options.json)
        print(countsText(await compare(store, await policyNamed(store, config, 'live'), next)));
      await confirm(options, question);
      return (await promote(store, known, comment, authorOf(options), audit)).version;
    },
  );
  if (options.json) printJson({ version });
  else print(`version ${version} is live\n`);
}

/** `policy rollback`. */
export async function rollback(
  to: string | undefined,
  options: PublishOptions,
  command: Command,
): Promise<void> {
  const wanted = to === undefined ? null : numberOf(to);
  const { comment = null } = options;
  const agree = async (version: number, said: string | null, change: PolicyDiff): Promise<void> => {
    if (!options.json) print(countsText(change));
    await confirm(
      options,
      `Make version ${version}${said === null ? '' : ` (${printable(said)})`} live again?`,
    );
  };
  const done = (version: number, said: string | null, change: PolicyDiff): void => {
    if (options.json) printJson({ version, change: { ...change, phones: undefined } });
    else print(`version ${version} is live again${said === null ? '' : ` (${printable(said)})`}\n`);
  };
  const context = contextOf(command);
  if (context !== null) {
    refuseOwner(options);
    const { policies, tag } = await policiesInUse(context);
    const version = wanted ?? policies.earlier.at(-1) ?? null;
    if (version === null) throw nothingEarlier();
    const params = { version: String(version) };
    const found = (await ask(context, 'showPolicyVersion', { params })) as AnswerOf<'showPolicyVersion'>;
    const { diff: change } = await remoteDiff(context, { after: { version } });
    await agree(version, found.comment, change);
    await ask(context, 'rollBackPolicy', { body: { version, comment }, match: tag });
    done(version, found.comment, change);
    return;
  }
  await withStore(command, async (store, config, audit) => {
    refuseWithFile(config);
    const known = await readPolicies(store);
    const earlier = await earlierVersion(store, known, wanted);
    const { version, comment: said } = earlier;
    const change = await compare(store, await policyNamed(store, config, 'live'), compiledVersion(earlier));
    await agree(version, said, change);
    await rollBack(store, version, comment, authorOf(options), audit, known);
    done(version, said, change);
  });
}

/** Most versions that the API lists at once. */
const VERSIONS_AT_ONCE = 100;

/** `policy history`. */
export async function history(
  { limit, json }: { readonly limit?: string; readonly json?: true },
  command: Command,
): Promise<void> {
  const most = limit === undefined ? DEFAULT_ROWS : numberOf(limit);
  const entries = await fromEither<readonly PolicyHistoryEntry[]>(
    command,
    (context) => historyThere(context, most),
    async (store, config) => {
      if (config.policy.file !== undefined)
        warn(`gateways with this configuration decide by ${config.policy.file}, not by these versions`);
      return policyHistory(store, most);
    },
  );
  if (json) printJson(entries);
  else if (entries.length === 0) print('nothing was published: the policy of the configuration decides\n');
  else print(fitTable(HISTORY, entries, terminalWidth()).text);
}

async function historyThere(context: Context, most: number): Promise<unknown[]> {
  const entries: unknown[] = [];
  let after: number | null = null;
  do {
    const query = {
      limit: Math.min(most - entries.length, VERSIONS_AT_ONCE),
      ...(after !== null && { after }),
    };
    const page = (await ask(context, 'listPolicyVersions', { query })) as AnswerOf<'listPolicyVersions'>;
    entries.push(...page.rows);
    after = page.next;
  } while (after !== null && entries.length < most);
  return entries;
}

const HISTORY: readonly Column<PolicyHistoryEntry>[] = [
  { title: 'VERSION', cell: ({ version }) => String(version) },
  {
    title: '',
    cell: ({ place }) => (place === null ? '' : { text: place, tone: place === 'live' ? 'good' : 'warning' }),
  },
  { title: 'PUBLISHED', cell: ({ at }) => isoTime(at) },
  { title: 'BY', cell: ({ author }) => printable(author) },
  { title: 'CHANGED', cell: ({ changed }) => (changed === null ? '-' : String(changed)), spare: 2 },
  { title: 'NAME', cell: ({ name }) => printable(name, '-'), min: 12 },
  { title: 'COMMENT', cell: ({ comment }) => printable(comment, '-'), min: 12 },
  { title: 'HASH', cell: ({ hash }) => hash, spare: 1 },
];

/** @throws ProgramError that lists every problem */
function compiledOf(file: string, { loaded }: ReadDocument): CompiledPolicy {
  for (const problem of loaded.problems) if (problem.severity === 'warning') warn(problemLine(file, problem));
  return loaded.policy ?? openPolicy(file);
}

async function add(
  store: DirectoryStore,
  known: KnownPolicies,
  { texts, loaded }: ReadDocument,
  options: PublishOptions,
  place: 'live' | 'shadow',
  audit: AuditSink,
  changed: number | null = null,
): Promise<number> {
  const name = loaded.policy?.name ?? null;
  const { comment = null } = options;
  const { version } = await addVersion(
    store,
    known,
    { texts, name, comment, place, changed },
    authorOf(options),
    audit,
  );
  return version;
}

function authorOf({ owner = loginName() }: PublishOptions): PolicyAuthor {
  return { by: owner, via: 'cli', at: Date.now() };
}

/** @throws ProgramError unless the operator agrees */
async function confirm({ yes, json }: PublishOptions, question: string): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || json)
    throw new ProgramError('EASGATE_CONFIRM', 'nobody to ask here: add --yes');
  const answer = await askPerson(`${question} [y/N] `, process.stdin, process.stdout);
  if (!/^y(?:es)?$/i.test(answer?.trim() ?? ''))
    throw new ProgramError('EASGATE_CONFIRM', 'not confirmed: nothing was changed');
}

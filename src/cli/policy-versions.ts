// Owns the work of `easgate policy diff`, `publish`, `history`, `rollback`, `shadow` and `promote`, and of `report would-block`.
import type { Command } from 'commander';
import { diffPolicies, grandfatheredPhones } from '../app/policy-diff.ts';
import type { ChangedPhone, DiffCount, PolicyDiff } from '../app/policy-diff.ts';
import {
  addVersion,
  compiledVersion,
  earlierVersion,
  endShadow,
  policyHistory,
  policyInUse,
  promote,
  readPolicies,
  refuseWithFile,
  rollBack,
  shadowVersion,
  versionOf,
} from '../app/policy-versions.ts';
import type { KnownPolicies, PolicyAuthor, PolicyHistoryEntry } from '../app/policy-versions.ts';
import { readDocument } from '../config/stored-policy.ts';
import type { ReadDocument } from '../config/stored-policy.ts';
import type { Config } from '../config/schema.ts';
import { servedPolicy } from '../config/served-policy.ts';
import { problemLine } from '../config/policy-file.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { ShadowCounts, ShadowDifference } from '../model/shadow.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { loginName, withStore } from './context.ts';
import { csvText } from '../app/csv.ts';
import { CHANGED_CSV } from '../app/csv-columns.ts';
import { print, printJson, printable, warn } from './output.ts';
import { openPolicy } from './policy-file.ts';
import { Progress } from './progress.ts';
import { askStatus } from '../supervisor/ask-status.ts';
import { SEEN_TITLES, countCells } from './report.ts';
import { fitTable, table, terminalWidth } from './table.ts';
import type { Column } from './table.ts';
import { isoTime, relativeTime } from '../app/times.ts';
import { ask } from './wipe.ts';

/** How a comparison is printed. */
export interface DiffOptions {
  readonly json?: true;
  readonly csv?: true;
  readonly limit?: string;
}

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

const DEFAULT_ROWS = 20;

/** `policy diff`: each of the two is a file, the number of a version, `live`, `shadow` or `configured`. */
export function diff(before: string, after: string, options: DiffOptions, command: Command): Promise<void> {
  return withStore(command, async (store, config) => {
    const old = await policyNamed(store, config, before);
    const next = await policyNamed(store, config, after);
    printDiff(await compare(store, old, next), options);
  });
}

/** `report would-block`. */
export function wouldBlock(
  { policy, ...options }: DiffOptions & { readonly policy: string },
  command: Command,
): Promise<void> {
  return withStore(command, async (store, config) => {
    const live = await policyNamed(store, config, 'live');
    const enforced = await policyNamed(store, config, policy, true);
    printDiff(await compare(store, live, enforced), options);
  });
}

/** `report grandfathered`. */
export function grandfathered(options: DiffOptions, command: Command): Promise<void> {
  return withStore(command, async (store, config) => {
    const live = await policyNamed(store, config, 'live');
    const now = Date.now();
    const { grandfather } = live;
    const found = await withProgress((onProgress) => grandfatheredPhones(store, live, now, onProgress));
    if (options.json || options.csv) {
      printDiff(found, options);
      return;
    }
    if (grandfather === null) print('the policy has no `grandfather`: nobody is let in because of it\n');
    else
      print(
        `in use before ${isoTime(grandfather.firstSeenBefore)}, let in until ${isoTime(grandfather.until)}` +
          `${grandfather.until <= now ? ', which is over' : ''}\n\n` +
          table(['', ...SEEN_TITLES], [['let in only because of that', ...countCells(found.keptOut)]]) +
          `\n${listText(found, limitOf(options))}`,
      );
  });
}

/** `policy publish`. */
export function publish(file: string, options: PublishOptions, command: Command): Promise<void> {
  return withStore(command, async (store, config, audit) => {
    refuseWithFile(config);
    const read = readChecked(file);
    const known = await readPolicies(store);
    const change = await compare(store, await policyNamed(store, config, 'live'), compiledOf(file, read));
    if (!options.json) print(countsText(change));
    await confirm(options, `Make ${file} the policy of all gateways?`);
    const version = await add(store, known, read, options, 'live', audit);
    if (options.json) printJson({ version, change: { ...change, phones: undefined } });
    else print(`version ${version} is live, on every gateway within a second\n`);
  });
}

/** `policy shadow`. */
export function shadow(file: string | undefined, options: PublishOptions, command: Command): Promise<void> {
  return withStore(command, async (store, config, audit) => {
    refuseWithFile(config);
    if (options.off) {
      const ended = await endShadow(store, authorOf(options), audit);
      if (options.json) printJson({ ended });
      else
        print(
          ended === null
            ? 'no policy ran in the shadow\n'
            : `version ${ended} no longer runs in the shadow\n`,
        );
      return;
    }
    if (file === undefined) {
      await showShadow(config, options);
      return;
    }
    const read = readChecked(file);
    compiledOf(file, read);
    const version = await add(store, await readPolicies(store), read, options, 'shadow', audit);
    if (options.json) printJson({ version });
    else
      print(`version ${version} runs in the shadow: it is evaluated on real traffic and decides nothing\n`);
  });
}

/** What the workers on this host counted since the shadow began. */
async function showShadow(config: Config, { json, limit }: PublishOptions): Promise<void> {
  const { workers } = await askStatus(config.workers.pidFile);
  const counts = workers.flatMap((worker) => worker?.shadow ?? []);
  const version = workers.find((worker) => worker?.policies.shadow)?.policies.shadow?.version ?? null;
  const [compared, different] = [
    sum(counts.map((one) => one.compared)),
    sum(counts.map((one) => one.different)),
  ];
  const phones = counts.flatMap((one) => one.phones);
  if (json) printJson({ version, compared, different, phones });
  else if (version === null) print('no policy runs in the shadow\n');
  else print(shadowText(version, { compared, different, phones }, limitOf({ limit })));
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

/** Names the rows of a list that are left out. */
function othersText(others: number, ways: string, isCut = false): string {
  return others <= 0 ? '' : `and ${others}${isCut ? ' or more' : ''} others: ${ways}\n`;
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
export function promoteShadow(options: PublishOptions, command: Command): Promise<void> {
  return withStore(command, async (store, config, audit) => {
    refuseWithFile(config);
    const known = await readPolicies(store);
    const next = compiledVersion(await shadowVersion(store, known));
    if (!options.json)
      print(countsText(await compare(store, await policyNamed(store, config, 'live'), next)));
    await confirm(options, 'Make the policy in the shadow the live one?');
    const { version } = await promote(store, known, options.comment ?? null, authorOf(options), audit);
    if (options.json) printJson({ version });
    else print(`version ${version} is live\n`);
  });
}

/** `policy rollback`. */
export function rollback(to: string | undefined, options: PublishOptions, command: Command): Promise<void> {
  return withStore(command, async (store, config, audit) => {
    refuseWithFile(config);
    const known = await readPolicies(store);
    const wanted = await earlierVersion(store, known, to === undefined ? null : numberOf(to));
    const { version, comment: said } = wanted;
    const change = await compare(store, await policyNamed(store, config, 'live'), compiledVersion(wanted));
    if (!options.json) print(countsText(change));
    await confirm(
      options,
      `Make version ${version}${said === null ? '' : ` (${printable(said)})`} live again?`,
    );
    await rollBack(store, version, options.comment ?? null, authorOf(options), audit, known);
    if (options.json) printJson({ version, change: { ...change, phones: undefined } });
    else print(`version ${version} is live again${said === null ? '' : ` (${printable(said)})`}\n`);
  });
}

/** `policy history`. */
export function history(
  { limit, json }: { readonly limit?: string; readonly json?: true },
  command: Command,
): Promise<void> {
  return withStore(command, async (store, config) => {
    if (config.policy.file !== undefined)
      warn(`gateways with this configuration decide by ${config.policy.file}, not by these versions`);
    const entries = await policyHistory(store, limit === undefined ? DEFAULT_ROWS : numberOf(limit));
    if (json) printJson(entries);
    else if (entries.length === 0) print('nothing was published: the policy of the configuration decides\n');
    else print(fitTable(HISTORY, entries, terminalWidth()).text);
  });
}

const HISTORY: readonly Column<PolicyHistoryEntry>[] = [
  { title: 'VERSION', cell: ({ version }) => String(version) },
  {
    title: '',
    cell: ({ place }) => (place === null ? '' : { text: place, tone: place === 'live' ? 'good' : 'warning' }),
  },
  { title: 'PUBLISHED', cell: ({ at }) => isoTime(at) },
  { title: 'BY', cell: ({ author }) => printable(author) },
  { title: 'NAME', cell: ({ name }) => printable(name, '-'), min: 12 },
  { title: 'COMMENT', cell: ({ comment }) => printable(comment, '-'), min: 12 },
  { title: 'HASH', cell: ({ hash }) => hash, spare: 1 },
];

async function compare(
  store: DirectoryStore,
  before: CompiledPolicy,
  after: CompiledPolicy,
): Promise<PolicyDiff> {
  return withProgress((onProgress) => diffPolicies(store, before, after, Date.now(), onProgress));
}

async function withProgress<T>(work: (onProgress: (done: number) => void) => Promise<T>): Promise<T> {
  const progress = new Progress('phones compared');
  try {
    return await work((done) => progress.show(done));
  } finally {
    progress.end();
  }
}

/** `enforced`: as if the document did not only report. @throws ProgramError */
async function policyNamed(
  store: DirectoryStore,
  config: Config,
  name: string,
  enforced = false,
): Promise<CompiledPolicy> {
  const policy = await named(store, config, name);
  return enforced && policy.reportOnly ? { ...policy, reportOnly: false } : policy;
}

async function named(store: DirectoryStore, config: Config, name: string): Promise<CompiledPolicy> {
  if (name === 'configured') return servedPolicy(config).policy;
  if (name === 'live') return policyInUse(store, config);
  if (/^\d+$/.test(name)) return compiledVersion(await versionOf(store, Number(name)));
  if (name !== 'shadow') return openPolicy(name);
  return compiledVersion(await shadowVersion(store, await readPolicies(store)));
}

function readChecked(file: string): ReadDocument {
  try {
    return readDocument(file);
  } catch (error) {
    throw new ProgramError('EASGATE_POLICY', error instanceof Error ? error.message : String(error));
  }
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
  options: PublishOptions,
  place: 'live' | 'shadow',
  audit: AuditSink,
): Promise<number> {
  const name = loaded.policy?.name ?? null;
  const { comment = null } = options;
  const { version } = await addVersion(
    store,
    known,
    { texts, name, comment, place },
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
  const answer = await ask(`${question} [y/N] `, process.stdin, process.stdout);
  if (!/^y(?:es)?$/i.test(answer?.trim() ?? ''))
    throw new ProgramError('EASGATE_CONFIRM', 'not confirmed: nothing was changed');
}

function numberOf(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new ProgramError('EASGATE_USAGE', `${text} is not a number`);
  return Number(text);
}

function printDiff(found: PolicyDiff, { json, csv, limit }: DiffOptions): void {
  if (json) printJson(found);
  else if (csv) print(csvText(CHANGED_CSV, found.phones));
  else print(countsText(found) + listText(found, limitOf({ limit })));
}

function limitOf({ limit }: { readonly limit?: string | undefined }): number {
  return limit === undefined ? DEFAULT_ROWS : numberOf(limit);
}

function countsText({ compared, keptOut, keptOutLater, letIn, letInForNow, otherwise }: PolicyDiff): string {
  return (
    `${compared} phones compared\n\n` +
    table(
      ['', ...SEEN_TITLES],
      [
        ['kept out newly', ...countCells(keptOut)],
        ['kept out later (in grace, or in use before)', ...countCells(keptOutLater)],
        ['let in newly', ...countCells(letIn)],
        ['let in for a time (in grace, or in use before)', ...countCells(letInForNow)],
        ['kept out by both, for another reason or in another way', ...countCells(otherwise)],
      ],
    ) +
    '\n'
  );
}

function listText(found: PolicyDiff, limit: number): string {
  const group = (title: string, counts: readonly DiffCount[]): string =>
    counts.length === 0
      ? ''
      : `${table(
          [title, ...SEEN_TITLES],
          counts.slice(0, limit).map(({ name, phones }) => [printable(name), ...countCells(phones)]),
        )}\n`;
  const shown = found.phones.slice(0, limit);
  const rest = found.phones.length - shown.length;
  return (
    group('KEPT OUT BY REASON', found.byReason) +
    group('BY GROUP', found.byGroup) +
    group('BY MODEL', found.byModel) +
    (shown.length === 0 ? '' : fitTable(PHONES, shown, terminalWidth()).text) +
    othersText(rest, '--limit, --csv or --json', found.isCut)
  );
}

const PHONES: readonly Column<ChangedPhone>[] = [
  { title: 'USER', cell: ({ user }) => printable(user), min: 18 },
  { title: 'DEVICE', cell: ({ device }) => device },
  { title: 'MODEL', cell: ({ model }) => printable(model, '-'), min: 8, spare: 2 },
  { title: 'NOW', cell: ({ before }) => `${before.action} (${before.reason})`, spare: 1 },
  { title: 'THEN', cell: ({ after }) => `${after.action} (${after.reason})` },
  { title: 'BY', cell: ({ after }) => printable(after.rule), min: 12, spare: 3 },
  { title: 'SEEN', cell: ({ lastSeen }) => relativeTime(lastSeen) },
];

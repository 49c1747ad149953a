// Owns the work of `easgate policy diff`, `report would-block` and `report grandfathered`: comparisons of policies, and their text.
import type { Command } from 'commander';
import { csvText } from '../app/csv.ts';
import { CHANGED_CSV } from '../app/csv-columns.ts';
import { diffPolicies, grandfatheredPhones } from '../app/policy-diff.ts';
import type { ChangedPhone, DiffCount, PolicyDiff } from '../app/policy-diff.ts';
import {
  compiledVersion,
  policyInUse,
  readPolicies,
  shadowVersion,
  versionOf,
} from '../app/policy-versions.ts';
import { isoTime, relativeTime } from '../app/times.ts';
import type { Config } from '../config/schema.ts';
import { servedPolicy } from '../config/served-policy.ts';
import { loadVersion } from '../config/stored-policy.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { withStore } from './context.ts';
import { print, printJson, printable } from './output.ts';
import { openPolicy } from './policy-file.ts';
import { Progress } from './progress.ts';
import { contextOf } from './remote/contexts.ts';
import type { Context } from './remote/contexts.ts';
import { policiesInUse, remoteDiff, remotePolicy, writeDiff } from './remote/policies.ts';
import { SEEN_TITLES, countCells } from './report.ts';
import { fitTable, table, terminalWidth } from './table.ts';
import type { Column } from './table.ts';

/** Rows of a table without `--limit`. */
export const DEFAULT_ROWS = 20;

/** How a comparison is printed. */
export interface DiffOptions {
  readonly json?: true;
  readonly csv?: true;
  readonly limit?: string;
}

/** `policy diff`: each of the two is a file, the number of a version, `live`, `shadow` or `configured`. */
export async function diff(
  before: string,
  after: string,
  options: DiffOptions,
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  if (context !== null) {
    const body = { before: remotePolicy(before), after: remotePolicy(after) };
    await printRemoteDiff(context, body, options);
    return;
  }
  await withStore(command, async (store, config) => {
    const old = await policyNamed(store, config, before);
    const next = await policyNamed(store, config, after);
    printDiff(await compare(store, old, next), options);
  });
}

async function printRemoteDiff(
  context: Context,
  body: Parameters<typeof remoteDiff>[1],
  options: DiffOptions,
): Promise<void> {
  const { id, diff: found } = await remoteDiff(context, body);
  if (options.csv) await writeDiff(context, id);
  else printDiff(found, options);
}

/** `report would-block`. */
export async function wouldBlock(
  { policy, ...options }: DiffOptions & { readonly policy: string },
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  if (context !== null) {
    await printRemoteDiff(context, { after: remotePolicy(policy), enforced: true }, options);
    return;
  }
  await withStore(command, async (store, config) => {
    const live = await policyNamed(store, config, 'live');
    const enforced = await policyNamed(store, config, policy, true);
    printDiff(await compare(store, live, enforced), options);
  });
}

/** `report grandfathered`. */
export async function grandfathered(options: DiffOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  if (context !== null) {
    const body = { after: { place: 'live' as const }, grandfathered: false };
    const isFile = options.json ?? options.csv ?? false;
    if (isFile) await printRemoteDiff(context, body, options);
    else {
      const { document, lists } = (await policiesInUse(context)).policies;
      const live = document === null ? null : loadVersion({ document, lists }).policy;
      const { diff: found } = await remoteDiff(context, body);
      print(grandfatheredText(live?.grandfather ?? null, found, options));
    }
    return;
  }
  await withStore(command, async (store, config) => {
    const live = await policyNamed(store, config, 'live');
    const found = await withProgress((onProgress) =>
      grandfatheredPhones(store, live, Date.now(), onProgress),
    );
    if (options.json || options.csv) printDiff(found, options);
    else print(grandfatheredText(live.grandfather, found, options));
  });
}

function grandfatheredText(
  grandfather: CompiledPolicy['grandfather'],
  found: PolicyDiff,
  options: DiffOptions,
): string {
  if (grandfather === null) return 'the policy has no `grandfather`: nobody is let in because of it\n';
  return (
    `in use before ${isoTime(grandfather.firstSeenBefore)}, let in until ${isoTime(grandfather.until)}` +
    `${grandfather.until <= Date.now() ? ', which is over' : ''}\n\n` +
    table(['', ...SEEN_TITLES], [['let in only because of that', ...countCells(found.keptOut)]]) +
    `\n${listText(found, limitOf(options))}`
  );
}

/** Compares two policies on every phone of the directory, with a progress bar. */
export async function compare(
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

/** A policy by its name. `enforced`: as if the document did not only report. @throws ProgramError */
export async function policyNamed(
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

/** A whole number from 1. @throws ProgramError */
export function numberOf(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new ProgramError('EASGATE_USAGE', `${text} is not a number`);
  return Number(text);
}

function printDiff(found: PolicyDiff, { json, csv, limit }: DiffOptions): void {
  if (json) printJson(found);
  else if (csv) print(csvText(CHANGED_CSV, found.phones));
  else print(countsText(found) + listText(found, limitOf({ limit })));
}

/** `--limit`. @throws ProgramError */
export function limitOf({ limit }: { readonly limit?: string | undefined }): number {
  return limit === undefined ? DEFAULT_ROWS : numberOf(limit);
}

/** The numbers of a comparison. */
export function countsText({
  compared,
  keptOut,
  keptOutLater,
  letIn,
  letInForNow,
  otherwise,
}: PolicyDiff): string {
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
/** Names the rows of a list that are left out. */
export function othersText(others: number, ways: string, isCut = false): string {
  return others <= 0 ? '' : `and ${others}${isCut ? ' or more' : ''} others: ${ways}\n`;
}

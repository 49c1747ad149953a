// Owns comparisons of policies on the command line: `policy diff`, `report would-block`, `report grandfathered`, and what a change says
// before it asks.
import { numberText } from '../app/number-text.ts';
import type { Command } from 'commander';
import { csvText } from '../app/csv.ts';
import { CHANGED_CSV } from '../app/csv-columns.ts';
import { diffInThreads } from '../app/diff-threads.ts';
import { withoutGrandfathering } from '../app/policy-diff.ts';
import type { ChangedPhone, PolicyDiff } from '../app/policy-diff.ts';
import { asEnforced, policiesOf } from '../app/policy-texts.ts';
import type { PolicyRef } from '../app/policy-texts.ts';
import { policiesInUse, readPolicies, shadowVersion } from '../app/policy-versions.ts';
import { rolloutIn } from '../app/policy-rollout.ts';
import { timeText } from './time-text.ts';
import { isoTime } from '../app/times.ts';
import type { Config } from '../config/schema.ts';
import { storeOptions } from '../config/store-settings.ts';
import { loadVersion } from '../config/stored-policy.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { forEverybody, withRollout } from '../policy/active-policies.ts';
import type { ActivePolicies } from '../policy/active-policies.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { withStore } from './context.ts';
import { print, printJson, printable, warn } from './output.ts';
import { extentIn, numberOf } from './policy-change.ts';
import type { ExtentOptions } from './policy-change.ts';
import { openPolicy } from './policy-file.ts';
import { Progress } from './progress.ts';
import { contextOf } from './remote/contexts.ts';
import type { Context } from './remote/contexts.ts';
import {
  policiesInUse as policiesInUseThere,
  remoteDiff,
  remotePolicy,
  writeDiff,
} from './remote/policies.ts';
import { SEEN_TITLES, countCells, countTable, othersText } from './report.ts';
import { fitTable, table, terminalWidth } from './table.ts';
import type { Column } from './table.ts';

/** How a comparison is printed. */
export interface DiffOptions {
  readonly json?: true;
  readonly csv?: true;
  readonly limit?: string;
}

const DEFAULT_ROWS = 20;

/** `policy diff`: each of the two is a file, the number of a version, or one of {@link PLACES}. */
export async function diff(
  before: string,
  after: string,
  options: DiffOptions,
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  if (context !== null) {
    await printRemoteDiff(context, { before: remotePolicy(before), after: remotePolicy(after) }, options);
    return;
  }
  await withStore(command, async (store, config) => {
    const old = await policyNamed(store, config, before);
    const next = await policyNamed(store, config, after);
    printDiff(await compare(store, config, old, next), options);
  });
}

/** Prints a comparison of the admin API. */
async function printRemoteDiff(
  context: Context,
  body: Parameters<typeof remoteDiff>[1],
  options: DiffOptions,
): Promise<void> {
  const { id, diff: found } = await remoteDiff(context, body);
  warnOfGroups(found);
  if (options.csv) await writeDiff(context, id);
  else printDiff(found, options);
}

/** Codes of errors of a policy that cannot be read or compiled. */
const UNUSABLE: ReadonlySet<unknown> = new Set([
  'EASGATE_CORRUPT_RECORD',
  'EASGATE_NOT_FOUND',
  'EASGATE_POLICY',
]);

/**
 * The policies in use, which a change that may repair them is compared with; null = one of them cannot be read or compiled, of which a
 * warning is printed.
 */
export async function comparedWith(store: DirectoryStore, config: Config): Promise<ActivePolicies | null> {
  try {
    return await policiesInUse(store, config);
  } catch (error) {
    warnOfUnusable(error);
    return null;
  }
}

/** Warns that a change cannot be compared. @throws the error where it is not about a policy that cannot be used */
export function warnOfUnusable(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && UNUSABLE.has(error.code))) throw error;
  warn(`whom this change concerns is not known, as a policy in use cannot be used: ${error.message}`);
}

/** `report would-block`. */
export async function wouldBlock(
  { policy, group, share, ...options }: DiffOptions & ExtentOptions & { readonly policy: string },
  command: Command,
): Promise<void> {
  const extent = extentIn({ ...(group && { group }), ...(share !== undefined && { share }) });
  const context = contextOf(command);
  if (context !== null) {
    const rollout = extent === null ? null : { groups: [...extent.groups], share: extent.share };
    const before = { place: 'live' } as const;
    await printRemoteDiff(context, { before, after: remotePolicy(policy), enforced: true, rollout }, options);
    return;
  }
  await withStore(command, async (store, config) => {
    const before = await policyNamed(store, config, 'live');
    const enforced = asEnforced(await policyNamed(store, config, policy));
    const after = extent === null ? enforced : withRollout(before, enforced.live, extent);
    const found = await compare(store, config, before, after);
    warnOfGroups(found);
    printDiff(found, options);
  });
}

/** `report grandfathered`. */
export async function grandfathered(options: DiffOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  if (context !== null) {
    const place = { place: 'inUse' } as const;
    const body = { before: place, after: place, grandfathered: false };
    if (options.json === true || options.csv === true) {
      await printRemoteDiff(context, body, options);
      return;
    }
    const { document, lists } = (await policiesInUseThere(context)).policies;
    const live = document === null ? null : loadVersion({ document, lists }).policy;
    sayGrandfathered(live?.grandfather ?? null, (await remoteDiff(context, body)).diff, options);
    return;
  }
  await withStore(command, async (store, config) => {
    const active = await policiesInUse(store, config);
    const found = await compare(store, config, active, withoutGrandfathering(active));
    if (options.json || options.csv) {
      printDiff(found, options);
      return;
    }
    const { live, rollout } = active;
    sayGrandfathered(live.policy.grandfather ?? rollout?.policy.grandfather ?? null, found, options);
  });
}

function sayGrandfathered(
  grandfather: CompiledPolicy['grandfather'],
  found: PolicyDiff,
  options: DiffOptions,
): void {
  const now = Date.now();
  if (grandfather === null) print('the policy has no `grandfather`: nobody is let in because of it\n');
  else
    print(
      `in use before ${isoTime(grandfather.firstSeenBefore)}, let in until ${isoTime(grandfather.until)}` +
        `${grandfather.until <= now ? ', which is over' : ''}\n\n` +
        table(['', ...SEEN_TITLES], [['let in only because of that', ...countCells(found.keptOut)]]) +
        `\n${listText(found, limitOf(options))}`,
    );
}

/** Compares what policies decide on every phone, with a progress bar. */
export async function compare(
  store: DirectoryStore,
  config: Config,
  before: ActivePolicies,
  after: ActivePolicies,
): Promise<PolicyDiff> {
  const task = { before, after, now: Date.now() };
  return withProgress((onProgress) => diffInThreads(store, storeOptions(config), task, onProgress));
}

async function withProgress<T>(work: (onProgress: (done: number) => void) => Promise<T>): Promise<T> {
  const progress = new Progress('phones compared');
  try {
    return await work((done) => progress.show(done));
  } finally {
    progress.end();
  }
}

/** Names of policies that are neither a file nor a number. */
const PLACES: Readonly<Record<string, PolicyRef>> = {
  configured: { place: 'configured' },
  live: { place: 'live' },
};

/** A policy, as if it decided for everybody. @throws ProgramError */
export async function policyNamed(
  store: DirectoryStore,
  config: Config,
  name: string,
): Promise<ActivePolicies> {
  const place = Object.hasOwn(PLACES, name) ? PLACES[name] : undefined;
  if (place !== undefined) return policiesOf(store, config, place);
  if (/^\d+$/.test(name)) return policiesOf(store, config, { version: Number(name) });
  if (name !== 'shadow' && name !== 'rollout') return forEverybody(openPolicy(name));
  const known = await readPolicies(store);
  const { version } = name === 'shadow' ? await shadowVersion(store, known) : rolloutIn(known);
  return policiesOf(store, config, { version });
}

/** What a change would do, before it is asked for. */
export function changeText(found: PolicyDiff): string {
  return countsText(found) + reachText(found);
}

/** Reasons, groups and models of those that change, and the first of them. */
export function changedList(found: PolicyDiff): string {
  return listText(found, DEFAULT_ROWS);
}

function reachText({ compared, reach }: PolicyDiff): string {
  if (reach === null) return '';
  const { inside, groupsUnknown } = reach;
  const unknown =
    groupsUnknown === 0
      ? ''
      : `; ${numberText(groupsUnknown)} are of users whose groups no feed knows: the stricter of both versions decides on them`;
  return `it decides on ${numberText(inside)} of ${numberText(compared)} phones${unknown}\n\n`;
}

/** Warns of groups that nobody with a phone is in: they are probably misspelt. */
export function warnOfGroups({ reach }: PolicyDiff): void {
  for (const group of reach?.emptyGroups ?? []) warn(`no user with a phone is in group ${printable(group)}`);
}

/** Prints a comparison as the options say. */
function printDiff(found: PolicyDiff, { json, csv, limit }: DiffOptions): void {
  if (json) printJson(found);
  else if (csv) print(csvText(CHANGED_CSV, found.phones));
  else print(countsText(found) + reachText(found) + listText(found, limitOf({ limit })));
}

/** Rows of a list. @throws ProgramError */
export function limitOf({ limit }: { readonly limit?: string | undefined }): number {
  return limit === undefined ? DEFAULT_ROWS : numberOf(limit);
}

function countsText({ compared, keptOut, keptOutLater, letIn, letInForNow, otherwise }: PolicyDiff): string {
  return (
    `${numberText(compared)} phones compared\n\n` +
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
  const shown = found.phones.slice(0, limit);
  const rest = found.phones.length - shown.length;
  return (
    countTable('KEPT OUT BY REASON', found.byReason, limit) +
    countTable('BY GROUP', found.byGroup, limit) +
    countTable('BY MODEL', found.byModel, limit) +
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
  { title: 'SEEN', cell: ({ lastSeen }) => timeText(lastSeen) },
];

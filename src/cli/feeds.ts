// Owns the work of `easgate feeds`: their health, one run, a file as a feed reads it, and the confirmation of a held run.
import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import { configuredFeeds, feedNamed, feedStates, fileReading } from '../app/feed-runs/configured-feeds.ts';
import { confirmDelivery } from '../app/received/confirm-delivery.ts';
import { isReceived } from '../app/received/received-feeds.ts';
import { numberText } from '../app/number-text.ts';
import { runFeedByHand } from '../app/feed-runs/run-feed.ts';
import type { RunOptions } from '../app/feed-runs/run-feed.ts';
import { feedHealth } from '../app/feed-runs/feed-health.ts';
import type { FeedHealth } from '../app/feed-runs/schedule.ts';
import { loadConfig } from '../config/load.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { pushLines } from '../feeds/push/push-lines.ts';
import { sayOutcome } from './apply-text.ts';
import { configPath } from './config-path.ts';
import type { ApplyOutcome } from '../app/apply-outcome.ts';
import { loginName, withAudit } from './context.ts';
import { printLines } from './import.ts';
import { outputWriter, print, printJson, printable, toned } from './output.ts';
import type { Tone } from './output.ts';
import { contextOf } from './remote/contexts.ts';
import { RemoteError } from './remote/client.ts';
import { fromEither } from './remote/either.ts';
import { remoteFeeds, remoteRun } from './remote/feeds.ts';
import { withProgress } from './run-progress.ts';
import { fitTable, terminalWidth } from './table.ts';
import type { Column } from './table.ts';
import { isoTime, relativeTime, safeJson } from '../app/times.ts';

/** How the states of feeds look. */
const FEED_TONES: Readonly<Record<FeedHealth['state'], Tone>> = {
  ok: 'good',
  held: 'warning',
  failing: 'bad',
  stale: 'bad',
  'never run': 'quiet',
};

const NONE = 'no feeds: the configuration lists none under `feeds` (docs/guide/feeds.md)\n';

/** `feeds list`. */
export async function list({ json }: { readonly json?: true }, command: Command): Promise<void> {
  const now = Date.now();
  const feeds = await healthOf(command, now);
  const columns: Column<FeedHealth>[] = [
    { title: 'NAME', cell: ({ name }) => name },
    { title: 'KIND', cell: ({ kind }) => kind },
    { title: 'STATE', cell: (feed) => ({ text: stateText(feed), tone: toneOf(feed) }) },
    { title: 'LAST RUN', cell: ({ remembered }) => moment(remembered.lastSuccessAt, now) },
    { title: 'NEXT RUN', cell: ({ nextAt }) => (nextAt === null ? '-' : isoTime(nextAt)) },
  ];
  if (json) printJson(feeds);
  else print(feeds.length === 0 ? NONE : fitTable(columns, feeds, terminalWidth()).text);
}

/** The feeds as this machine remembers them, or the gateway of the context. */
async function healthOf(command: Command, now: number): Promise<readonly FeedHealth[]> {
  const context = contextOf(command);
  return context === null ? feedHealth(loadConfig(configPath(command)), now) : remoteFeeds(context);
}

function moment(at: number | null, now: number): string {
  return at === null ? 'never' : relativeTime(at, now);
}

/** `feeds status`; the exit code is 1 when a feed is held, failing or stale. */
export async function status({ json }: { readonly json?: true }, command: Command): Promise<void> {
  const now = Date.now();
  const feeds = await healthOf(command, now);
  if (feeds.some(({ state }) => state !== 'ok' && state !== 'never run')) process.exitCode = 1;
  if (json) printJson(feeds);
  else print(feeds.length === 0 ? NONE : feeds.map((feed) => healthText(feed, now)).join('\n'));
}

/** The state in words: what is held may be stale too. */
export function stateText({ state, isStale }: FeedHealth): string {
  return state === 'held' && isStale ? 'held, stale' : state;
}

/** How it looks. */
export function toneOf({ state, isStale }: FeedHealth): Tone {
  return isStale ? 'bad' : FEED_TONES[state];
}

function healthText(feed: FeedHealth, now: number): string {
  const { name, kind, nextAt, remembered } = feed;
  const { lastSuccessAt, lastFullAt, run, error, failures, held } = remembered;
  const isSent = kind === 'webhook' || kind === 'push';
  const lines = [
    `${name} (${kind}): ${toned(toneOf(feed), stateText(feed))}`,
    isSent
      ? `  last delivery ${moment(lastSuccessAt, now)}, next when the source sends it`
      : `  last run ${moment(lastSuccessAt, now)}, last full run ${moment(lastFullAt, now)}, next ${nextAt === null ? 'never' : isoTime(nextAt)}`,
  ];
  if (run !== null) {
    for (const kindOfRecord of ['devices', 'users'] as const) {
      const { accepted, unchanged, older, removed } = run[kindOfRecord];
      lines.push(
        `  ${kindOfRecord}: ${numberText(accepted)} accepted, ${numberText(unchanged)} unchanged, ${numberText(older)} older, ${numberText(removed)} removed`,
      );
    }
    lines.push(
      `  ${numberText(run.refused)} refused, ${numberText(run.withProblems)} with a value that was not understood, ${numberText(run.notJoined)} not joined (${numberText(run.possibleMatches)} of them could be a known device), in ${numberText(run.tookMs)} ms`,
    );
    if (run.sameDevice > 0)
      lines.push(`  ${numberText(run.sameDevice)} of a device that has another record; one of them counts`);
    for (const why of run.notRemoved) lines.push(`  ${printable(why)}`);
  }
  if (error !== null)
    lines.push(
      `  ${failures === 1 ? 'failed' : `${failures} failures, the last`} ${relativeTime(error.at, now)}: ${error.code}: ${printable(error.message)}`,
    );
  for (const why of held?.reasons ?? []) lines.push(`  held: ${printable(why)}`);
  if (held !== null)
    lines.push(
      isSent
        ? `  easgate feeds confirm ${name} lets the next delivery through`
        : `  easgate feeds run ${name} --dry-run shows it, easgate feeds confirm ${name} applies it`,
    );
  return `${lines.join('\n')}\n`;
}

/** Options of `feeds run`. */
export interface RunCommandOptions {
  readonly dryRun?: true;
  readonly json?: true;
}

/** `feeds run`. */
export function run(name: string, options: RunCommandOptions, command: Command): Promise<void> {
  return runOnce(name, options, { dryRun: options.dryRun ?? false }, command);
}

/** `feeds confirm`: reads the source again, since what it says now is what is applied. */
export async function confirm(
  name: string,
  options: { readonly json?: true },
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  if (context !== null) {
    const outcome = await remoteRun(context, name, 'confirm');
    if (outcome === null) sayConfirmed(name, options);
    else sayRun(name, outcome, options);
    return;
  }
  const config = loadConfig(configPath(command));
  if (!isReceived(feedNamed(config.feeds, name))) {
    await runOnce(name, options, { confirmed: true }, command);
    return;
  }
  await withAudit(config, (audit) =>
    confirmDelivery(feedStates(config), name, { by: loginName(), via: 'cli', at: Date.now(), audit }),
  );
  sayConfirmed(name, options);
}

function sayConfirmed(name: string, { json }: { readonly json?: true }): void {
  if (json) printJson({ confirmed: name });
  else
    print(
      `the next delivery to ${name} is written, if it comes within an hour; its sender has to send it again\n`,
    );
}

async function runOnce(
  name: string,
  options: { readonly json?: true },
  how: Pick<RunOptions, 'confirmed' | 'dryRun'>,
  command: Command,
): Promise<void> {
  const outcome = await fromEither<ApplyOutcome>(
    command,
    async (context) => {
      const outcome = await remoteRun(context, name, how.dryRun === true ? 'dryRun' : 'run');
      if (outcome === null) throw new RemoteError('EASGATE_FAILED', 'the gateway started no run');
      return outcome;
    },
    (store, config, audit) => {
      const { kind } = feedNamed(config.feeds, name);
      if (kind === 'webhook' || kind === 'push')
        throw new ProgramError(
          'EASGATE_USAGE',
          `${name} is of kind ${kind}: it is sent its records, there is nothing to run`,
        );
      const feed = feedNamed(configuredFeeds(config), name);
      const operator = { by: loginName(), via: 'cli', at: Date.now(), audit };
      return withProgress((progress, signal) =>
        runFeedByHand(store, feedStates(config), feed, { ...how, progress, signal }, operator),
      );
    },
  );
  sayRun(name, outcome, options);
}

/** @throws ProgramError where a brake held it */
function sayRun(name: string, outcome: ApplyOutcome, { json }: { readonly json?: true }): void {
  if (json) printJson(outcome);
  else sayOutcome(outcome);
  if (outcome.held.length > 0)
    throw new ProgramError(
      'EASGATE_HELD',
      `nothing was written: ${outcome.held.join('; ')}. Look at the source; easgate feeds confirm ${name} writes it all the same`,
    );
}

/** `feeds test`: each record of a file as the feed reads it, or why it does not. */
export async function test(name: string, file: string, command: Command): Promise<void> {
  const config = loadConfig(configPath(command));
  if (feedNamed(config.feeds, name).kind === 'push') {
    const write = outputWriter();
    const bytes = createReadStream(file === '-' ? '/dev/stdin' : file);
    for await (const line of pushLines(bytes, { source: name, isDelta: true }))
      if (!(await write(`${safeJson(line)}\n`))) return;
    return;
  }
  await printLines({ ...fileReading(config, name), input: file === '-' ? process.stdin : file });
}

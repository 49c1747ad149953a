// Owns the work of `easgate status`: shows the running gateway on this host, its workers, and standing warnings.
import type { Command } from 'commander';
import { OLD_STATE_MS } from '../api/contract/state-age.ts';
import { feedHealth } from '../app/feed-runs/feed-health.ts';
import type { FeedHealth } from '../app/feed-runs/schedule.ts';
import { numberText } from '../app/number-text.ts';
import { isoTime, jsonText, relativeTime } from '../app/times.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { ControlStatus, ModelStatus } from '../supervisor/control-messages.ts';
import type { ControlState } from '../supervisor/control-process.ts';
import type { FailureCount } from '../metrics/recent-counts.ts';
import { extentText } from '../model/rollout-text.ts';
import type { WorkerStatus } from '../supervisor/messages.ts';
import { StatusClient } from '../supervisor/ask-status.ts';
import type { GatewayStatus } from '../supervisor/status-server.ts';
import { isRefused, refusalWarning } from '../supervisor/store-refusal.ts';
import { configPath } from './config-path.ts';
import { stateText, toneOf } from './feeds.ts';
import { outputWriter, printJson, printable, shownLines, toned } from './output.ts';
import type { Tone } from './output.ts';
import { RemoteError, ask } from './remote/client.ts';
import { contextOf } from './remote/contexts.ts';
import type { Context } from './remote/contexts.ts';
import { remoteFeeds } from './remote/feeds.ts';
import { fitTable, terminalWidth } from './table.ts';
import type { Cell, Column } from './table.ts';

/** Options of `status`. */
export interface StatusOptions {
  readonly watch?: true;
  readonly json?: true;
}

const WATCH_MS = 2_000;
/** Most causes of failed requests that are shown. */
const MAX_FAILURES = 5;
/** Longest wait for the API of a context, which waits five seconds at most for its primary process. */
const CONTEXT_WAIT = { waitMs: 8_000 };
/** Shows the exceptions that end soon. */
const LIST_EXCEPTIONS = 'easgate decisions list --action allow --state active --ends 7d';
/** Moves to the upper left and clears the screen (ECMA-48 CUP, ED). */
const CLEAR = '\u001b[H\u001b[J';

/** `status`. */
export async function status({ watch, json }: StatusOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  if (context !== null) {
    await showLooks(() => lookThere(context), { watch, json });
    return;
  }
  const config = loadConfig(configPath(command));
  const client = new StatusClient(config.workers.pidFile);
  try {
    await showLooks(() => look(client, config), { watch, json });
  } finally {
    await client.close();
  }
}

async function showLooks(
  take: () => Promise<Look>,
  { watch, json }: { readonly watch: true | undefined; readonly json: true | undefined },
): Promise<void> {
  if (json && !watch) {
    printJson(await take());
    return;
  }
  const write = outputWriter();
  let isRead = true;
  do {
    const now = await take();
    if (json) isRead = await write(jsonText(now));
    else {
      const clear = watch && process.stdout.isTTY ? CLEAR : '';
      isRead = await write(clear + shownLines(statusText(now)));
    }
    if (watch && isRead) await pause(WATCH_MS);
    // `| head`
  } while (watch && isRead);
}

/** A report. `feeds`: what the gateway's host remembers of them. */
type Look = GatewayStatus & { readonly feeds: readonly FeedHealth[] };

async function look(client: StatusClient, config: Config): Promise<Look> {
  return { ...(await client.ask()), feeds: await feedHealth(config, Date.now()) };
}

/** The report of the gateway of a context. Its control process answers, so it runs. */
async function lookThere(context: Context): Promise<Look> {
  const answer = await ask(context, 'showStatus', CONTEXT_WAIT);
  const { version, pid, startedAt, phase, policy, warnings, workers, traffic, control } = answer;
  if (pid === null || startedAt === null || policy === null || phase === 'unknown')
    throw new RemoteError(
      'EASGATE_NO_ANSWER',
      'the primary process of the gateway did not answer in time: try again, or look at its log',
    );
  const { bytes: _bytes, ...readModel } = control.readModel;
  return {
    version,
    pid,
    startedAt,
    phase,
    policy,
    warnings,
    workers,
    ...(traffic === null ? {} : { traffic }),
    control: { state: 'running', pid: control.pid, status: { ...control, readModel } },
    feeds: await remoteFeeds(context, CONTEXT_WAIT),
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/** The status as text. */
export function statusText(now: Look): string {
  const workers = now.workers.filter((worker) => worker !== null);
  const sum = (name: string): number =>
    workers.reduce((total, { counters }) => total + (counters[name] ?? 0), 0);
  const rate = now.traffic?.requestsPerSecond ?? null;
  const hits = workers.reduce((total, { verdicts }) => total + verdicts.hits, 0);
  const misses = workers.reduce((total, { verdicts }) => total + verdicts.misses, 0);
  const phase = toned(now.phase === 'serving' ? 'good' : 'warning', now.phase);
  const lines: (readonly [string, string])[] = [
    [
      'gateway',
      `${phase}, version ${now.version}, process ${now.pid}, up ${span(Date.now() - now.startedAt)}`,
    ],
    ['policy', policyText(now.policy, workers)],
    ['directory', directoryText(workers)],
    ...controlLines(now.control),
    ...feedLines(now),
    [
      'traffic',
      `${rate === null ? '' : `${rateText(rate)} requests/s in the last minute, `}${number(sum('requests'))} in all; ` +
        `${number(sum('heldPolls'))} held polls, ` +
        `${number(sum('connections'))} connections`,
    ],
    [
      'verdicts',
      `${number(sum('allowed'))} allowed, ${number(sum('quarantined'))} quarantined, ${number(sum('blocked'))} blocked, ` +
        `${number(sum('wiping'))} wiping; ${hits + misses === 0 ? 'none' : `${((100 * hits) / (hits + misses)).toFixed(1)}%`} from memory`,
    ],
    ...failureLines(now.traffic?.failures ?? []),
  ];
  const text = lines.map(([name, value]) => `${name.padEnd(11)}${value}\n`).join('');
  const rows = now.workers.map((worker) => ({ worker }));
  const standing = new Set(
    workers.flatMap(({ policies: { live, rollout } }) => [
      ...(live?.warnings ?? []),
      ...(rollout?.warnings ?? []),
    ]),
  );
  const control = now.control?.status;
  const refusal = refusalWarning(workers);
  const warnings = [
    ...(refusal === null ? [] : [refusal]),
    ...now.warnings,
    ...standing,
    ...(control?.warnings ?? []),
    ...(control?.endingExceptions ?? []).map((text) => `${text}: ${LIST_EXCEPTIONS}`),
  ].map((warning) => `${toned('warning', 'warning')}    ${printable(warning)}\n`);
  return `${text}\n${fitTable(COLUMNS, rows, terminalWidth()).text}${warnings.length === 0 ? '' : '\n'}${warnings.join('')}`;
}

function policyText(
  { name, file, hash, actions }: GatewayStatus['policy'],
  workers: readonly WorkerStatus[],
): string {
  if (file === null) return storedText(workers, actions ?? {});
  return `${printable(name, 'without a name')} (${file}, ${hash ?? 'not read'})`;
}

/** The versions that the directory keeps; workers may differ for a second after a change. */
function storedText(workers: readonly WorkerStatus[], actions: Readonly<Record<string, string>>): string {
  const { live = null, shadow = null, rollout = null } = workers[0]?.policies ?? {};
  const rolledOut =
    rollout === null
      ? ''
      : `; version ${rollout.version} for ${printable(extentText(rollout))}, since ${relativeTime(rollout.since)}`;
  const inShadow = `${rolledOut}${shadow === null ? '' : `; version ${shadow.version} in the shadow`}`;
  if (live === null) {
    const listed = Object.entries(actions).map(([name, action]) => `${name} ${action}`);
    const all = listed.length === 0 ? '' : `: ${listed.join(', ')}`;
    return `the actions under \`policy\` of the configuration${all}${inShadow}`;
  }
  return `version ${live.version} of the directory, ${printable(live.name, 'without a name')} (${live.hash})${inShadow}`;
}

function directoryText(workers: readonly WorkerStatus[]): string {
  const [first] = workers;
  if (first === undefined) return toned('bad', 'unknown: no worker answers');
  const away = workers.filter(({ health }) => !health.store).length;
  if (away > 0)
    return toned('bad', `${first.store}: does not answer to ${away} of ${workers.length} workers`);
  if (workers.some(({ health }) => isRefused(health.storeRefusal)))
    return `${first.store}: ${toned('bad', 'takes no changes')}; it can be read, and phones are served${changeText(first.position)}`;
  const oldest = Math.max(...workers.map(({ stateAgeMs }) => stateAgeMs));
  const age = `${(oldest / 1_000).toFixed(1)} s`;
  return `${first.store}; decisions and reports reach the workers, last confirmed ${oldest > OLD_STATE_MS ? toned('bad', age) : age} ago${changeText(first.position)}`;
}

/**
 * The last change that was read. SQLite: its number. Redis: its time, of all partitions (`PARTITION:MILLISECONDS-NUMBER`); all of
 * them are in `--json`.
 */
export function changeText(position: string | null): string {
  if (position === null) return '';
  if (!position.includes(':')) return ` (change number ${position})`;
  const times = position.split(' ').map((part) => Number(part.slice(part.indexOf(':') + 1).split('-', 1)[0]));
  const last = Math.max(...times);
  return Number.isSafeInteger(last) && last > 0 ? ` (last change ${isoTime(last)})` : ' (no change yet)';
}

/** Why requests failed, the most frequent cause first. */
function failureLines(failures: readonly FailureCount[]): (readonly [string, string])[] {
  const lines = failures.slice(0, MAX_FAILURES).map(({ code, meaning, count, lastMinute }): string => {
    const lately = `${number(lastMinute)} in the last minute`;
    return `${number(count)} with ${code}, ${lastMinute > 0 ? toned('bad', lately) : lately}: ${meaning}`;
  });
  const left = failures.length - lines.length;
  if (left > 0) lines.push(`and ${number(left)} more codes: --json`);
  return lines.map((line, index) => [index === 0 ? 'failed' : '', line] as const);
}

/** None where the configuration wants no control process. */
function controlLines(control: GatewayStatus['control']): (readonly [string, string])[] {
  if (control === null) return [];
  const { state, pid, status: own } = control;
  const process = pid === null ? '' : `, process ${pid}`;
  if (own === null) {
    const [tone, text] = CONTROL_STATES[state];
    return [['control', `${toned(tone, text)}${process}; phones are served without it`]];
  }
  const leader = own.leader.isLeader ? 'leader' : `follows ${printable(own.leader.holder, 'no leader')}`;
  return [
    [
      'control',
      `${toned('good', 'runs')}${process}, up ${span(own.uptimeSeconds * 1_000)}, ${leader}, ` +
        `${(own.memoryBytes / 1e6).toFixed(0)} MB`,
    ],
    ['read model', modelText(own.readModel)],
    ...(own.admin === null ? [] : [['dashboard', dashboardText(own.admin)] as const]),
  ];
}

function leaderText(holder: string | null): string {
  return holder === null
    ? 'no gateway leads, so none is run at the moment'
    : `the leader runs them: ${printable(holder)}`;
}

/** None where the configuration lists no feeds. Each gateway of a fleet remembers the runs that it made itself. */
function feedLines({ feeds, control }: Look): (readonly [string, string])[] {
  if (feeds.length === 0) return [];
  const leader = control?.status?.leader;
  if (leader !== undefined && !leader.isLeader)
    return [['feeds', `${numberText(feeds.length)} in the configuration; ${leaderText(leader.holder)}`]];
  const now = Date.now();
  return feeds.map((feed, index) => {
    const { name, remembered } = feed;
    const { lastSuccessAt, error, held } = remembered;
    const last = lastSuccessAt === null ? 'never applied' : `applied ${relativeTime(lastSuccessAt, now)}`;
    const why = held?.reasons.join('; ') ?? error?.message ?? '';
    const text = `${name} ${toned(toneOf(feed), stateText(feed))}, ${last}${why === '' ? '' : `: ${printable(why)}`}`;
    return [index === 0 ? 'feeds' : '', text];
  });
}

const CONTROL_STATES: Readonly<Record<ControlState['state'], readonly [Tone, string]>> = {
  starting: ['warning', 'starts'],
  running: ['good', 'runs'],
  silent: ['bad', 'does not answer'],
  down: ['bad', 'ended, starts again'],
};

function dashboardText({ url, trouble, missing = null }: NonNullable<ControlStatus['admin']>): string {
  if (trouble !== null) return `${toned('bad', 'is not served')}: ${printable(trouble)}`;
  if (url === null) return toned('warning', 'starts');
  return missing === null ? url : `${toned('bad', 'is not served')}: ${printable(missing)} at ${url}`;
}

function modelText({ phase, rows, ageMs, seenAgeMs, trouble }: ModelStatus): string {
  if (trouble !== null) return `${toned('bad', 'is not kept')}: ${printable(trouble)}`;
  const isWhole = phase === 'following' || phase === 'rebuilding';
  if (!isWhole) return toned('warning', `is being built, ${number(rows)} rows so far`);
  const age = ageMs === null ? '?' : `${(ageMs / 1_000).toFixed(1)} s`;
  const shown = ageMs === null || ageMs > OLD_STATE_MS ? toned('bad', age) : age;
  const anew = phase === 'rebuilding' ? toned('warning', 'is rebuilt, ') : '';
  return `${anew}${number(rows)} ${rows === 1 ? 'row' : 'rows'}, state ${shown} old, last seen ${seenAgeMs === null ? '?' : span(seenAgeMs)} old`;
}

interface Row {
  readonly worker: WorkerStatus | null;
}

const counter =
  (name: string) =>
  ({ worker }: Row): string =>
    worker === null ? '-' : number(worker.counters[name] ?? 0);

const COLUMNS: readonly Column<Row>[] = [
  {
    title: 'WORKER',
    cell: ({ worker }) => (worker === null ? { text: 'no answer', tone: 'bad' } : String(worker.pid)),
  },
  { title: 'UP', cell: ({ worker }) => (worker === null ? '-' : span(worker.uptimeSeconds * 1_000)) },
  { title: 'REQUESTS', cell: counter('requests') },
  { title: 'HELD POLLS', cell: counter('heldPolls') },
  { title: 'CONNECTIONS', cell: counter('connections'), spare: 2 },
  { title: 'FAILED', cell: counter('failed'), spare: 3 },
  {
    title: 'CPU',
    cell: ({ worker }) => (worker === null ? '-' : `${worker.cpuSeconds.toFixed(1)} s`),
    spare: 4,
  },
  {
    title: 'MEMORY',
    cell: ({ worker }) => (worker === null ? '-' : `${(worker.memoryBytes / 1e6).toFixed(0)} MB`),
    spare: 1,
  },
  { title: 'DIRECTORY', cell: ({ worker }) => directoryCell(worker) },
  { title: 'MAIL SERVER', cell: ({ worker }) => answers(worker?.health.mailServer) },
];

function directoryCell(worker: WorkerStatus | null): Cell {
  const isReadOnly = worker !== null && worker.health.store && isRefused(worker.health.storeRefusal);
  return isReadOnly ? { text: 'no changes', tone: 'bad' } : answers(worker?.health.store);
}

function answers(well: boolean | undefined): Cell {
  if (well === undefined) return '-';
  return well ? { text: 'answers', tone: 'good' } : { text: 'away', tone: 'bad' };
}

function number(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 });
}

/** A rate in two digits: phones that poll make few requests a minute. */
function rateText(value: number): string {
  return value < 10 ? value.toLocaleString('en', { maximumSignificantDigits: 2 }) : number(value);
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const;

/** A duration in its two largest units: `3h 12m`. */
function span(milliseconds: number): string {
  let seconds = Math.max(0, Math.round(milliseconds / 1_000));
  const parts: string[] = [];
  for (const [name, length] of UNITS) {
    const whole = Math.floor(seconds / length);
    seconds -= whole * length;
    if (whole > 0 || (name === 's' && parts.length === 0)) parts.push(`${whole}${name}`);
  }
  return parts.slice(0, 2).join(' ');
}

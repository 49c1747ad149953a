// Owns the work of `easgate users`: the list, one user in full, decisions on a user, and reports by hand.
import { numberText } from '../app/number-text.ts';
import type { Command } from 'commander';
import { describeDecision } from '../app/write-decision.ts';
import { clearUser, decideUser } from '../app/decide-user.ts';
import type { UserDecideResult } from '../app/decide-user.ts';
import { reportUser } from '../app/report-user.ts';
import { userLines } from '../app/export-lines.ts';
import { hintsFor } from '../app/list-hints.ts';
import { standingOfUser } from '../app/standing.ts';
import type { Standing } from '../app/standing.ts';
import { countUsers, listUsers, showUser } from '../app/users.ts';
import type { UserDetails } from '../app/users.ts';
import type { ModelUser } from '../directory/read-model/model-users.ts';
import type { AccessDecision } from '../model/decision.ts';
import { loginName, withStore } from './context.ts';
import { decidedUserText } from './decision-text.ts';
import { DRY_RUN } from './devices.ts';
import type { DecideOptions } from './devices.ts';
import { lastCell, nowCell } from './device-text.ts';
import { count, momentOf, printList, shownRows, timeWriter, withList } from './list-options.ts';
import type { ListOptions } from './list-options.ts';
import { print, printJson, printable, printableLines, warn } from './output.ts';
import { ask } from './remote/client.ts';
import { contextOf } from './remote/contexts.ts';
import { fromEither, refuseOwner } from './remote/either.ts';
import { momentText, printRemoteList, wordsText } from './remote/lists.ts';
import { fitTable, terminalWidth } from './table.ts';
import type { Cell, Column } from './table.ts';
import { timeText } from './time-text.ts';
import { exactIsoTime, parseMomentToCome } from '../app/times.ts';
import type { Tone } from './output.ts';

/** Options of `users list`. */
export interface UserOptions extends ListOptions {
  readonly user?: string;
  readonly state?: readonly string[];
  readonly seen?: string;
  readonly notSeen?: string;
  readonly minDevices?: string;
  readonly group?: string;
  readonly search?: string;
}

function number(value: number, tone: Tone): Cell {
  return value === 0 ? '-' : { text: String(value), tone };
}

/** `users list`. */
export function list(options: UserOptions, command: Command): Promise<void> {
  const time = timeWriter(options);
  const columns: Column<ModelUser>[] = [
    { title: 'USER', cell: ({ user }) => printable(user), min: 18 },
    { title: 'DEVICES', cell: ({ devices }) => (devices === 0 ? '-' : numberText(devices)) },
    { title: 'ALLOWED', cell: ({ states }) => number(states.allowed, 'good') },
    { title: 'QUARANTINED', cell: ({ states }) => number(states.quarantined, 'warning') },
    { title: 'BLOCKED', cell: ({ states }) => number(states.blocked + states.wiping, 'bad') },
    { title: 'FIRST SEEN', cell: ({ firstSeen }) => time(firstSeen), spare: 1 },
    { title: 'LAST SEEN', cell: ({ lastSeen }) => time(lastSeen) },
    { title: 'GROUPS', cell: ({ groups }) => printable(groups?.join(' ') ?? null, '-'), min: 8, spare: 2 },
  ];
  const filter = {
    user: options.user,
    group: options.group,
    search: options.search,
    states: options.state,
    seenSince: momentOf(options.seen, '--seen'),
    unseenSince: momentOf(options.notSeen, '--not-seen'),
    minDevices: options.minDevices === undefined ? undefined : count(options.minDevices, '--min-devices'),
  };
  const context = contextOf(command);
  if (context !== null) {
    const query = {
      user: options.user,
      group: options.group,
      search: options.search,
      state: wordsText(options.state),
      seen: momentText(filter.seenSince),
      notSeen: momentText(filter.unseenSince),
      minDevices: filter.minDevices,
    };
    return printRemoteList(context, 'users', query, options, {
      read: (page) => ask(context, 'listUsers', { query: { ...query, ...page } }),
      columns,
      none: 'no users',
      order: 'user',
    });
  }
  return withList(
    command,
    async ({ reader, store, origin }) =>
      printList(await shownRows(options, (request) => listUsers(reader, filter, request)), options, origin, {
        columns,
        none: 'no users',
        lines: (rows) => (store === null ? [] : userLines(store, rows)),
        total: () => countUsers(reader, filter),
        hints: () => hintsFor(reader, filter),
      }),
    options.format === 'ndjson',
  );
}

/** `users show`. */
export async function show(
  name: string,
  { json }: { readonly json?: true },
  command: Command,
): Promise<void> {
  const details: UserDetails & Standing = await fromEither(
    command,
    (context) => ask(context, 'showUser', { params: { user: name } }),
    async (store, config) => {
      const found = await showUser(store, name);
      return { ...found, ...(await standingOfUser(store, config, found, Date.now())) };
    },
  );
  if (json) printJson(details);
  else print(detailsText(details));
}

function detailsText({ user, names, partnerships, decisions, ...details }: UserDetails & Standing): string {
  const lines = [`user ${printable(user)}`, ...reportLines(user, details)];
  if (names.length > 1 || (names.length === 1 && names[0] !== user))
    lines.push(`logins: ${names.map((one) => printable(one)).join(', ')}`);
  for (const { device, decision } of decisions)
    lines.push(`decision on ${device}: ${describeDecision(decision)} by ${printable(decision.owner)}`);
  if (partnerships.length === 0) lines.push('has no partnership with a device');
  const columns: Column<UserDetails['partnerships'][number]>[] = [
    { title: 'DEVICE', cell: ({ record: seen }) => seen.device },
    { title: 'USER', cell: ({ record: seen }) => printable(seen.user), min: 18 },
    { title: 'TYPE', cell: ({ record: seen }) => printable(seen.deviceType, '-'), min: 8, spare: 2 },
    { title: 'MODEL', cell: ({ model }) => printable(model, '-'), min: 8, spare: 3 },
    { title: 'NOW', cell: ({ record: seen }) => nowCell(details.verdicts, seen), min: 20 },
    { title: 'LAST VERDICT', cell: lastCell, min: 20 },
    { title: 'LAST SEEN', cell: ({ record: seen }) => timeText(seen.lastSeen), spare: 1 },
  ];
  const shown = partnerships.length === 0 ? '' : `\n${fitTable(columns, partnerships, terminalWidth()).text}`;
  return `${lines.join('\n')}\n${shown}`;
}

function reportLines(
  user: string,
  { record, reports, decision }: Pick<UserDetails, 'record' | 'reports' | 'decision'>,
): string[] {
  const lines: string[] = [];
  if (decision !== null)
    lines.push(`decision on every device: ${describeDecision(decision)} by ${printable(decision.owner)}`);
  if (record === null) return lines;
  const others = [record.key, ...record.aliases].filter((name) => name !== user);
  if (others.length > 0) lines.push(`also named: ${listed(others)}`);
  if (record.groups !== null && record.groups.length > 0) lines.push(`groups: ${listed(record.groups)}`);
  if (record.enabled === false) lines.push('the account is disabled');
  for (const [name, value] of Object.entries(record.attributes))
    lines.push(`${printable(name)}: ${printable(String(value))}`);
  lines.push(
    `reported by: ${listed(
      reports.map(
        ({ key, source, observedAt }) =>
          `${source}${key === record.key ? '' : ` as ${key}`} ${timeText(observedAt)}`,
      ),
    )}`,
  );
  return lines;
}

function listed(texts: readonly string[]): string {
  return texts.map((text) => printable(text)).join(', ');
}

/** `users allow`, `block` and `quarantine`. */
export async function decideByHand(
  action: AccessDecision['action'],
  name: string,
  options: DecideOptions,
  command: Command,
): Promise<void> {
  const { reason = null, expires } = options;
  const expiresAt = expires === undefined ? null : parseMomentToCome(expires, '--expires');
  const dryRun = options.dryRun === true;
  const result: UserDecideResult = await fromEither(
    command,
    (context) => {
      refuseOwner(options);
      const end = exactIsoTime(expiresAt);
      const body = { action, reason, expiresAt: end, dryRun };
      return ask(context, 'decideUser', { params: { user: name }, body });
    },
    (store, _config, audit) => {
      const { owner = loginName() } = options;
      const decidedAt = Date.now();
      const decision = { action, owner, reason, decidedAt, expiresAt };
      return decideUser(store, name, decision, { by: owner, via: 'cli', at: decidedAt, dryRun }, audit);
    },
  );
  if (result.isUnknown)
    warn(`no feed reports ${printable(result.user)} and nobody signed in with that name: is it right?`);
  if (options.json) printJson({ ...result, ...(dryRun && { dryRun }) });
  else print(printableLines((dryRun ? DRY_RUN : '') + decidedUserText(result)));
}

/** `users clear`. */
export async function clear(
  name: string,
  { json }: { readonly json?: true },
  command: Command,
): Promise<void> {
  const result: Awaited<ReturnType<typeof clearUser>> = await fromEither(
    command,
    (context) => ask(context, 'clearUserDecision', { params: { user: name } }),
    (store, _config, audit) => clearUser(store, name, { by: loginName(), via: 'cli', at: Date.now() }, audit),
  );
  const { user, cleared } = result;
  if (json) printJson(result);
  else if (cleared === null) print(`nothing to clear: no decision on ${printable(user)} with every device\n`);
  else print(`cleared: ${printable(user)} (was: ${describeDecision(cleared)})\n`);
}

/** Options of `users set`. */
export interface SetOptions {
  readonly group?: readonly string[];
  readonly alias?: readonly string[];
  readonly enabled?: boolean;
  readonly removed?: true;
  readonly source: string;
  readonly json?: true;
}

/** `users set`. */
export function set(name: string, options: SetOptions, command: Command): Promise<void> {
  const values = {
    groups: options.group,
    aliases: options.alias,
    enabled: options.enabled,
    removed: options.removed,
  };
  return withStore(command, async (store, _config, audit) => {
    const origin = { source: options.source, by: loginName(), via: 'cli', now: Date.now() };
    const key = await reportUser(store, name, values, origin, audit);
    if (options.json) printJson((await showUser(store, name)).record);
    else print(`set: ${printable(key)}\n`);
  });
}

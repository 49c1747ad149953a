// Owns the work of `easgate users`: the list, and all data about one user.
import type { Command } from 'commander';
import { describeDecision } from '../app/decisions.ts';
import { modelOf, stateOf } from '../app/inventory.ts';
import { listUsers, showUser } from '../app/users.ts';
import type { UserDetails, UserRow } from '../app/users.ts';
import { withStore } from './context.ts';
import { stateCell } from './inventory.ts';
import { count, momentOf, orderOf, printList, timeWriter } from './list-options.ts';
import type { ListOptions } from './list-options.ts';
import { print, printJson, printable } from './output.ts';
import { fitTable, terminalWidth } from './table.ts';
import type { Cell, Column } from './table.ts';
import { isoTime } from './times.ts';
import type { Tone } from './output.ts';

/** Options of `users list`. */
export interface UserOptions extends ListOptions {
  readonly user?: string;
  readonly state?: readonly string[];
  readonly seen?: string;
  readonly notSeen?: string;
  readonly minDevices?: string;
}

function number(value: number, tone: Tone): Cell {
  return value === 0 ? '-' : { text: String(value), tone };
}

/** `users list`. */
export function list(options: UserOptions, command: Command): Promise<void> {
  const time = timeWriter(options);
  const columns: Column<UserRow>[] = [
    { title: 'USER', cell: ({ user }) => printable(user), min: 18 },
    { title: 'DEVICES', cell: ({ devices }) => String(devices) },
    { title: 'ALLOWED', cell: ({ states }) => number(states.allowed, 'good') },
    { title: 'QUARANTINED', cell: ({ states }) => number(states.quarantined, 'warning') },
    { title: 'BLOCKED', cell: ({ states }) => number(states.blocked + states.wiping, 'bad') },
    { title: 'FIRST SEEN', cell: ({ firstSeen }) => time(firstSeen), spare: 1 },
    { title: 'LAST SEEN', cell: ({ lastSeen }) => time(lastSeen) },
  ];
  const filter = {
    user: options.user,
    states: options.state,
    seenSince: momentOf(options.seen, '--seen'),
    unseenSince: momentOf(options.notSeen, '--not-seen'),
    minDevices: options.minDevices === undefined ? undefined : count(options.minDevices, '--min-devices'),
  };
  return withStore(command, async (store) => {
    printList(await listUsers(store, filter, orderOf(options)), options, { columns, none: 'no users' });
  });
}

/** `users show`. */
export function show(name: string, { json }: { readonly json?: true }, command: Command): Promise<void> {
  return withStore(command, async (store) => {
    const details = await showUser(store, name);
    if (json) printJson(details);
    else print(detailsText(details));
  });
}

function detailsText({ user, record, names, partnerships, decisions }: UserDetails): string {
  const lines = [`user ${printable(user)}`];
  if (record !== null && record.aliases.length > 0)
    lines.push(`aliases: ${record.aliases.map((alias) => printable(alias)).join(', ')}`);
  if (record !== null && record.groups.length > 0)
    lines.push(`groups: ${record.groups.map((group) => printable(group)).join(', ')}`);
  if (names.length > 1 || (names.length === 1 && names[0] !== user))
    lines.push(`logins: ${names.map((one) => printable(one)).join(', ')}`);
  for (const { device, decision } of decisions)
    lines.push(`decision on ${device}: ${describeDecision(decision)} by ${printable(decision.owner)}`);
  if (partnerships.length === 0) lines.push('has no partnership with a device');
  const columns: Column<UserDetails['partnerships'][number]>[] = [
    { title: 'DEVICE', cell: ({ record: seen }) => seen.device },
    { title: 'USER', cell: ({ record: seen }) => printable(seen.user), min: 18 },
    { title: 'TYPE', cell: ({ record: seen }) => printable(seen.deviceType, '-'), min: 8, spare: 2 },
    { title: 'MODEL', cell: (seen) => printable(modelOf(null, seen), '-'), min: 8, spare: 3 },
    { title: 'STATE', cell: (seen) => stateCell(stateOf(seen)) },
    { title: 'REASON', cell: ({ record: seen }) => printable(seen.lastReason, '-') },
    { title: 'LAST SEEN', cell: ({ record: seen }) => isoTime(seen.lastSeen), spare: 1 },
  ];
  const shown = partnerships.length === 0 ? '' : `\n${fitTable(columns, partnerships, terminalWidth()).text}`;
  return `${lines.join('\n')}\n${shown}`;
}

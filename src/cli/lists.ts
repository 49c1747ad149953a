// Owns the work of `easgate devices list`, `partnerships list` and `decisions list`: filters, columns.
import type { Command } from 'commander';
import { countDecisions, listDecisions } from '../app/decision-list.ts';
import type { DecisionRow } from '../app/decision-list.ts';
import type { DecisionState } from '../app/decision-words.ts';
import { wipeText } from '../app/write-decision.ts';
import { hintsFor } from '../app/list-hints.ts';
import {
  countDevices,
  filterTexts,
  listDevices as pageOfDevices,
  listPartnerships as pageOfPartnerships,
} from '../app/device-list.ts';
import type { DeviceFilter } from '../app/device-list.ts';
import type { ModelRow } from '../directory/read-model/model-row.ts';
import { decisionLines, deviceLines } from '../app/export-lines.ts';
import type { AccessState } from '../model/access-state.ts';
import type { QueryOf } from '../api/contract/operations.ts';
import { momentOf, printList, shownRows, timeWriter, withList } from './list-options.ts';
import type { ListOptions } from './list-options.ts';
import { printable } from './output.ts';
import { ask } from './remote/client.ts';
import { contextOf } from './remote/contexts.ts';
import { flagWord, momentText, printRemoteList, wordsText } from './remote/lists.ts';
import type { Tone } from './output.ts';
import type { Cell, Column } from './table.ts';
import { parseMomentToCome } from '../app/times.ts';

/** Options of `devices list` and `partnerships list`. */
export interface DeviceListOptions extends ListOptions {
  readonly user?: string;
  readonly device?: string;
  readonly state?: readonly string[];
  readonly reason?: readonly string[];
  readonly seen?: string;
  readonly notSeen?: string;
  readonly type?: string;
  readonly model?: string;
  readonly os?: string;
  readonly group?: string;
  readonly reported?: boolean;
  readonly managed?: boolean | null;
  readonly compliant?: boolean | null;
  readonly decision?: readonly string[];
  readonly openWipe?: boolean;
  readonly exception?: boolean;
  readonly search?: string;
}

function filterOf(options: DeviceListOptions): DeviceFilter {
  return {
    ...filterTexts(options),
    states: options.state,
    reasons: options.reason,
    decisions: options.decision,
    seenSince: momentOf(options.seen, '--seen'),
    unseenSince: momentOf(options.notSeen, '--not-seen'),
    reported: options.reported,
    managed: options.managed,
    compliant: options.compliant,
    openWipe: options.openWipe,
    exceptionsAt: options.exception === true ? Date.now() : undefined,
  };
}

const STATE_TONES: Readonly<Record<AccessState, Tone>> = {
  allowed: 'good',
  quarantined: 'warning',
  blocked: 'bad',
  wiping: 'bad',
  unseen: 'quiet',
};

/** A state in its colour. */
export function stateCell(state: AccessState): Cell {
  return { text: state, tone: STATE_TONES[state] };
}

type Times = (at: number | null | undefined) => string;

/** Verdicts by the state that they put a phone into. */
const VERDICTS: Readonly<Record<AccessState, string>> = {
  allowed: 'allow',
  quarantined: 'quarantine',
  blocked: 'block',
  wiping: 'wipe',
  unseen: '-',
};

/** The verdict that the gateway last gave, in the colour of its state. */
export function verdictCell({ state, reason }: Pick<ModelRow, 'state' | 'reason'>): Cell {
  if (state === 'unseen') return '-';
  return { text: printable(`${VERDICTS[state]} (${reason ?? '?'})`), tone: STATE_TONES[state] };
}

function deviceColumns(time: Times): Column<ModelRow>[] {
  const now = Date.now();
  return [
    { title: 'DEVICE', cell: ({ device }) => device },
    { title: 'USER', cell: ({ user }) => printable(user, '-'), min: 18 },
    { title: 'TYPE', cell: ({ deviceType }) => printable(deviceType, '-'), min: 8, spare: 4 },
    { title: 'MODEL', cell: ({ model }) => printable(model, '-'), min: 8, spare: 3 },
    { title: 'MANAGED', cell: ({ managed }) => yesNo(managed), spare: 6 },
    { title: 'COMPLIANT', cell: ({ compliant }) => yesNo(compliant), spare: 5 },
    { title: 'LAST VERDICT', cell: verdictCell, min: 20 },
    { title: 'LAST SEEN', cell: ({ lastSeen }) => time(lastSeen), spare: 1 },
    { title: 'DECISION', cell: decisionText, min: 10 },
    { title: 'UNTIL', cell: (row) => until(row, time, now), spare: 2 },
    { title: 'BY', cell: ({ decisionBy }) => printable(decisionBy, '-'), min: 6, spare: 7 },
    { title: 'REASON', cell: ({ decisionReason }) => printable(decisionReason, '-'), min: 12, spare: 8 },
  ];
}

function decisionText({ unreadableRecords, decision, decisionSource, wipe }: ModelRow): Cell {
  if (unreadableRecords.length > 0)
    return { text: `malformed: ${printable(unreadableRecords.join(', '))}`, tone: 'bad' };
  if (decision === null) return '-';
  if (wipe !== null) return wipeText(decision, wipe);
  return decisionSource === null ? decision : `${decision} (${printable(decisionSource)})`;
}

function until({ decisionExpiresAt: expiresAt }: ModelRow, time: Times, now: number): string {
  if (expiresAt === null) return '-';
  return time(expiresAt) + (expiresAt <= now ? ' (over)' : '');
}

function yesNo(value: boolean | null): Cell {
  if (value === null) return { text: '?', tone: 'quiet' };
  return value ? 'yes' : { text: 'no', tone: 'bad' };
}

function partnershipColumns(time: Times): Column<ModelRow>[] {
  return [
    { title: 'USER', cell: ({ user }) => printable(user, '-'), min: 18 },
    { title: 'DEVICE', cell: ({ device }) => device },
    { title: 'TYPE', cell: ({ deviceType }) => printable(deviceType, '-'), min: 8, spare: 3 },
    { title: 'MODEL', cell: ({ model }) => printable(model, '-'), min: 8, spare: 4 },
    { title: 'SYSTEM', cell: ({ os }) => printable(os, '-'), min: 8, spare: 6 },
    { title: 'VERSION', cell: ({ protocolVersion }) => printable(protocolVersion, '-'), spare: 5 },
    { title: 'CLIENT', cell: ({ userAgent }) => printable(userAgent, '-'), min: 12, spare: 7 },
    { title: 'LAST VERDICT', cell: verdictCell, min: 20 },
    { title: 'FIRST SEEN', cell: ({ firstSeen }) => time(firstSeen), spare: 2 },
    { title: 'LAST SEEN', cell: ({ lastSeen }) => time(lastSeen), spare: 1 },
  ];
}

/** Whether whole records are needed, which only the directory has. */
function needsRecords({ format }: ListOptions): boolean {
  return format === 'ndjson';
}

/** `devices list`. */
export function listDevices(options: DeviceListOptions, command: Command): Promise<void> {
  return listRows(options, command, pageOfDevices, deviceColumns(timeWriter(options)), 'no devices');
}

/** `partnerships list`. */
export function listPartnerships(options: DeviceListOptions, command: Command): Promise<void> {
  const columns = partnershipColumns(timeWriter(options));
  return listRows(options, command, pageOfPartnerships, columns, 'no partnerships');
}

/** The filter as the API takes it. */
function deviceQuery(options: DeviceListOptions, onlyPartnerships: boolean): QueryOf<'countDevices'> {
  const { seenSince, unseenSince } = filterOf(options);
  return {
    ...filterTexts(options),
    state: wordsText(options.state),
    reason: wordsText(options.reason),
    decision: wordsText(options.decision),
    seen: momentText(seenSince),
    notSeen: momentText(unseenSince),
    reported: flagWord(options.reported),
    managed: flagWord(options.managed),
    compliant: flagWord(options.compliant),
    ...(options.openWipe === true && { openWipe: 'true' as const }),
    ...(options.exception === true && { exception: 'true' as const }),
    ...(onlyPartnerships && { partnerships: 'true' as const }),
  };
}

function listRows(
  options: DeviceListOptions,
  command: Command,
  read: typeof pageOfDevices,
  columns: readonly Column<ModelRow>[],
  none: string,
): Promise<void> {
  const filter = filterOf(options);
  const context = contextOf(command);
  if (context !== null) {
    const query = deviceQuery(options, read === pageOfPartnerships);
    return printRemoteList(context, 'devices', query, options, {
      read: (page) => ask(context, 'listDevices', { query: { ...query, ...page } }),
      columns,
      none,
      order: 'device',
    });
  }
  return withList(
    command,
    async ({ reader, store, origin }) =>
      printList(await shownRows(options, (request) => read(reader, filter, request)), options, origin, {
        columns,
        none,
        lines: (rows) => (store === null ? [] : deviceLines(store, rows)),
        total: () => countDevices(reader, filter, Date.now()).all,
        hints: () => hintsFor(reader, filter),
      }),
    needsRecords(options),
  );
}

/** Options of `decisions list`. */
export interface DecisionOptions extends ListOptions {
  readonly device?: string;
  readonly user?: string;
  readonly action?: readonly string[];
  readonly state?: readonly string[];
  readonly source?: string;
  readonly by?: string;
  readonly decided?: string;
  readonly ends?: string;
  readonly search?: string;
}

const DECISION_TONES: Readonly<Record<DecisionState, Tone>> = {
  active: 'good',
  expired: 'quiet',
  pending: 'warning',
  failed: 'bad',
  suspended: 'warning',
  acknowledged: 'quiet',
};

/** `decisions list`. */
export function listAllDecisions(options: DecisionOptions, command: Command): Promise<void> {
  const { device, user, source, by, search, ends } = options;
  const time = timeWriter(options);
  const columns: Column<DecisionRow>[] = [
    { title: 'DEVICE', cell: (row) => row.device ?? 'every device' },
    { title: 'USER', cell: (row) => printable(row.user, 'every user'), min: 18 },
    { title: 'DECISION', cell: ({ decision }) => decision.action },
    { title: 'FROM', cell: ({ source: feed }) => printable(feed, 'operator'), spare: 5 },
    { title: 'STATE', cell: ({ state }) => ({ text: state, tone: DECISION_TONES[state] }) },
    { title: 'DECIDED', cell: ({ decision }) => time(decision.decidedAt), spare: 2 },
    { title: 'UNTIL', cell: ({ decision }) => time(decision.expiresAt), spare: 1 },
    { title: 'BY', cell: ({ decision }) => printable(decision.owner), min: 6, spare: 3 },
    { title: 'REASON', cell: ({ decision }) => printable(decision.reason, '-'), min: 12, spare: 4 },
  ];
  const filter = {
    device,
    user,
    source,
    by,
    search,
    actions: options.action,
    states: options.state,
    decidedSince: momentOf(options.decided, '--decided'),
    endsBefore: ends === undefined ? undefined : parseMomentToCome(ends, '--ends'),
  };
  const context = contextOf(command);
  if (context !== null) {
    const query = {
      device,
      user,
      source,
      by,
      search,
      action: wordsText(options.action),
      state: wordsText(options.state),
      decided: momentText(filter.decidedSince),
      endsWithin: momentText(filter.endsBefore),
    };
    return printRemoteList(context, 'decisions', query, options, {
      read: (page) => ask(context, 'listDecisions', { query: { ...query, ...page } }),
      columns,
      none: 'no decisions',
      order: 'device,user',
    });
  }
  return withList(command, async ({ reader, origin }) =>
    printList(
      await shownRows(options, (request) => listDecisions(reader, filter, request, Date.now())),
      options,
      origin,
      {
        columns,
        none: 'no decisions',
        lines: decisionLines,
        total: () => countDecisions(reader, filter, Date.now()),
        hints: () => hintsFor(reader, filter),
      },
    ),
  );
}

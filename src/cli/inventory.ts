// Owns the work of `easgate devices list`, `partnerships list` and `decisions list`: filters, columns.
import type { Command } from 'commander';
import { listDecisions } from '../app/decision-list.ts';
import type { DecisionRow, DecisionState } from '../app/decision-list.ts';
import { decisionLines, deviceLines } from '../app/export-lines.ts';
import { describeDecision } from '../app/decisions.ts';
import { decisionOf, listInventory, modelOf, systemOf, unreadableOf } from '../app/inventory.ts';
import type { InventoryFilter, InventoryRow } from '../app/inventory.ts';
import type { AccessState } from '../model/access-state.ts';
import { withStore } from './context.ts';
import { momentOf, orderOf, printList, timeWriter, yesNoUnknown } from './list-options.ts';
import type { ListOptions } from './list-options.ts';
import { printable } from './output.ts';
import type { Tone } from './output.ts';
import type { Cell, Column } from './table.ts';
import { parseMomentToCome } from '../app/times.ts';

/** Options of `devices list` and `partnerships list`. */
export interface InventoryOptions extends ListOptions {
  readonly user?: string;
  readonly device?: string;
  readonly state?: readonly string[];
  readonly reason?: readonly string[];
  readonly seen?: string;
  readonly notSeen?: string;
  readonly type?: string;
  readonly model?: string;
  readonly os?: string;
  readonly managed?: string;
  readonly compliant?: string;
  readonly decision?: readonly string[];
  readonly search?: string;
}

function filterOf(options: InventoryOptions): InventoryFilter {
  const { user, device, type, model, os, search } = options;
  return {
    user,
    device,
    type,
    model,
    os,
    search,
    states: options.state,
    reasons: options.reason,
    decisions: options.decision,
    seenSince: momentOf(options.seen, '--seen'),
    unseenSince: momentOf(options.notSeen, '--not-seen'),
    managed: yesNoUnknown(options.managed, '--managed'),
    compliant: yesNoUnknown(options.compliant, '--compliant'),
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

/** The verdict that the gateway last gave, in the colour of its state. */
function verdictCell({ partnership, state }: InventoryRow): Cell {
  if (partnership === null) return '-';
  const { lastVerdict, lastReason } = partnership.record;
  return { text: printable(`${lastVerdict} (${lastReason})`), tone: STATE_TONES[state] };
}

function deviceColumns(time: Times): Column<InventoryRow>[] {
  const now = Date.now();
  return [
    { title: 'DEVICE', cell: ({ device }) => device },
    { title: 'USER', cell: ({ user }) => printable(user, '-'), min: 18 },
    {
      title: 'TYPE',
      cell: ({ partnership }) => printable(partnership?.record.deviceType ?? null, '-'),
      min: 8,
      spare: 4,
    },
    {
      title: 'MODEL',
      cell: ({ listing, partnership }) => printable(modelOf(listing, partnership), '-'),
      min: 8,
      spare: 3,
    },
    { title: 'MANAGED', cell: ({ listing }) => yesNo(listing?.record?.managed), spare: 6 },
    { title: 'COMPLIANT', cell: ({ listing }) => yesNo(listing?.record?.compliant), spare: 5 },
    { title: 'LAST VERDICT', cell: verdictCell, min: 20 },
    { title: 'LAST SEEN', cell: ({ partnership }) => time(partnership?.record.lastSeen), spare: 1 },
    { title: 'DECISION', cell: (row) => decisionText(row), min: 10 },
    { title: 'UNTIL', cell: (row) => until(row, time, now), spare: 2 },
    { title: 'BY', cell: (row) => printable(decisionOf(row)?.owner ?? null, '-'), min: 6, spare: 7 },
    { title: 'REASON', cell: (row) => printable(decisionOf(row)?.reason ?? null, '-'), min: 12, spare: 8 },
  ];
}

function decisionText(row: InventoryRow): Cell {
  const unreadable = unreadableOf(row);
  if (unreadable.length > 0) return { text: `malformed: ${printable(unreadable.join(', '))}`, tone: 'bad' };
  const decision = decisionOf(row);
  return decision === null ? '-' : describeDecision(decision);
}

function until(row: InventoryRow, time: Times, now: number): string {
  const expiresAt = decisionOf(row)?.expiresAt ?? null;
  if (expiresAt === null) return '-';
  return time(expiresAt) + (expiresAt <= now ? ' (over)' : '');
}

function yesNo(value: boolean | null | undefined): Cell {
  if (value === null || value === undefined) return { text: '?', tone: 'quiet' };
  return value ? 'yes' : { text: 'no', tone: 'bad' };
}

function partnershipColumns(time: Times): Column<InventoryRow>[] {
  return [
    { title: 'USER', cell: ({ user }) => printable(user, '-'), min: 18 },
    { title: 'DEVICE', cell: ({ device }) => device },
    {
      title: 'TYPE',
      cell: ({ partnership }) => printable(partnership?.record.deviceType ?? null, '-'),
      min: 8,
      spare: 3,
    },
    {
      title: 'MODEL',
      cell: ({ listing, partnership }) => printable(modelOf(listing, partnership), '-'),
      min: 8,
      spare: 4,
    },
    {
      title: 'SYSTEM',
      cell: ({ listing, partnership }) => printable(systemOf(listing, partnership), '-'),
      min: 8,
      spare: 6,
    },
    {
      title: 'VERSION',
      cell: ({ partnership }) => printable(partnership?.record.protocolVersion ?? null, '-'),
      spare: 5,
    },
    {
      title: 'CLIENT',
      cell: ({ partnership }) => printable(partnership?.record.userAgent ?? null, '-'),
      min: 12,
      spare: 7,
    },
    { title: 'LAST VERDICT', cell: verdictCell, min: 20 },
    { title: 'FIRST SEEN', cell: ({ partnership }) => time(partnership?.record.firstSeen), spare: 2 },
    { title: 'LAST SEEN', cell: ({ partnership }) => time(partnership?.record.lastSeen), spare: 1 },
  ];
}

/** `devices list`. */
export function listDevices(options: InventoryOptions, command: Command): Promise<void> {
  return withStore(command, async (store) => {
    const listing = await listInventory(store, filterOf(options), orderOf(options));
    printList(listing, options, {
      columns: deviceColumns(timeWriter(options)),
      none: 'no devices',
      lines: deviceLines,
    });
  });
}

/** `partnerships list`. */
export function listPartnerships(options: InventoryOptions, command: Command): Promise<void> {
  return withStore(command, async (store) => {
    const only = { onlyPartnerships: true };
    const listing = await listInventory(store, filterOf(options), orderOf(options), only);
    printList(listing, options, {
      columns: partnershipColumns(timeWriter(options)),
      none: 'no partnerships',
      lines: deviceLines,
    });
  });
}

/** Options of `decisions list`. */
export interface DecisionOptions extends ListOptions {
  readonly device?: string;
  readonly user?: string;
  readonly action?: readonly string[];
  readonly state?: readonly string[];
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
  const { device, user, by, search, ends } = options;
  const time = timeWriter(options);
  const columns: Column<DecisionRow>[] = [
    { title: 'DEVICE', cell: (row) => row.device ?? 'every device' },
    { title: 'USER', cell: (row) => printable(row.user, 'every user'), min: 18 },
    { title: 'DECISION', cell: ({ decision }) => decision.action },
    { title: 'STATE', cell: ({ state }) => ({ text: state, tone: DECISION_TONES[state] }) },
    { title: 'DECIDED', cell: ({ decision }) => time(decision.decidedAt), spare: 2 },
    { title: 'UNTIL', cell: ({ decision }) => time(decision.expiresAt), spare: 1 },
    { title: 'BY', cell: ({ decision }) => printable(decision.owner), min: 6, spare: 3 },
    { title: 'REASON', cell: ({ decision }) => printable(decision.reason, '-'), min: 12, spare: 4 },
  ];
  const filter = {
    device,
    user,
    by,
    search,
    actions: options.action,
    states: options.state,
    decidedSince: momentOf(options.decided, '--decided'),
    endsBefore: ends === undefined ? undefined : parseMomentToCome(ends, '--ends'),
  };
  return withStore(command, async (store) => {
    const listing = await listDecisions(store, filter, orderOf(options), Date.now());
    printList(listing, options, { columns, none: 'no decisions', lines: decisionLines });
  });
}

// Owns the work of `easgate policy history`.
import type { Command } from 'commander';
import { policyHistory } from '../app/policy-history.ts';
import type { PolicyHistoryEntry } from '../app/policy-history.ts';
import { isoTime } from '../app/times.ts';
import { extentText } from '../model/rollout-text.ts';
import { ask } from './remote/client.ts';
import type { Context } from './remote/contexts.ts';
import type { DocumentOf } from './remote/documents.ts';
import { fromEither } from './remote/either.ts';
import { print, printJson, printable, remark, warn } from './output.ts';
import { numberOf } from './policy-change.ts';
import { fitTable, terminalWidth } from './table.ts';
import type { Cell, Column } from './table.ts';

const DEFAULT_ROWS = 20;

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
  else {
    const { text, hidden } = fitTable(HISTORY, entries, terminalWidth());
    print(text);
    if (hidden.length > 0) remark(`hidden, as the terminal is narrow: ${hidden.join(', ')}`);
  }
}

/** Most versions that the API lists at once. */
const VERSIONS_AT_ONCE = 100;

async function historyThere(context: Context, most: number): Promise<PolicyHistoryEntry[]> {
  const entries: PolicyHistoryEntry[] = [];
  let after: number | null = null;
  do {
    const limit = Math.min(most - entries.length, VERSIONS_AT_ONCE);
    const query = { limit, ...(after !== null && { after }) };
    const page: DocumentOf<'listPolicyVersions'> = await ask(context, 'listPolicyVersions', { query });
    entries.push(...page.rows);
    after = page.next;
  } while (after !== null && entries.length < most);
  return entries;
}

const HISTORY: readonly Column<PolicyHistoryEntry>[] = [
  { title: 'VERSION', cell: ({ version }) => String(version) },
  {
    title: '',
    cell: placeCell,
  },
  { title: 'SHADOW', cell: ({ shadowAt }) => timeText(shadowAt), spare: 4 },
  { title: 'ROLLED OUT', cell: ({ rolledOutAt }) => timeText(rolledOutAt) },
  { title: 'TO', cell: reachText, min: 12, spare: 2 },
  { title: 'PUBLISHED', cell: publishedText },
  { title: 'BY', cell: ({ author }) => printable(author) },
  { title: 'NAME', cell: ({ name }) => printable(name, '-'), min: 12, spare: 3 },
  { title: 'COMMENT', cell: commentText, min: 12, spare: 1 },
  { title: 'HASH', cell: ({ hash }) => hash, spare: 5 },
];

function placeCell({ place, rolledBackAt }: PolicyHistoryEntry): Cell {
  if (place !== null) return { text: place, tone: place === 'live' ? 'good' : 'warning' };
  return typeof rolledBackAt === 'number' ? `rolled back ${isoTime(rolledBackAt)}` : '';
}

/** Why it was added, and why it came to decide. */
function commentText({ comment, liveComment }: PolicyHistoryEntry): string {
  const both = [comment, liveComment].filter((one) => typeof one === 'string');
  return both.length === 0 ? '-' : printable(both.join('; '));
}

/** Of a version from before its steps were kept, only the time at which it was added is known. */
function publishedText({ at, shadowAt, rolledOutAt, publishedAt }: PolicyHistoryEntry): string {
  const isUnknown = shadowAt === null && rolledOutAt === null && publishedAt === null;
  return isUnknown ? `added ${isoTime(at)}` : timeText(publishedAt);
}

function timeText(at: number | null): string {
  return at === null ? '-' : isoTime(at);
}

function reachText({ rolledOutTo, abandonedAt }: PolicyHistoryEntry): string {
  if (rolledOutTo === null) return '-';
  const abandoned = abandonedAt === null ? '' : `, abandoned ${isoTime(abandonedAt)}`;
  return printable(`${extentText(rolledOutTo)}${abandoned}`);
}

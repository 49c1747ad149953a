// Owns the work of `easgate journal` and `easgate audit`: queries as tables, JSON and CSV, export, and following.
import { numberText } from '../app/number-text.ts';
import type { Command } from 'commander';
import { followEntries, journalFilter, namesInDirectory, newestEntries } from '../app/journal.ts';
import { journalOptions } from '../config/journal-settings.ts';
import { failureOf, withoutChange } from '../directory/failure.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { UserNames } from '../identity/user-names.ts';
import type { UserKey } from '../identity/keys.ts';
import type { JournalFilter, JournalStore, StreamEntries, StreamName } from '../journal/journal-store.ts';
import { openJournalStore } from '../journal/open-journal.ts';
import type { AuditEntry, JournalEntry } from '../model/journal.ts';
import { configPath } from './config-path.ts';
import { withStore } from './context.ts';
import { csvHeader, csvRows, csvText } from '../app/csv.ts';
import type { CsvColumn } from '../app/csv.ts';
import { count, momentOf } from './list-options.ts';
import { watchReader } from './pipe-reader.ts';
import { outputWriter, print, printJson, printable, remark, warn } from './output.ts';
import { contextOf } from './remote/contexts.ts';
import { followRemote, remoteEntries } from './remote/journal.ts';
import type { JournalQuestion } from './remote/journal.ts';
import { momentText, wordsText } from './remote/lists.ts';
import { fitTable, terminalWidth } from './table.ts';
import type { Column } from './table.ts';
import { isoTime, relativeTime, withIsoTimes } from '../app/times.ts';
import { ENTRY_COLUMNS, entryDocument, entryLine } from '../app/journal-lines.ts';

/** Options of `query`, `export` and `follow`. */
export interface JournalOptions {
  readonly user?: string;
  readonly device?: string;
  readonly kind?: readonly string[];
  readonly operation?: readonly string[];
  readonly reason?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly by?: string;
  readonly limit?: string;
  readonly relative?: true;
  readonly json?: true;
  readonly csv?: true;
}

const DEFAULT_ROWS = 50;

/** `journal query` and `audit query`. */
export function query(stream: StreamName, options: JournalOptions, command: Command): Promise<void> {
  return stream === 'journal'
    ? queryStream(stream, columnsOfJournal(options), options, command)
    : queryStream(stream, columnsOfAudit(options), options, command);
}

function queryStream<S extends StreamName>(
  stream: S,
  columns: readonly Column<StreamEntries[S]>[],
  options: JournalOptions,
  command: Command,
): Promise<void> {
  return withPages(stream, options, command, DEFAULT_ROWS, (pages, limit) =>
    printNewest(pages, limit, options, columns, ENTRY_COLUMNS[stream]),
  );
}

/** `journal export` and `audit export`: one JSON object a line, or CSV. */
export function exportEntries(stream: StreamName, options: JournalOptions, command: Command): Promise<void> {
  return stream === 'journal'
    ? exportStream(stream, ENTRY_COLUMNS.journal, options, command)
    : exportStream(stream, ENTRY_COLUMNS.audit, options, command);
}

function exportStream<S extends StreamName>(
  stream: S,
  csv: readonly CsvColumn<StreamEntries[S]>[],
  options: JournalOptions,
  command: Command,
): Promise<void> {
  return withPages(stream, options, command, Infinity, (pages) => writeAll(pages, options, csv));
}

/** Pages of the entries that the options ask for. `Entry`: of the stream. */
type Pages<Entry> = AsyncIterable<{ readonly entries: readonly Entry[]; readonly unreadable: number }>;

/** Asks for what the options say, here or through the admin API; `rows`: without `--limit`. */
async function withPages<S extends StreamName>(
  stream: S,
  options: JournalOptions,
  command: Command,
  rows: number,
  work: (pages: Pages<StreamEntries[S]>, limit: number) => Promise<void>,
): Promise<void> {
  const limit = options.limit === undefined ? rows : count(options.limit, '--limit');
  const context = contextOf(command);
  if (context !== null) {
    await work(remoteEntries(context, stream, questionOf(options), limit), limit);
    return;
  }
  await withJournal(command, async (store) => {
    const filter = await filterOf(stream, options, command);
    await work(newestEntries(store, stream, filter, limit), limit);
  });
}

/** The options as the API takes them. */
function questionOf(options: JournalOptions): JournalQuestion {
  const { user, device, by } = options;
  const [kind, operation] = [wordsText(options.kind), wordsText(options.operation)];
  const reason = wordsText(options.reason);
  const since = momentText(momentOf(options.since, '--since'));
  const until = momentText(momentOf(options.until, '--until'));
  return { user, device, by, kind, operation, reason, since, until };
}

/** `journal follow`: until it is interrupted. */
export async function follow(options: JournalOptions, command: Command): Promise<void> {
  const write = outputWriter();
  const show = (entry: JournalEntry): Promise<boolean> =>
    write(options.json ? entryLine(entry) : `${lineOf(entry)}\n`);
  const context = contextOf(command);
  if (context !== null) {
    // Nothing is open but the connection to the API.
    const endWatch = await watchReader(() => process.exit());
    await followRemote(context, questionOf(options), show).finally(endWatch);
    return;
  }
  const end = new AbortController();
  const endWatch = await watchReader(() => end.abort());
  await withJournal(command, async (store, config) => {
    const filter = await filterOf('journal', options, command);
    const names = new UserNames(config.identity.domains);
    for await (const { entry } of followEntries(store, 'journal', filter, {
      names,
      signal: end.signal,
      onTrouble: tellTrouble,
    }))
      if (!(await show(entry))) return;
  }).finally(endWatch);
}

function tellTrouble(error: Error | null): void {
  if (error === null) remark('the journal answers again');
  else warn(`the journal cannot be read: ${withoutChange(failureOf(error).message)}`);
}

async function withJournal(
  command: Command,
  work: (store: JournalStore, config: Config) => Promise<void>,
): Promise<void> {
  const config = loadConfig(configPath(command));
  const store = await openJournalStore(journalOptions(config));
  try {
    await work(store, config);
  } finally {
    await store.close();
  }
}

/** A directory that is away does not keep anybody from asking the journal. */
function filterOf(stream: StreamName, options: JournalOptions, command: Command): Promise<JournalFilter> {
  const { user, device, kind, operation, reason, by } = options;
  const namesOf = (name: UserKey): Promise<readonly UserKey[]> =>
    withStore(command, (store) => namesInDirectory(store, name)).catch((error: unknown) => {
      warn(`other names of ${printable(name)} are not known: ${withoutChange(failureOf(error).message)}`);
      return [];
    });
  const [since, until] = [momentOf(options.since, '--since'), momentOf(options.until, '--until')];
  return journalFilter(
    stream,
    { user, device, kinds: kind ?? operation, reasons: reason, since, until, by },
    namesOf,
  );
}

async function printNewest<Entry extends JournalEntry | AuditEntry>(
  pages: Pages<Entry>,
  limit: number,
  options: JournalOptions,
  columns: readonly Column<Entry>[],
  csv: readonly CsvColumn<Entry>[],
): Promise<void> {
  const found: Entry[] = [];
  let unreadable = 0;
  for await (const page of pages) {
    found.push(...page.entries);
    unreadable += page.unreadable;
  }
  if (options.json) printJson(found.map(entryDocument));
  else if (options.csv) print(csvText(csv, found));
  else if (found.length === 0) print('no entries\n');
  else {
    const { text, hidden } = fitTable(columns, found, terminalWidth());
    print(text);
    if (found.length === limit) remark(`the newest ${limit}: --limit for more`);
    if (hidden.length > 0) remark(`hidden, as the terminal is narrow: ${hidden.join(', ')}`);
  }
  tellUnreadable(unreadable);
}

async function writeAll<Entry extends JournalEntry | AuditEntry>(
  pages: Pages<Entry>,
  options: JournalOptions,
  csv: readonly CsvColumn<Entry>[],
): Promise<void> {
  const write = outputWriter();
  if (options.csv) await write(csvHeader(csv));
  let unreadable = 0;
  for await (const page of pages) {
    unreadable += page.unreadable;
    const text = options.csv ? csvRows(csv, page.entries) : page.entries.map(entryLine).join('');
    if (!(await write(text))) return;
  }
  tellUnreadable(unreadable);
}

function tellUnreadable(number: number): void {
  if (number > 0) warn(`left out, as this version does not understand them: ${numberText(number)} entries`);
}

function timeOf({ relative }: JournalOptions): (entry: { readonly at: number }) => string {
  const now = Date.now();
  return ({ at }) => (relative ? relativeTime(at, now) : isoTime(at));
}

function columnsOfJournal(options: JournalOptions): readonly Column<JournalEntry>[] {
  return [
    { title: 'TIME', cell: timeOf(options) },
    { title: 'KIND', cell: ({ kind }) => kind },
    { title: 'COUNT', cell: (entry) => numberText(entry.count), spare: 2 },
    { title: 'USER', cell: ({ user }) => printable(user, '-'), min: 12 },
    { title: 'DEVICE', cell: ({ device }) => printable(device, '-') },
    { title: 'VERDICT', cell: verdictText, min: 8 },
    { title: 'MORE', cell: moreText, min: 12, spare: 1 },
  ];
}

/** One line of `follow`. */
function lineOf(entry: JournalEntry): string {
  const { at, kind, user, device } = entry;
  const times = entry.count > 1 ? [`${numberText(entry.count)} times`] : [];
  const parts = [printable(user, ''), printable(device, ''), verdictText(entry), ...times, moreText(entry)];
  return [isoTime(at), kind, ...parts.filter((part) => part !== '' && part !== '-')].join('  ');
}

function verdictText({ action, reason }: JournalEntry): string {
  if (action === null) return printable(reason, '-');
  return printable(reason === null ? action : `${action} (${reason})`);
}

function moreText({ rule, facts, seconds }: JournalEntry): string {
  const parts = Object.entries(facts ?? {}).map(([name, value]) => `${name}=${factText(value)}`);
  if (rule !== null) parts.unshift(rule);
  if (seconds !== null) parts.push(`in ${Number(seconds.toFixed(2))} s`);
  return parts.length === 0 ? '-' : printable(parts.join(' '));
}

/** In quotes where it would run into the next one. */
function factText(value: unknown): string {
  const text = String(value);
  return text === '' || /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}

function columnsOfAudit(options: JournalOptions): readonly Column<AuditEntry>[] {
  return [
    { title: 'TIME', cell: timeOf(options) },
    { title: 'BY', cell: ({ by }) => printable(by), min: 8 },
    { title: 'OPERATION', cell: ({ operation }) => operation },
    { title: 'OF', cell: (entry) => printable(subjectText(entry)), min: 16 },
    { title: 'BEFORE', cell: ({ before }) => stateText(before), min: 8, spare: 1 },
    { title: 'AFTER', cell: ({ after }) => stateText(after), min: 8 },
    { title: 'COMMENT', cell: ({ comment }) => printable(comment, '-'), min: 8, spare: 2 },
  ];
}

function subjectText({ user, device, subject }: AuditEntry): string {
  const who = user !== null && device !== null ? `${user} on ${device}` : (user ?? device);
  return [who, subject].filter((part) => part !== null).join(', ');
}

/** Values of a report that stand in another column, or that the store writes beside what was reported; `--json` has them. */
const BESIDE = /^(?:key|source|observedAt|version|reportedSince|\w+UnmetSince)$/;

/** A decision by its action and its end, a list by each of its parts, anything else by its values that are known. */
function stateText(state: unknown): string {
  if (state === null) return '-';
  if (Array.isArray(state)) return state.map(stateText).join(', ');
  if (typeof state !== 'object') return printable(valueText(state));
  if ('action' in state && typeof state.action === 'string')
    return printable(decisionText(state.action, 'expiresAt' in state ? state.expiresAt : null));
  if ('decision' in state) return stateText(state.decision);
  const values = Object.entries(withIsoTimes(state) as object)
    .map(([name, value]) => [name, withoutZeros(value)] as const)
    .filter(([name, value]) => value !== null && !BESIDE.test(name));
  return printable(values.map(([name, value]) => `${name}=${valueText(value)}`).join(' ') || '-');
}

/** `expiresAt`: milliseconds since the epoch, or what the admin API makes of it. */
function decisionText(action: string, expiresAt: unknown): string {
  const end = typeof expiresAt === 'number' ? isoTime(expiresAt) : expiresAt;
  return typeof end === 'string' ? `${action} until ${end}` : action;
}

/** Leaves out counts that are 0; null if all are. Returns other values unchanged. */
function withoutZeros(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const counts = Object.entries(value).filter(([, count]) => count !== 0);
  return counts.length === 0 ? null : Object.fromEntries(counts);
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

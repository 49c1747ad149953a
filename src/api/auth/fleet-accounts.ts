// Owns the accounts of the admin API across a fleet: the directory keeps them, the file of each gateway has a copy, so that requests
// are let in without a question, also while the directory does not answer. Without a shared directory the file is all there is.
import { setTimeout as pause } from 'node:timers/promises';
import type { z } from 'zod';
import { monotonicNow } from '../../clock.ts';
import type { AccountRecords, StoredAccounts } from '../../directory/account-records.ts';
import type { DirectoryStore } from '../../directory/store.ts';
import { ApiError } from '../problems.ts';
import { sessionRow, setUpRow, tokenRow } from './admin-rows.ts';
import type { StoredSession, StoredSetUp, StoredToken } from './admin-rows.ts';
import type { Accounts, AdminStore } from './admin-store.ts';

/** How often the copy is compared with the directory: a revoked token ends everywhere within a second. */
const COMPARE_MS = 400;
/** A directory that does not answer delays the start of the API by this much. */
const BEGIN_MS = 1_000;
/** How often all accounts are read, although the version is the same: two gateways may have given the same one after a failover. */
const READ_MS = 60_000;
/** Longest text of one account; those that easgate writes have a few hundred characters. */
const MAX_TEXT = 4_096;
/** Not more often for requests with unknown secrets, however many there are. */
const LEAST_MS = 100;
/** Sessions that began while the directory did not answer. */
const MAX_PENDING = 100;

const fieldOf = {
  token: ({ id }: Pick<StoredToken, 'id'>): string => `t:${id}`,
  session: ({ id }: Pick<StoredSession, 'id'>): string => `s:${id}`,
  setUp: ({ hash }: Pick<StoredSetUp, 'hash'>): string => `u:${hash}`,
} as const;

/** The accounts' part of a directory that gateways share. */
export function recordsOf({ accounts }: DirectoryStore): AccountRecords {
  if (accounts === null) throw new Error('one gateway uses this directory');
  return accounts;
}

/** The accounts of one gateway, or of its fleet. */
export class FleetAccounts {
  private readonly file: AdminStore;
  private readonly records: (() => AccountRecords) | null;
  private readonly pending = new Map<string, StoredSession>();
  /** When all accounts were read; -Infinity = they must be read again, whatever the version. */
  private readAt = -Infinity;
  private comparing: Promise<void> | null = null;
  private comparedAt = -Infinity;
  private timer: NodeJS.Timeout | null = null;

  /** `records`: of the directory that the fleet shares, throws while it is not open; null = there is none. */
  constructor(file: AdminStore, records: (() => AccountRecords) | null) {
    this.file = file;
    this.records = records;
  }

  /** Follows the accounts of the fleet until {@link close}. */
  start(): void {
    if (this.records === null) return;
    this.timer = setInterval(() => void this.compare().catch(() => undefined), COMPARE_MS);
    this.timer.unref();
  }

  async close(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.comparing?.catch(() => undefined);
  }

  /**
   * Looks for news before the first request, for a second at most: what was revoked while this gateway was stopped does not hold for its
   * first moments. Never rejects: while the directory does not answer, the copy counts.
   */
  async begin(): Promise<void> {
    const timer = new AbortController();
    const late = pause(BEGIN_MS, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([this.lookForNews(), late]);
    timer.abort();
  }

  /** Looks for news because of a secret that is not known here: it may be a second old at another gateway. Never rejects. */
  async lookForNews(): Promise<void> {
    if (this.records === null || monotonicNow() - this.comparedAt < LEAST_MS) return;
    await this.compare().catch(() => undefined);
  }

  /** Brings the copy up to date. Rejects while the directory does not answer: the copy stays as it is. */
  compare(): Promise<void> {
    this.comparing ??= this.takeNews().finally(() => {
      this.comparing = null;
      this.comparedAt = monotonicNow();
    });
    return this.comparing;
  }

  /** Rejects with ProgramError EASGATE_ADMIN_LIMIT, and while the directory does not answer. */
  async addToken(token: StoredToken): Promise<void> {
    this.file.checkRoom();
    await (await this.shared())?.change(new Map([[fieldOf.token(token), JSON.stringify(token)]]));
    // The copy may have been compared meanwhile.
    if (this.file.tokenById(token.id) === null) this.file.addToken(token);
  }

  /** Removes a token with its sessions, everywhere. Null = there is none. Rejects while the directory does not answer. */
  async removeToken(id: string): Promise<StoredToken | null> {
    const sessions = this.file.accounts().sessions.filter(({ token }) => token === id);
    const fields = [fieldOf.token({ id }), ...sessions.map(fieldOf.session)];
    await (await this.shared())?.change(new Map(), fields);
    this.readAt = -Infinity;
    return this.file.removeToken(id);
  }

  /**
   * A directory that does not answer keeps nobody from signing in: the others learn of the session afterwards. Rejects with ApiError
   * EASGATE_API_UNAUTHENTICATED where its token was revoked meanwhile.
   */
  async addSession(session: StoredSession): Promise<void> {
    const gone = this.file.addSession(session).map((id) => fieldOf.session({ id }));
    try {
      const records = await this.shared();
      await records?.change(new Map([[fieldOf.session(session), JSON.stringify(session)]]), gone);
    } catch {
      if (this.pending.size < MAX_PENDING) this.pending.set(session.id, session);
    }
    // The copy may have been compared meanwhile, with what was there before.
    if (this.file.session(session.hash) !== null) return;
    if (session.token !== null && this.file.tokenById(session.token) === null)
      throw new ApiError('EASGATE_API_UNAUTHENTICATED', 'the token was revoked');
    this.file.addSession(session);
  }

  /** False = there is none. Rejects while the directory does not answer: it would go on elsewhere. */
  async removeSession(id: string): Promise<boolean> {
    this.pending.delete(id);
    await (await this.shared())?.change(new Map(), [fieldOf.session({ id })]);
    this.readAt = -Infinity;
    return this.file.removeSession(id);
  }

  /** Likewise, for whoever signs out: it ends here at once, elsewhere as soon as the directory answers. */
  async leaveSession(id: string): Promise<boolean> {
    const left = this.file.removeSession(id);
    try {
      await this.removeSession(id);
    } catch {
      // The file remembers it, also over a restart: it is removed as soon as the directory answers.
      this.readAt = -Infinity;
    }
    return left;
  }

  /** Stores a set-up link in place of all others. */
  async addSetUp(hash: string, expiresAt: number): Promise<void> {
    const { setUps } = this.file.accounts();
    const put = new Map([[fieldOf.setUp({ hash }), JSON.stringify({ hash, expiresAt })]]);
    await (await this.shared())?.change(put, setUps.map(fieldOf.setUp));
    this.file.addSetUp(hash, expiresAt);
  }

  /** Redeems a set-up link: one gateway of the fleet takes it. False = there is none that is in force, or somebody used it. */
  async takeSetUp(hash: string, now: number): Promise<boolean> {
    const records = await this.shared();
    if (records === null) return this.file.takeSetUp(hash, now);
    if (!this.file.hasSetUp(hash, now)) return false;
    // First there: while the directory does not answer, the link stays as it is.
    const { removed } = await records.change(new Map(), [fieldOf.setUp({ hash })]);
    this.file.takeSetUp(hash, now);
    return removed === 1;
  }

  /** Notes a use, in the copy at once. A directory that does not answer keeps nobody out. */
  useToken(token: StoredToken, now: number): void {
    this.file.useToken(token.id, now);
    this.note(fieldOf.token(token), { ...token, lastUsedAt: now });
  }

  /** Notes the use of a session, as {@link useToken} does of a token. */
  useSession(session: StoredSession, now: number): void {
    this.file.useSession(session.id, now);
    this.note(fieldOf.session(session), { ...session, lastUsedAt: now });
  }

  /** What the fleet shares, once the accounts of this gateway are among it: later they would bring back what was removed meanwhile. */
  private async shared(): Promise<AccountRecords | null> {
    if (this.records === null) return null;
    if (this.file.fleetVersion() === null) await this.compare();
    return this.records();
  }

  private note(field: string, row: object): void {
    if (this.records === null) return;
    try {
      void this.records()
        .note(field, JSON.stringify(row))
        .catch(() => undefined);
    } catch {
      // The directory is not open.
    }
  }

  private async takeNews(): Promise<void> {
    if (this.records === null) return;
    const records = this.records();
    const known = this.file.fleetVersion();
    const version = await records.version();
    // The directory was restored from an older state: the accounts of this gateway are written to it, so that revoked tokens stay revoked.
    if (version !== null && known !== null && version < known) await records.replace(this.ownFields(), known);
    // An empty one, or a gateway that had accounts of its own before.
    else if (version === null || known === null) await records.change(this.ownFields());
    else if (version === known && this.pending.size === 0 && monotonicNow() - this.readAt < READ_MS) return;
    if (this.pending.size > 0) await records.change(fieldsOf([...this.pending.values()]));
    this.pending.clear();
    // A removal meanwhile sets it back.
    this.readAt = monotonicNow();
    try {
      await this.takeAll(records);
    } catch (error) {
      this.readAt = -Infinity;
      throw error;
    }
  }

  private async takeAll(records: AccountRecords): Promise<void> {
    let stored = await records.all();
    const removed = removedIn(stored, this.file.removedIds());
    if (removed.length > 0) {
      await records.change(new Map(), removed);
      stored = await records.all();
    }
    const without = new Set(removedIn(stored, this.file.removedIds()));
    this.file.takeAccounts(accountsIn(stored, without), stored.version);
  }

  private ownFields(): ReadonlyMap<string, string> {
    const { tokens, sessions, setUps } = this.file.accounts();
    return new Map([
      ...tokens.map((token) => [fieldOf.token(token), JSON.stringify(token)] as const),
      ...fieldsOf(sessions),
      ...setUps.map((setUp) => [fieldOf.setUp(setUp), JSON.stringify(setUp)] as const),
    ]);
  }
}

function fieldsOf(sessions: readonly StoredSession[]): Map<string, string> {
  return new Map(sessions.map((session) => [fieldOf.session(session), JSON.stringify(session)]));
}

/**
 * Fields of accounts that were removed here, and of the sessions of such tokens: a directory that lost changes, by a failover or an old
 * backup, has them again.
 */
function removedIn(stored: StoredAccounts, removed: ReadonlySet<string>): string[] {
  const { tokens, sessions } = accountsIn(stored);
  return [
    ...tokens.filter(({ id }) => removed.has(id)).map(fieldOf.token),
    ...sessions.filter(({ id, token }) => removed.has(id) || removed.has(token ?? '')).map(fieldOf.session),
  ];
}

/** What cannot be read is left out, and what is under the name of another account: nobody is let in by it. */
function accountsIn({ fields }: StoredAccounts, without: ReadonlySet<string> = new Set()): Accounts {
  const tokens: StoredToken[] = [];
  const sessions: StoredSession[] = [];
  const setUps: StoredSetUp[] = [];
  for (const [field, text] of fields) {
    if (text.length > MAX_TEXT || without.has(field)) continue;
    if (field.startsWith('t:')) pushRead(tokens, tokenRow, field, fieldOf.token, text);
    else if (field.startsWith('s:')) pushRead(sessions, sessionRow, field, fieldOf.session, text);
    else if (field.startsWith('u:')) pushRead(setUps, setUpRow, field, fieldOf.setUp, text);
  }
  return { tokens, sessions, setUps };
}

function pushRead<Row>(
  rows: Row[],
  schema: z.ZodType<Row>,
  field: string,
  fieldOfRow: (row: Row) => string,
  text: string,
): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return;
  }
  const { data } = schema.safeParse(value);
  if (data !== undefined && fieldOfRow(data) === field) rows.push(data);
}

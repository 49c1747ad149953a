// Owns the rows of users and their aliases in the read model: what is stored of a user, and what a name stands for.
import type { UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import type { ManualDecision } from '../../model/decision.ts';
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { JoinedUser, UserEntry } from '../store.ts';
import type { ModelFile } from './model-file.ts';
import { UNKNOWN_USER, shownDecision } from './model-row.ts';
import type { UserFacts } from './model-row.ts';
import { textsIn } from './model-schema.ts';
import type { Value } from './model-schema.ts';

/** What is known of a user. */
export const USER_COLUMNS = ['reported', 'enabled', 'user_groups', 'decision', 'decision_expires'] as const;

/** An alias of the name, else one of its name in its group of domains, else that name. */
const FACTS = `SELECT user_groups, decision, decision_expires FROM users WHERE user = coalesce(
  (SELECT user FROM aliases WHERE alias = ?1), (SELECT user FROM aliases WHERE alias = ?2), ?2)`;

/** The values of a user's row. */
export interface UserValues {
  /** In the order of {@link USER_COLUMNS}. */
  readonly columns: readonly Value[];
  /** As they are stored; null = no feed knows the groups. */
  readonly groups: string | null;
}

/** Null = a user of whom no row is needed: no feed reports them and no decision is shown. */
export function userValues({ record, decided, imported }: UserEntry, now: number): UserValues | null {
  const { decision } = shownDecision(decided.decision, imported, now) ?? { decision: null };
  if (record === null && decision === null) return null;
  const groups = record === null || record.groups === null ? null : JSON.stringify(record.groups);
  return {
    columns: [
      record === null ? null : 1,
      record === null ? null : Number(record.enabled !== false),
      groups,
      decision?.action ?? null,
      decision?.expiresAt ?? null,
    ],
    groups,
  };
}

/** Reads the users of one file. */
export class UserRows {
  /** Columns of the table, but for the id. */
  static readonly COLUMNS: readonly string[] = ['user', 'local', ...USER_COLUMNS];
  private readonly file: ModelFile;
  private readonly names: UserNames;

  constructor(file: ModelFile, names: UserNames) {
    this.file = file;
    this.names = names;
  }

  /** What rows hold of the user of a name. */
  factsOf(name: UserKey): UserFacts {
    const row = this.file.statement(FACTS).get(name, this.names.canonical(name));
    if (row === undefined) return UNKNOWN_USER;
    return factsIn(
      row['user_groups'] as string | null,
      row['decision'] as Value,
      row['decision_expires'] as Value,
    );
  }

  /** The stored values of a user; null = there is no row. */
  valuesOf(user: UserKey): UserValues | null {
    const row = this.file.statement(`SELECT ${USER_COLUMNS.join(', ')} FROM users WHERE user = ?`).get(user);
    if (row === undefined) return null;
    return {
      columns: USER_COLUMNS.map((name) => row[name] as Value),
      groups: row['user_groups'] as string | null,
    };
  }

  /** Whether there may be reports on the user under another name (decisions/0190): then the facts that count must be read from the store. */
  mayBeJoined({ key, record }: UserEntry): boolean {
    if (record === null) return false;
    if (this.aliasTarget(key) !== null || record.aliases.some((alias) => this.isReported(alias))) return true;
    if (!this.names.hasGroups) return false;
    return (
      this.names.canonical(key) !== key || [key, ...record.aliases].some((name) => this.hasAnother(name, key))
    );
  }

  /** Writes the facts that count for a user into the rows of all its names. Returns the names with reports. */
  join({ record, reports }: JoinedUser): readonly UserKey[] {
    const keys = [...new Set(reports.map(({ key }) => key))];
    const groups = record === null || record.groups === null ? null : JSON.stringify(record.groups);
    const enabled = Number(record?.enabled !== false);
    const update = this.file.statement(
      `UPDATE users SET enabled = ?1, user_groups = ?2
       WHERE user = ?3 AND (enabled IS NOT ?1 OR user_groups IS NOT ?2)`,
    );
    for (const key of keys) update.run(enabled, groups, key);
    return keys;
  }

  private isReported(name: UserKey): boolean {
    return this.file.statement('SELECT 1 FROM users WHERE user = ? AND reported = 1').get(name) !== undefined;
  }

  private hasAnother(name: UserKey, key: UserKey): boolean {
    return this.file
      .statement('SELECT user FROM users WHERE local = ? AND reported = 1')
      .all(foldedLocalPart(name))
      .some(({ user }) => user !== key && this.names.same(String(user) as UserKey, name));
  }

  /** The user that a name is known to be an alias of; null = of none. */
  aliasTarget(alias: UserKey): UserKey | null {
    const row = this.file.statement('SELECT user FROM aliases WHERE alias = ?').get(alias);
    return row === undefined ? null : (String(row['user']) as UserKey);
  }
}

/** Stored values as rows hold them. */
export function factsIn(groups: string | null, decision: Value, expiresAt: Value): UserFacts {
  return {
    groups: textsIn(groups),
    decision: decision as ManualDecision['action'] | null,
    decisionExpiresAt: expiresAt as number | null,
  };
}

/** The name of the user that each name with reports stands for; null = it is the user itself. `keys`: the names with reports. */
export function namesJoined(
  { user }: JoinedUser,
  keys: readonly UserKey[],
): readonly (readonly [UserKey, UserKey | null])[] {
  const [first] = keys;
  if (first === undefined) return [];
  // There are no reports under the canonical name of the user itself.
  if (!keys.includes(user))
    return keys.map((key): [UserKey, UserKey | null] => (key === first ? [user, key] : [key, first]));
  return keys.map((key) => [key, key === user ? null : user]);
}

/** The entry with the facts that count for the user, in place of those reported under this name alone. */
export function withJoined(entry: UserEntry, joined: JoinedUser | undefined): UserEntry {
  const { record } = entry;
  if (record === null || joined === undefined || joined.record === null) return entry;
  const { groups, enabled } = joined.record;
  return { ...entry, record: { ...record, groups, enabled } };
}

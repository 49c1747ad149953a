// Owns the rows of users and their aliases in the read model: what is stored of a user, and what a name stands for.
import type { UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import type { ManualDecision } from '../../model/decision.ts';
import type { UserEntry } from '../store.ts';
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

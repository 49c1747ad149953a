// Owns the accounts of the admin API in Redis: one hash with a count of its changes, so that gateways see cheaply that there is news.
import type { AccountRecords, ChangedAccounts, StoredAccounts } from '../account-records.ts';
import { CHANGE_ACCOUNTS, NOTE_ACCOUNT, READ_ACCOUNTS, READ_ACCOUNTS_VERSION } from './redis-scripts.ts';
import type { Script } from './redis-scripts.ts';

/** Runs a script of the known store. */
type Run = (script: Script, keys: readonly string[], values: readonly string[]) => Promise<unknown>;

/** The field of the version; others have a colon. */
const VERSION = 'version';

export class RedisAccounts implements AccountRecords {
  private readonly run: Run;
  private readonly key: string;

  constructor(run: Run, key: string) {
    this.run = run;
    this.key = key;
  }

  async version(): Promise<number | null> {
    const version = (await this.run(READ_ACCOUNTS_VERSION, [this.key], [])) as string | null;
    return version === null ? null : countOf(version);
  }

  async all(): Promise<StoredAccounts> {
    const pairs = (await this.run(READ_ACCOUNTS, [this.key], [])) as readonly string[];
    const fields = new Map<string, string>();
    for (let at = 0; at + 1 < pairs.length; at += 2) fields.set(pairs[at] ?? '', pairs[at + 1] ?? '');
    const version = countOf(fields.get(VERSION) ?? '');
    fields.delete(VERSION);
    return { version, fields };
  }

  change(put: ReadonlyMap<string, string>, remove: readonly string[] = []): Promise<ChangedAccounts> {
    return this.write('', put, remove);
  }

  async note(field: string, text: string): Promise<void> {
    await this.run(NOTE_ACCOUNT, [this.key], [field, text]);
  }

  replace(fields: ReadonlyMap<string, string>, least: number): Promise<ChangedAccounts> {
    return this.write(String(least), fields, []);
  }

  private async write(
    least: string,
    put: ReadonlyMap<string, string>,
    remove: readonly string[],
  ): Promise<ChangedAccounts> {
    const values = [least, String(remove.length), ...remove, ...[...put].flat()];
    const [version, removed] = (await this.run(CHANGE_ACCOUNTS, [this.key], values)) as [number, number];
    return { version, removed };
  }
}

/** A version; 0 = it is none that the scripts wrote, which gateways take for lost changes. */
function countOf(text: string): number {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : 0;
}

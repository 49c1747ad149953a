// Owns helpers of all commands: the configured store, the login name, standard input.
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { journalOptions } from '../config/journal-settings.ts';
import { storeOptions } from '../config/store-settings.ts';
import { failureOf } from '../directory/failure.ts';
import { openStore } from '../directory/open-store.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { AuditLog } from '../journal/audit-log.ts';
import { LazyJournal } from '../journal/lazy-journal.ts';
import { openJournalStore } from '../journal/open-journal.ts';
import { configPath } from './config-path.ts';
import { warn } from './output.ts';

/** Opens the configured store for `work`, and closes it afterwards. Changes by `work` go to the audit. */
export async function withStore<T>(
  command: Command,
  work: (store: DirectoryStore, config: Config, audit: AuditLog) => Promise<T>,
): Promise<T> {
  const config = loadConfig(configPath(command));
  const store = await openStore(storeOptions(config));
  try {
    return await withAudit(config, (audit) => work(store, config, audit));
  } finally {
    await store.close();
  }
}

/** Opens the audit for one piece of work. What was changed stands also where the audit cannot be written; the command says so. */
export async function withAudit<T>(config: Config, work: (audit: AuditLog) => Promise<T>): Promise<T> {
  const journal = new LazyJournal(() => openJournalStore(journalOptions(config)));
  const audit = new AuditLog(journal, (error) =>
    warn(`the change was made, but its entry in the audit could not be written: ${failureOf(error).message}`),
  );
  try {
    return await work(audit);
  } finally {
    await journal.close();
  }
}

/** The author of a change without `--owner`. */
export function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    // Containers may run under a number that no name belongs to (Kubernetes, OpenShift).
    return `uid ${process.getuid?.()}`;
  }
}

/** Reads all of standard input. */
export async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

// Owns helpers of all commands: the configured store, the login name, standard input.
import { statSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { codeOf } from '../caught-error.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { journalOptions } from '../config/journal-settings.ts';
import { storeOptions } from '../config/store-settings.ts';
import { failureOf } from '../directory/failure.ts';
import { openStore } from '../directory/open-store.ts';
import type { StoreOptions } from '../directory/open-store.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { AuditLog } from '../journal/audit-log.ts';
import { LazyJournal } from '../journal/lazy-journal.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { openJournalStore } from '../journal/open-journal.ts';
import { mayBeGateway, readPidFile } from '../supervisor/pid-file.ts';
import { configPath } from './config-path.ts';
import { warn } from './output.ts';

/** Opens the configured store for `work`, and closes it afterwards. Changes by `work` go to the audit. */
export async function withStore<T>(
  command: Command,
  work: (store: DirectoryStore, config: Config, audit: AuditLog) => Promise<T>,
): Promise<T> {
  const config = loadConfig(configPath(command));
  const options = storeOptions(config);
  refuseToReplace(options, config.workers.pidFile);
  const store = await openStore(options);
  try {
    return await withAudit(config, (audit) => work(store, config, audit));
  } finally {
    await store.close();
  }
}

/**
 * A file that is missing while a gateway uses it, as after its file system was unmounted, is not created: the gateway would see no change in
 * it, and the command would report a block that reaches no phone. The file that tells which store is the known one (store.identityFile) may be
 * on the same file system, and so missing too. @throws ProgramError EASGATE_STORE_MISSING
 */
export function refuseToReplace(options: StoreOptions, pidFile: string): void {
  if (options.kind !== 'embedded' || options.path === ':memory:' || !isMissing(options.path)) return;
  const pid = readPidFile(pidFile);
  if (pid === null || !mayBeGateway(pid)) return;
  throw new ProgramError(
    'EASGATE_STORE_MISSING',
    `there is no ${options.path}, and the gateway that runs (process ${pid}) uses the file that was there: put it back, or mount its file system`,
  );
}

/** False where the user may not look: opening the store reports why. */
function isMissing(path: string): boolean {
  try {
    statSync(path);
    return false;
  } catch (error) {
    return codeOf(error, '') === 'ENOENT';
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

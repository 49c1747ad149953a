// Owns the work of `easgate store`: the identity of the store, its creation, and its acceptance by an operator.
import { numberText } from '../app/number-text.ts';
import type { Command } from 'commander';
import { acceptStore, initStore, lookAtStore, migrateStore, suspendedWipes } from '../app/store-identity.ts';
import type { StoreChange, StoreLook } from '../app/store-identity.ts';
import type { StoreOutageError } from '../directory/store-identity.ts';
import { target } from '../app/names.ts';
import { loadConfig } from '../config/load.ts';
import { storeOptions } from '../config/store-settings.ts';
import { safeJson } from '../app/times.ts';
import { configPath } from './config-path.ts';
import { loginName, refuseToReplace, withAudit, withStore } from './context.ts';
import { print, printJson, toned } from './output.ts';

function look<T>(command: Command, work: (seen: StoreLook) => Promise<T> | T): Promise<T> {
  return lookAtStore(storeOptions(loadConfig(configPath(command))), work);
}

/** Likewise, for work that changes it. */
function lookAndChange<T>(
  command: Command,
  work: (seen: StoreLook, change: StoreChange) => Promise<T> | T,
): Promise<T> {
  return withAudit(loadConfig(configPath(command)), (audit) =>
    look(command, (seen) => work(seen, { by: loginName(), via: 'cli', at: Date.now(), audit })),
  );
}

/** Where the directory of a running gateway is gone, the gateway would not use one with a new id. @throws ProgramError EASGATE_STORE_MISSING */
function refuseNewBeside(command: Command, { known }: StoreLook): void {
  const config = loadConfig(configPath(command));
  if (known === null) refuseToReplace(storeOptions(config), config.workers.pidFile);
}

/** `store status`; the exit code is 1 when the store is not the known one. */
export function status({ json }: { readonly json?: true }, command: Command): Promise<void> {
  return look(command, async (seen) => {
    const { keeper, known, found, finding, memory } = seen;
    const trouble = finding.kind === 'outage' ? finding.error : ((await keeper.stale?.()) ?? null);
    if (trouble !== null) process.exitCode = 1;
    if (!json) {
      print(statusText(seen, trouble));
      return;
    }
    const said = trouble === null ? null : { code: trouble.code, message: trouble.message };
    const document = {
      place: keeper.place,
      ok: trouble === null,
      trouble: said,
      store: found,
      known,
      memory,
    };
    print(`${safeJson(document, 2)}\n`);
  });
}

function statusText(
  { keeper, known, found, memory }: StoreLook,
  trouble: Pick<StoreOutageError, 'code' | 'message'> | null,
): string {
  const lines = [
    `store: ${keeper.place}`,
    found === null
      ? 'no directory'
      : `it is directory ${found.id} in epoch ${found.epoch} (layout ${found.schema}), in use for ${seconds(found.beat)} in all`,
    known === null
      ? 'this gateway has worked with no directory yet'
      : `this gateway last worked with directory ${known.id} in epoch ${known.epoch}, then in use for ${seconds(known.beat)} ` +
        `(noted in ${memory?.path})`,
    trouble === null ? toned('good', 'ok') : `${toned('bad', trouble.code)}: ${trouble.message}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** The leader counts the time in which the directory is in use: a restored copy is behind. */
function seconds(beat: number): string {
  return `${Math.round(beat / 1_000)} s`;
}

/** `store init`. */
export function init({ json }: { readonly json?: true }, command: Command): Promise<void> {
  return lookAndChange(command, async (seen, change) => {
    refuseNewBeside(command, seen);
    const made = await initStore(seen, change);
    const { place } = seen.keeper;
    const advice = (await seen.keeper.advice?.()) ?? [];
    if (json) printJson({ place, made: made !== null, store: made ?? seen.found, advice });
    else if (made === null) print(`${place} is store ${seen.found?.id} already\n`);
    else print(`created store ${made.id}: ${place}\n`);
    if (!json) for (const line of advice) print(`${toned('warning', 'advice')}: ${line}\n`);
  });
}

/** `store migrate`. */
export async function migrate({ json }: { readonly json?: true }, command: Command): Promise<void> {
  const { place, migration } = await lookAndChange(command, async (seen, change) => ({
    place: seen.keeper.place,
    migration: await migrateStore(seen, change),
  }));
  if (json) {
    printJson({ place, migrated: migration !== null, records: migration?.records ?? {} });
    return;
  }
  if (migration === null) {
    print(`${place}: nothing to bring over\n`);
    return;
  }
  const records = Object.entries(migration.records).map(([kind, count]) => `${kind} ${numberText(count)}`);
  print(`brought over: ${records.join(', ')}; epoch ${migration.identity.epoch}: ${place}\n`);
}

/** `store accept`. Lists the wipes that are suspended by it, because the operator must order them again. */
export async function accept({ json }: { readonly json?: true }, command: Command): Promise<void> {
  const { place, accepted, found } = await lookAndChange(command, async (seen, change) => {
    refuseNewBeside(command, seen);
    return { place: seen.keeper.place, accepted: await acceptStore(seen, change), found: seen.found };
  });
  if (!json)
    print(
      accepted === null
        ? `${place} is the known store: nothing to accept\n`
        : `accepted store ${accepted.id}, epoch ${accepted.epoch}: ${place}\n`,
    );
  const wipes = await withStore(command, suspendedWipes);
  if (json)
    printJson({ place, accepted: accepted !== null, store: accepted ?? found, suspendedWipes: wipes });
  else
    for (const { device, user } of wipes)
      print(`suspended wipe: ${target(device, user)}; order it again, or clear it\n`);
}

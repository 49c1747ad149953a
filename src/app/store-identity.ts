// Owns the use cases of the store's identity: check whether the directory is the known one, create one, accept another one.
import { openKeeper } from '../directory/open-store.ts';
import type { StoreOptions } from '../directory/open-store.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { acceptedIdentity, judge, newIdentity } from '../directory/store-identity.ts';
import type { Finding, KnownStore, StoreIdentity } from '../directory/store-identity.ts';
import type { Migration, StoreKeeper } from '../directory/store-keeper.ts';
import { readMemory, writeMemory } from '../directory/store-memory.ts';
import type { StoreMemory } from '../directory/store-memory.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { everyDecision } from './device-views.ts';
import { isOpenWipe, isStandingWipe } from '../model/wipe.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { DecisionOrigin } from '../model/decision.ts';
import type { AuditOperation } from '../model/journal.ts';

/** The identity found in the store, and the recorded one. */
export interface StoreLook {
  readonly keeper: StoreKeeper;
  /** The identity recorded on this machine; null = none. */
  readonly known: KnownStore | null;
  /** The identity in the store; null = it has no directory. */
  readonly found: StoreIdentity | null;
  readonly finding: Finding;
  /** Where the identity is recorded; null = nowhere. */
  readonly memory: StoreMemory | null;
  /** `store.id` of the configuration. */
  readonly pinnedId: string | null;
}

/** Who changes the store, from where, and when, milliseconds since the epoch; and where that is recorded. */
export interface StoreChange extends DecisionOrigin {
  readonly audit: AuditSink;
}

/** Opens the store for `work`, and closes it afterwards. Rejects when it cannot be reached. */
export async function lookAtStore<T>(
  options: StoreOptions,
  work: (look: StoreLook) => Promise<T> | T,
): Promise<T> {
  const { memory = null, id: pinnedId = null, maxRollbackMs = 0 } = options.known ?? {};
  const known = memory === null ? null : readMemory(memory);
  const keeper = await openKeeper(options);
  try {
    const found = await keeper.read();
    const finding = judge(known, found, { place: keeper.place, pinnedId, maxRollbackMs });
    return await work({ keeper, known, found, finding, memory, pinnedId });
  } finally {
    await keeper.close();
  }
}

/** Creates the directory; null = it exists already. @throws ProgramError */
export async function initStore(look: StoreLook, change: StoreChange): Promise<StoreIdentity | null> {
  const { keeper, known, found, pinnedId } = look;
  if (found !== null) return null;
  if (known !== null)
    throw new ProgramError(
      'EASGATE_STORE_MISSING',
      `${keeper.place} holds no directory, but this gateway knows store ${known.id}: to start with an empty one, run ` +
        '`easgate store accept`',
    );
  const fresh = newIdentity();
  const identity = pinnedId === null ? fresh : { ...fresh, id: pinnedId };
  await replace(look, identity);
  await record(look, change, 'store_init', identity);
  return identity;
}

/** Accepts the store; null = it is already the known one. @throws ProgramError */
export async function acceptStore(look: StoreLook, change: StoreChange): Promise<StoreIdentity | null> {
  const { keeper, known, found, finding, pinnedId } = look;
  if (finding.kind !== 'outage' && finding.kind !== 'setBack') return null;
  if (finding.kind === 'outage' && finding.error.code === 'EASGATE_STORE_SCHEMA') throw finding.error;
  const accepted = acceptedIdentity(known, found);
  const identity = found === null && pinnedId !== null ? { ...accepted, id: pinnedId } : accepted;
  if (pinnedId !== null && identity.id !== pinnedId)
    throw new ProgramError(
      'EASGATE_STORE_OTHER',
      `${keeper.place} is store ${identity.id}, and store.id of the configuration is ${pinnedId}: change that first`,
    );
  await replace(look, identity);
  await record(look, change, 'store_accept', identity);
  return identity;
}

/** Brings records of an earlier layout over; null = there are none. @throws ProgramError */
export async function migrateStore(
  look: StoreLook,
  change: StoreChange,
): Promise<Extract<Migration, { kind: 'migrated' }> | null> {
  const { keeper, known, found, pinnedId, memory } = look;
  const expected = pinnedId ?? known?.id ?? null;
  if (found === null || (expected !== null && found.id !== expected)) {
    const { finding } = look;
    if (finding.kind === 'outage') throw finding.error;
  }
  const migration: Migration = (await keeper.migrate?.()) ?? { kind: 'done' };
  if (migration.kind === 'inUse')
    throw new ProgramError(
      'EASGATE_STORE_IN_USE',
      `${keeper.place}: a gateway of the earlier version is running; stop all of them first`,
    );
  if (migration.kind === 'changed') throw changedMeanwhile(keeper);
  if (migration.kind !== 'migrated') return null;
  if (memory !== null) writeMemory(memory, migration.identity);
  await record(look, change, 'store_migrate', migration.identity);
  return migration;
}

async function record(
  { keeper, found }: StoreLook,
  { audit, ...origin }: StoreChange,
  operation: AuditOperation,
  identity: StoreIdentity,
): Promise<void> {
  await audit.record({ ...origin, operation, subject: keeper.place, before: found, after: identity });
}

function changedMeanwhile({ place }: StoreKeeper): ProgramError {
  return new ProgramError(
    'EASGATE_CHANGED',
    `${place} was replaced by another store meanwhile: look at it, then repeat the command`,
  );
}

/** Replaces the found identity, and records the new one. */
async function replace({ keeper, found, memory }: StoreLook, identity: StoreIdentity): Promise<void> {
  if (!(await keeper.replace(found, identity))) throw changedMeanwhile(keeper);
  if (memory !== null) writeMemory(memory, identity);
}

/** Suspended wipes: ordered before the store was accepted, they must be ordered again. */
export async function suspendedWipes(
  store: DirectoryStore,
): Promise<readonly { readonly device: DeviceKey; readonly user: UserKey | null }[]> {
  return (await everyDecision(store))
    .filter(({ decision }) => isOpenWipe(decision) && !isStandingWipe(decision))
    .flatMap(({ device, user }) => (device === null ? [] : [{ device, user }]));
}

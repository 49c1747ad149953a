// Owns the use cases of the store's identity: look whether the directory is the known one, make one, accept another one.
import { openKeeper } from '../directory/open-store.ts';
import type { StoreOptions } from '../directory/open-store.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { acceptedIdentity, judge, newIdentity } from '../directory/store-identity.ts';
import type { Finding, KnownStore, StoreIdentity } from '../directory/store-identity.ts';
import type { Migration, StoreKeeper } from '../directory/store-keeper.ts';
import { readMemory, writeMemory } from '../directory/store-memory.ts';
import type { StoreMemory } from '../directory/store-memory.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import { ProgramError } from '../errors.ts';
import { allDevices, storedDecisions } from './entries.ts';
import { isOpenWipe, isStandingWipe } from '../model/wipe.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { DecisionOrigin } from '../model/decision.ts';
import type { AuditOperation } from '../model/journal.ts';

/** The store as it was found, and what is known of it. */
export interface StoreLook {
  readonly keeper: StoreKeeper;
  /** What this machine remembers; null = nothing. */
  readonly known: KnownStore | null;
  /** What the store says of itself; null = it holds no directory. */
  readonly found: StoreIdentity | null;
  readonly finding: Finding;
  /** Where it is remembered; null = nowhere. */
  readonly memory: StoreMemory | null;
  /** `store.id` of the configuration. */
  readonly pinnedId: string | null;
}

/** Who changes the store, from where, and when, milliseconds since the epoch; and where that is recorded. */
export interface StoreChange extends DecisionOrigin {
  readonly audit: AuditSink;
}

/** Looks at the store, and lets go of it after the work. Rejects when it cannot be reached. */
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

/** Makes the directory where there is none; null = there is one already. @throws ProgramError */
export async function initStore(look: StoreLook, change: StoreChange): Promise<StoreIdentity | null> {
  const { keeper, known, found, pinnedId } = look;
  if (found !== null) return null;
  if (known !== null)
    throw new ProgramError(
      'EASGATE_STORE_MISSING',
      `${keeper.place} holds no directory, and this gateway knows store ${known.id}: a new one in its place is ` +
        'for `easgate store accept`',
    );
  const fresh = newIdentity();
  const identity = pinnedId === null ? fresh : { ...fresh, id: pinnedId };
  await replace(look, identity);
  await record(look, change, 'store_init', identity);
  return identity;
}

/** Takes the store as it is; null = it is the known one, there is nothing to accept. @throws ProgramError */
export async function acceptStore(look: StoreLook, change: StoreChange): Promise<StoreIdentity | null> {
  const { keeper, known, found, finding, pinnedId } = look;
  if (finding.kind !== 'outage' && finding.kind !== 'setBack') return null;
  if (finding.kind === 'outage' && finding.error.code === 'EASGATE_STORE_SCHEMA') throw finding.error;
  const accepted = acceptedIdentity(known, found);
  const identity = found === null && pinnedId !== null ? { ...accepted, id: pinnedId } : accepted;
  if (pinnedId !== null && identity.id !== pinnedId)
    throw new ProgramError(
      'EASGATE_STORE_OTHER',
      `${keeper.place} is store ${identity.id}, and store.id of the configuration is ${pinnedId}: change it first`,
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
  return new ProgramError('EASGATE_CHANGED', `${place} became another store meanwhile; look, and repeat`);
}

/** Writes an identity over the one that was found, and remembers it. */
async function replace({ keeper, found, memory }: StoreLook, identity: StoreIdentity): Promise<void> {
  if (!(await keeper.replace(found, identity))) throw changedMeanwhile(keeper);
  if (memory !== null) writeMemory(memory, identity);
}

/** Wipes that wait until they are ordered again, as the store was accepted after they were ordered. */
export async function suspendedWipes(
  store: DirectoryStore,
): Promise<readonly { readonly device: DeviceKey; readonly user: UserKey | null }[]> {
  return storedDecisions(await allDevices(store))
    .filter(({ decision }) => isOpenWipe(decision) && !isStandingWipe(decision))
    .flatMap(({ device, user }) => (device === null ? [] : [{ device, user }]));
}

// Owns the identity of a store (id, epoch, beat), and the comparison with the known one. Pure.
// Threat: a store that is empty, restored, replaced, or a replica far behind looks like fresh data: blocked devices
// become unknown again, cancelled wipes become pending again. Rule: such a store is an outage until an operator accepts
// it.
import { randomBytes } from 'node:crypto';

/** Version of the record layout that this easgate reads and writes. */
export const STORE_SCHEMA = 3;

/** The identity in a store. */
export interface StoreIdentity {
  readonly schema: number;
  /** Random; generated when the store is created. */
  readonly id: string;
  /**
   * Grows when the content may not continue the earlier one: after `easgate store accept`, or a small loss of writes.
   */
  readonly epoch: number;
  /** Milliseconds for which gateways were connected to this store; a store that lost writes shows a lower value. */
  readonly beat: number;
  /** Ids of earlier stores that an operator replaced by this one. */
  readonly replaces: readonly string[];
}

/** The recorded identity of the store. */
export type KnownStore = Pick<StoreIdentity, 'id' | 'epoch' | 'beat'>;

/** Why a store cannot be used. */
export type StoreOutageCode =
  | 'EASGATE_STORE_UNINITIALISED'
  | 'EASGATE_STORE_MISSING'
  | 'EASGATE_STORE_OTHER'
  | 'EASGATE_STORE_EPOCH'
  | 'EASGATE_STORE_ROLLED_BACK'
  | 'EASGATE_STORE_SCHEMA'
  | 'EASGATE_STORE_STALE';

/** The store is not, or not provably, the known one: nothing is read from it or written to it. */
export class StoreOutageError extends Error {
  readonly code: StoreOutageCode;
  constructor(code: StoreOutageCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The rules of the comparison. */
export interface IdentityRules {
  /** Address of the store, for messages. */
  readonly place: string;
  /** `store.id`; null = any. */
  readonly pinnedId: string | null;
  /** A larger loss counts as an outage, in milliseconds. */
  readonly maxRollbackMs: number;
}

/** The result of a comparison. */
export type Finding =
  | { readonly kind: 'same' }
  /** Read for the first time. */
  | { readonly kind: 'first' }
  /** An operator accepted the store, or another gateway noticed a small loss: everything is read again. */
  | { readonly kind: 'newEpoch' }
  /** The store lost this many milliseconds of writes, within the limit: the epoch must be raised. */
  | { readonly kind: 'setBack'; readonly byMs: number }
  | { readonly kind: 'outage'; readonly error: StoreOutageError };

const ACCEPT = 'restore the right one, or accept this one with `easgate store accept`';

/** Compares the found identity with the known one; null = none. */
export function judge(known: KnownStore | null, found: StoreIdentity | null, rules: IdentityRules): Finding {
  const { place, pinnedId } = rules;
  const expected = pinnedId ?? known?.id ?? null;
  if (found === null) {
    return expected === null
      ? outage(
          'EASGATE_STORE_UNINITIALISED',
          `${place} has no directory: create one with \`easgate store init\``,
        )
      : outage(
          'EASGATE_STORE_MISSING',
          `${place} has no directory, but this gateway knows store ${expected}: ${ACCEPT}`,
        );
  }
  if (found.schema !== STORE_SCHEMA) {
    return outage(
      'EASGATE_STORE_SCHEMA',
      found.schema < STORE_SCHEMA
        ? `${place} has records of an earlier version of easgate: stop all gateways, make a backup, and bring them over with ` +
            '`easgate store migrate`'
        : `${place} has schema version ${found.schema}, this version of easgate reads ${STORE_SCHEMA}: use the matching version`,
    );
  }
  if (
    expected !== null &&
    found.id !== expected &&
    (pinnedId !== null || !found.replaces.includes(expected))
  ) {
    return outage(
      'EASGATE_STORE_OTHER',
      `${place} is store ${found.id}, but this gateway knows store ${expected}: ${ACCEPT}`,
    );
  }
  if (known === null || (pinnedId !== null && known.id !== pinnedId)) return { kind: 'first' };
  if (found.epoch < known.epoch) {
    return outage(
      'EASGATE_STORE_EPOCH',
      `${place} has epoch ${found.epoch}, but this gateway knows epoch ${known.epoch}, so it is an old copy: ${ACCEPT}`,
    );
  }
  if (found.epoch > known.epoch || found.id !== known.id) return { kind: 'newEpoch' };
  const byMs = known.beat - found.beat;
  if (byMs <= 0) return { kind: 'same' };
  if (byMs <= rules.maxRollbackMs) return { kind: 'setBack', byMs };
  return outage(
    'EASGATE_STORE_ROLLED_BACK',
    `${place} lost ${Math.ceil(byMs / 1_000)} s of writes, so it is an old copy or a replica far behind: ${ACCEPT}`,
  );
}

function outage(code: StoreOutageCode, message: string): Finding {
  return { kind: 'outage', error: new StoreOutageError(code, message) };
}

/** The identity of a new store. */
export function newIdentity(): StoreIdentity {
  return { schema: STORE_SCHEMA, id: randomBytes(8).toString('hex'), epoch: 1, beat: 0, replaces: [] };
}

/** Former ids kept; a gateway that was away for longer needs its own `accept`. */
const MAX_REPLACED = 8;

/** The identity of a store that an operator accepts; every gateway that knew the former store adopts it. */
export function acceptedIdentity(known: KnownStore | null, found: StoreIdentity | null): StoreIdentity {
  const fresh = newIdentity();
  if (found === null) return known === null ? fresh : { ...fresh, id: known.id, epoch: known.epoch + 1 };
  const { id, replaces } = found;
  const former =
    known === null || known.id === id ? replaces : [...replaces.filter((one) => one !== known.id), known.id];
  const epoch = Math.max(found.epoch, known?.epoch ?? 0) + 1;
  return { ...found, epoch, replaces: former.slice(-MAX_REPLACED) };
}

/** Longest interval that counts as one beat: a longer pause, or a changed clock, counts as one second. */
const MAX_BEAT_MS = 5_000;
const BEAT_MS = 1_000;

/** The beat after `elapsedMs` of the store's clock; null = not due yet. */
export function nextBeat(beat: number, elapsedMs: number): number | null {
  if (elapsedMs >= 0 && elapsedMs < BEAT_MS) return null;
  return beat + (elapsedMs < 0 || elapsedMs > MAX_BEAT_MS ? BEAT_MS : elapsedMs);
}

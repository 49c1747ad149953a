// Owns which store the directory is: its id, epoch and beat, and whether what is found is still what a gateway knew. Pure.
// Threat: a store that came back empty, restored, replaced, or as a replica far behind reads as good news: blocked devices
// are unknown again, wipes that were taken back are pending again. Such a store is an outage until an operator accepts it.
import { randomBytes } from 'node:crypto';

/** The layout of the records that this version reads and writes. */
export const STORE_SCHEMA = 1;

/** What a store says of itself. */
export interface StoreIdentity {
  readonly schema: number;
  /** Drawn once, when the store is made. */
  readonly id: string;
  /** Grows whenever the content may not follow from what was there before: by `easgate store accept`, or a small roll-back. */
  readonly epoch: number;
  /** For how long gateways were connected to this store, in milliseconds; a store that lost writes shows an earlier one. */
  readonly beat: number;
  /** Ids of stores in whose place an operator accepted this one. */
  readonly replaces: readonly string[];
}

/** What a gateway remembers of its store. */
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

/** The store is not, or not provably, the one that is known: nothing is read from it or written to it. */
export class StoreOutageError extends Error {
  readonly code: StoreOutageCode;
  constructor(code: StoreOutageCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What a gateway holds against what it finds. */
export interface IdentityRules {
  /** Where the store is, for messages. */
  readonly place: string;
  /** `store.id`; null = any, as remembered. */
  readonly pinnedId: string | null;
  /** A larger loss is an outage, milliseconds. */
  readonly maxRollbackMs: number;
}

/** What comes of a comparison. */
export type Finding =
  | { readonly kind: 'same' }
  /** Seen for the first time. */
  | { readonly kind: 'first' }
  /** An operator accepted it, or another gateway saw that it lost a little: everything is read anew. */
  | { readonly kind: 'newEpoch' }
  /** It lost so many milliseconds of writes, no more than allowed: the epoch must be raised. */
  | { readonly kind: 'setBack'; readonly byMs: number }
  | { readonly kind: 'outage'; readonly error: StoreOutageError };

const ACCEPT = 'put the right one back, or accept this one with `easgate store accept`';

/** Compares what was found with what is known; null = nothing known, nothing found. */
export function judge(known: KnownStore | null, found: StoreIdentity | null, rules: IdentityRules): Finding {
  const { place, pinnedId } = rules;
  const expected = pinnedId ?? known?.id ?? null;
  if (found === null) {
    return expected === null
      ? outage(
          'EASGATE_STORE_UNINITIALISED',
          `${place} holds no directory: make one with \`easgate store init\``,
        )
      : outage(
          'EASGATE_STORE_MISSING',
          `${place} holds no directory, and this gateway knows store ${expected}: ${ACCEPT}`,
        );
  }
  if (found.schema !== STORE_SCHEMA) {
    return outage(
      'EASGATE_STORE_SCHEMA',
      `${place} has schema version ${found.schema}, this easgate reads ${STORE_SCHEMA}: use the fitting version`,
    );
  }
  if (
    expected !== null &&
    found.id !== expected &&
    (pinnedId !== null || !found.replaces.includes(expected))
  ) {
    return outage(
      'EASGATE_STORE_OTHER',
      `${place} is store ${found.id}, and this gateway knows store ${expected}: ${ACCEPT}`,
    );
  }
  if (known === null || (pinnedId !== null && known.id !== pinnedId)) return { kind: 'first' };
  if (found.epoch < known.epoch) {
    return outage(
      'EASGATE_STORE_EPOCH',
      `${place} has epoch ${found.epoch}, and this gateway knows epoch ${known.epoch}: an old copy; ${ACCEPT}`,
    );
  }
  if (found.epoch > known.epoch || found.id !== known.id) return { kind: 'newEpoch' };
  const byMs = known.beat - found.beat;
  if (byMs <= 0) return { kind: 'same' };
  if (byMs <= rules.maxRollbackMs) return { kind: 'setBack', byMs };
  return outage(
    'EASGATE_STORE_ROLLED_BACK',
    `${place} lost ${Math.ceil(byMs / 1_000)} s of what was written: an old copy, or a replica far behind; ${ACCEPT}`,
  );
}

function outage(code: StoreOutageCode, message: string): Finding {
  return { kind: 'outage', error: new StoreOutageError(code, message) };
}

/** A store that is made now. */
export function newIdentity(): StoreIdentity {
  return { schema: STORE_SCHEMA, id: randomBytes(8).toString('hex'), epoch: 1, beat: 0, replaces: [] };
}

/** Former ids kept; gateways that were away for longer need an `accept` of their own. */
const MAX_REPLACED = 8;

/** The identity that a store gets when an operator accepts it: every gateway that knew the former one takes it. */
export function acceptedIdentity(known: KnownStore | null, found: StoreIdentity | null): StoreIdentity {
  const fresh = newIdentity();
  if (found === null) return known === null ? fresh : { ...fresh, id: known.id, epoch: known.epoch + 1 };
  const { id, replaces } = found;
  const former =
    known === null || known.id === id ? replaces : [...replaces.filter((one) => one !== known.id), known.id];
  const epoch = Math.max(found.epoch, known?.epoch ?? 0) + 1;
  return { ...found, epoch, replaces: former.slice(-MAX_REPLACED) };
}

/** Longest time that counts as one beat: a longer pause, or a clock that was set, counts as one second. */
const MAX_BEAT_MS = 5_000;
const BEAT_MS = 1_000;

/** The beat after `elapsedMs` of the store's clock; null = it is not time for another one. */
export function nextBeat(beat: number, elapsedMs: number): number | null {
  if (elapsedMs >= 0 && elapsedMs < BEAT_MS) return null;
  return beat + (elapsedMs < 0 || elapsedMs > MAX_BEAT_MS ? BEAT_MS : elapsedMs);
}

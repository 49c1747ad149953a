// Owns the check that the store in use is the known one. It judges every identity read, records it, reports findings,
// and says when to refuse work and when to discard everything read before.
import { judge } from './store-identity.ts';
import type { Finding, KnownStore, StoreIdentity } from './store-identity.ts';
import { readMemory, writeMemory } from './store-memory.ts';
import type { StoreMemory } from './store-memory.ts';

/** A log line about the store; `facts` has a `code`. */
export type OnStoreEvent = (
  level: 'info' | 'warn' | 'error',
  facts: Readonly<Record<string, unknown>>,
  text: string,
) => void;

/** What a process expects of its store. */
export interface GuardOptions {
  /** Where the identity is recorded; null = nowhere: any store is accepted when it is opened. */
  readonly memory: StoreMemory | null;
  /** `store.id`; null = any. */
  readonly id: string | null;
  /** A larger loss of writes counts as an outage, in milliseconds. */
  readonly maxRollbackMs: number;
  /** The process serves: it writes the beat and records the identity. Commands only compare. */
  readonly serves: boolean;
  readonly onEvent: OnStoreEvent;
}

/** Why a store cannot be used, with a stable code. */
export type StoreTrouble = Error & { readonly code: string };

/** For a store without a known identity. */
export const UNGUARDED: GuardOptions = {
  memory: null,
  id: null,
  maxRollbackMs: 10_000,
  serves: false,
  onEvent: () => undefined,
};

/** After this many refused beats in a row the store is logged as unwritable; a single one may meet a lock, or a failover. */
const REFUSED_BEATS = 4;

/** The recorded beat lags by at most this much. */
const REMEMBER_EVERY_MS = 5_000;

/** One per opened store. */
export class StoreGuard {
  readonly options: GuardOptions;
  readonly place: string;
  /** Why reads and writes are refused; null = no problem. */
  trouble: StoreTrouble | null = null;
  /** Grows when everything read before may be invalid. */
  generation = 0;
  private remembered: KnownStore | null;
  private current: KnownStore | null;
  private writable = true;
  /** Beats in a row that were refused. */
  private refused = 0;
  /** Why the last {@link REFUSED_BEATS} beats or more were refused. */
  private refusedBecause: string | null = null;

  /** @throws StoreMemoryError */
  constructor(place: string, options: GuardOptions) {
    this.place = place;
    this.options = options;
    this.remembered = options.memory === null ? null : readMemory(options.memory);
    this.current = this.remembered;
  }

  /** Null until an identity was read, now or in an earlier run. */
  get known(): KnownStore | null {
    return this.current;
  }

  /** The epoch of the store in use; 0 = none was read yet. */
  get epoch(): number {
    return this.current?.epoch ?? 0;
  }

  /** Why the store, which can be read, takes no changes; null = it takes them, or this process writes no beat. */
  get refusal(): string | null {
    return this.refusedBecause;
  }

  /** Whether a store may be created here: none is known whose place it would take. */
  get mayCreate(): boolean {
    return this.current === null && this.options.id === null;
  }

  judge(found: StoreIdentity | null): Finding {
    const { id, maxRollbackMs } = this.options;
    return judge(this.current, found, { place: this.place, pinnedId: id, maxRollbackMs });
  }

  /**
   * Judges an identity. True = the store lost few writes and its epoch must be raised; then call again with the new
   * identity.
   * @throws StoreOutageError
   */
  see(found: StoreIdentity | null): boolean {
    const finding = this.judge(found);
    if (finding.kind === 'outage') this.fail(finding.error);
    if (finding.kind === 'setBack') {
      this.tellSetBack(finding.byMs);
      return true;
    }
    const { id, epoch, beat } = found as StoreIdentity;
    this.current = { id, epoch, beat };
    if (finding.kind === 'newEpoch') {
      this.generation++;
      const facts = {
        code: 'EASGATE_STORE_EPOCH_RAISED',
        event: 'store_epoch_raised',
        store: this.place,
        id,
        epoch,
      };
      this.options.onEvent(
        'warn',
        facts,
        'the directory has a new epoch: everything is read again, and pending wipes are suspended until they are ordered again',
      );
    }
    this.recover();
    this.remember(finding.kind !== 'same');
    return false;
  }

  /** Marks the store as unusable; logged once. @throws the error */
  fail(error: StoreTrouble): never {
    if (this.trouble?.code !== error.code) {
      const facts = { code: error.code, event: 'store_outage', store: this.place, cause: error.message };
      this.options.onEvent(
        'error',
        facts,
        'the directory is not the known one: only last known verdicts are used',
      );
    }
    this.trouble = error;
    throw error;
  }

  /** Also records the last beat. */
  close(): void {
    if (this.trouble === null) this.remember(true);
  }

  private recover(): void {
    if (this.trouble === null) return;
    this.trouble = null;
    const facts = { code: 'EASGATE_STORE_BACK', event: 'store_back', store: this.place };
    this.options.onEvent('info', facts, 'the directory is the known one again');
  }

  /** Called after each beat: null = it was written, else why it was refused. Reads still work then, so nothing else would report that changes are refused. */
  noteBeat(refusal: string | null): void {
    const wasTold = this.refused >= REFUSED_BEATS;
    this.refused = refusal === null ? 0 : this.refused + 1;
    this.refusedBecause = this.refused < REFUSED_BEATS ? null : refusal;
    if (wasTold === this.refused >= REFUSED_BEATS) return;
    const facts = { store: this.place, ...(refusal === null ? {} : { cause: refusal }) };
    if (refusal === null)
      this.options.onEvent(
        'info',
        { code: 'EASGATE_STORE_WRITABLE', event: 'store_writable', ...facts },
        'the directory takes changes again',
      );
    else
      this.options.onEvent(
        'error',
        { code: 'EASGATE_STORE_UNWRITABLE', event: 'store_unwritable', ...facts },
        'the directory can be read but takes no changes: phones are served, but decisions and reports are refused',
      );
  }

  private tellSetBack(byMs: number): void {
    if (this.trouble !== null) return;
    const facts = {
      code: 'EASGATE_STORE_SET_BACK',
      event: 'store_set_back',
      store: this.place,
      lost_ms: byMs,
    };
    this.options.onEvent('warn', facts, 'the directory lost its latest writes: check recent decisions');
  }

  /** Logs that entries of the change log are gone, after they were read. */
  tellLost(): void {
    const facts = { code: 'EASGATE_STORE_SET_BACK', event: 'store_set_back', store: this.place };
    this.options.onEvent('warn', facts, 'the directory lost its latest writes: look at recent decisions');
  }

  /** Another process of this machine may have recorded a newer state. */
  private remember(now: boolean): void {
    const { memory, serves } = this.options;
    const { current, remembered } = this;
    if (memory === null || !serves || current === null || !this.writable) return;
    if (!now && remembered !== null && current.beat - remembered.beat < REMEMBER_EVERY_MS) return;
    try {
      const stored = readMemory(memory);
      const isNewer =
        stored !== null &&
        stored.id === current.id &&
        (stored.epoch > current.epoch || (stored.epoch === current.epoch && stored.beat >= current.beat));
      if (!isNewer && (now || stored === null || stored.id === current.id)) writeMemory(memory, current);
      this.remembered = current;
    } catch (error) {
      this.writable = false;
      const facts = { code: 'EASGATE_STORE_MEMORY', path: memory.path, cause: String(error) };
      const text =
        'the identity of the store cannot be recorded for the next start: make the folder writable, or set store.id';
      this.options.onEvent('warn', facts, text);
    }
  }
}

// Owns one serving gateway: builds store, verdict cache, recorder and data plane from a configuration, and closes them.
import { hostname } from 'node:os';
import { messageOf } from '../caught-error.ts';
import { monotonicNow } from '../clock.ts';
import { everyAbout } from '../coalesced-timers.ts';
import { cacheOptions, gatewaySettings } from '../config/gateway-settings.ts';
import { journalOptions } from '../config/journal-settings.ts';
import { workerPolicy } from '../config/served-policy.ts';
import type { PolicySource } from '../config/served-policy.ts';
import { storeOptions } from '../config/store-settings.ts';
import type { Config } from '../config/schema.ts';
import type { StoreStateListener } from '../directory/change-follower.ts';
import type { WorkerHealth, WorkerStatus } from '../supervisor/messages.ts';
import { openStore } from '../directory/open-store.ts';
import { PartnershipRecorder } from '../directory/partnership-recorder.ts';
import { CorruptRecordError } from '../model/corrupt-record.ts';
import { askedAgainWhileSlow } from '../directory/background-timeout.ts';
import { StoreOutageError } from '../directory/store-identity.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { VerdictCache } from '../directory/verdict-cache.ts';
import { startGateway } from '../gateway/gateway.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { Counts, packCells } from '../metrics/counts.ts';
import { METRICS } from '../metrics/definitions.ts';
import { ProcessCounts } from '../telemetry/process-counts.ts';
import { takeWorker } from './worker-counts.ts';
import { openAccessLog } from './open-access-log.ts';
import { Journal } from '../journal/journal.ts';
import { JournalWriter } from '../journal/journal-writer.ts';
import { openJournalAppender } from '../journal/open-journal.ts';
import { openLog } from '../telemetry/logger.ts';
import type { ProcessLog } from '../telemetry/logger.ts';
import { Summary } from '../telemetry/summary.ts';
import { atOnce } from '../in-turns.ts';
import { activeOf, describedPolicies, followPolicy } from './worker-policies.ts';
import { NO_VERSIONS } from './policy-follower.ts';
import type { PoliciesInUse } from './policy-follower.ts';

/** Options that depend on the process, not on the configuration. */
export interface ServingOptions {
  /** Address of the built-in mail server; null = a real one is configured. */
  readonly sampleUrl: string | null;
  /** An open socket to listen on; null = bind one. */
  readonly fd: number | null;
  /** The policy document that was checked with the configuration; null or absent = read the file now. */
  readonly policy?: PolicySource | null;
  /** Of several workers this one writes what concerns the whole gateway into the journal; absent = true. */
  readonly recordsForGateway?: boolean;
  /** Monotonic milliseconds, in place of the system's clock. */
  readonly clock?: () => number;
  /** The directory has another shared secret than this process uses: another store was accepted. */
  readonly onOutdated?: () => void;
}

/** A serving gateway. */
export interface Serving {
  readonly gateway: Gateway;
  readonly store: DirectoryStore;
  readonly verdicts: VerdictCache;
  readonly log: ProcessLog;
  /** All metrics of this process, packed (metrics/counts.ts). */
  metrics(): string;
  /** Reopens all log files, as after a rotation. Throws when one cannot be opened; it is still the old one then. */
  reopenLogs(): void;
  health(): WorkerHealth;
  /** Never rejects. */
  status(): Promise<WorkerStatus>;
  /** Writes pending records and closes the store; close or drain the gateway first. */
  close(): Promise<void>;
}

const WARN_AGAIN_MS = 10_000;
const JOURNAL_SWEEP_MS = 5_000;
const JOURNAL_EARLY_MS = 1_000;

/** Rejects, with nothing left open, when a part cannot start. */
export async function startServing(config: Config, options: ServingOptions): Promise<Serving> {
  const log = openLog(config.log.level, config.log.destination, config.log.format);
  /** Undone in reverse order. */
  const undo: (() => Promise<void> | void)[] = [() => log.drain()];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const store = await openStore(storeOptions(config), {
      serves: true,
      onEvent: (level, facts, text) => log.logger[level](facts, text),
    });
    undo.push(() => store.close());
    const counts = new Counts();
    // The clock of the gateway's deadlines counts its lag.
    const own = new ProcessCounts(counts, 'worker', false);
    undo.push(() => own.close());
    const { journal, writer } = await openJournal(config, log, undo);
    const storeState = watchStore(log, journal);
    const lookups = {
      ...cacheOptions(config),
      onLookupError: warnOf(log, config.log.identities),
      onStoreState: storeState.listen,
      onLookup: (ms: number, failed: boolean): void => {
        counts.observe(METRICS.lookups, ms / 1_000);
        if (failed) counts.add(METRICS.lookupFailures);
      },
    };
    const configured = atOnce(workerPolicy(config, options.policy ?? null));
    const stored = followPolicy(config, store, log, (policies, isDecided) => {
      const { live, shadow, rollout } = policies;
      if (options.recordsForGateway ?? true)
        journal.happened('policy_changed', {
          version: live?.version.version,
          name: live?.version.name ?? undefined,
          by: live?.version.author,
          shadow: shadow?.version.version,
          rollout: rollout?.version.version,
        });
      if (isDecided) verdicts.usePolicies(activeOf(policies, configured));
      verdicts.useShadow(shadow?.policy ?? null);
    });
    undo.push(() => stored?.close());
    const inUse = (await askedAgainWhileSlow(async () => stored?.start())) ?? NO_VERSIONS;
    const verdicts = new VerdictCache(store, configured, {
      ...lookups,
      onPolicyChange: () => stored?.check(),
    });
    verdicts.usePolicies(activeOf(inUse, configured));
    verdicts.useShadow(inUse.shadow?.policy ?? null);
    await askedAgainWhileSlow(() => verdicts.start());
    // A version may have been published after the versions were read, and before changes are followed.
    stored?.check();
    undo.push(() => verdicts.stop());
    const recorder = new PartnershipRecorder(store, monotonicNow, Date.now, (signal) =>
      journal.signalled(signal),
    );
    undo.push(() => recorder.close());
    const access = openAccessLog(config.log, log);
    undo.push(() => access?.drain());
    const { sampleUrl, fd } = options;
    const secret = await askedAgainWhileSlow(() => store.sharedSecret());
    const settings = gatewaySettings(config, sampleUrl, secret);
    storeState.onBack(() => void compareSecret(store, secret, options.onOutdated));
    const gateway = await startGateway({
      settings: { ...settings, listen: { ...settings.listen, fd } },
      verdicts,
      recorder,
      accessLog: access?.log ?? null,
      journal,
      counts,
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      onTrouble: (code, facts) => log.logger.warn({ code, ...named(facts, config.log.identities) }),
    });
    const linesDropped = (): number => log.dropped() + (access?.dropped() ?? 0);
    const totals = (): Record<string, number> => countersOf(gateway, linesDropped(), writer.dropped);
    const summary = new Summary(log.logger, config.log.summarySeconds * 1_000, totals);
    undo.push(() => summary.close());
    const health = (): WorkerHealth => ({
      store: !storeState.away,
      storeRefusal: store.refusal,
      mailServer: gateway.hasMailServer(),
    });
    const status = (): Promise<WorkerStatus> =>
      statusOf({ store, verdicts }, health(), totals(), stored?.current ?? NO_VERSIONS);
    const metrics = (): string => {
      own.take(linesDropped());
      takeWorker(counts, {
        gateway,
        verdicts,
        storeUp: !storeState.away,
        storeWritable: store.refusal === null,
        journalDropped: writer.dropped,
        policies: stored?.current ?? NO_VERSIONS,
      });
      return packCells(counts.cells);
    };
    const reopenLogs = (): void => {
      log.reopen(config.log.level, config.log.destination);
      access?.reopen();
    };
    return { gateway, store, verdicts, log, metrics, reopenLogs, health, status, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The position is null where the directory does not answer. */
async function statusOf(
  { store, verdicts }: Pick<Serving, 'store' | 'verdicts'>,
  health: WorkerHealth,
  counters: Readonly<Record<string, number>>,
  policies: PoliciesInUse,
): Promise<WorkerStatus> {
  const { user, system } = process.cpuUsage();
  return {
    pid: process.pid,
    uptimeSeconds: Math.round(process.uptime()),
    health,
    counters,
    verdicts: { hits: verdicts.hits, misses: verdicts.misses },
    store: store.kind,
    policies: describedPolicies(policies),
    position: health.store ? await store.position().catch(() => null) : null,
    shadow: verdicts.shadowCounts(),
    stateAgeMs: Math.round(verdicts.stateAgeMs()),
    cpuSeconds: (user + system) / 1e6,
    memoryBytes: process.memoryUsage.rss(),
  };
}

/** Opens the journal and sweeps it regularly; its end is added to `undo`. A gateway starts and serves without its store. */
async function openJournal(
  config: Config,
  { logger }: ProcessLog,
  undo: (() => Promise<void> | void)[],
): Promise<{ readonly journal: Journal; readonly writer: JournalWriter }> {
  const store = await openJournalAppender(journalOptions(config));
  undo.push(() => store.close());
  const gateway = hostname();
  const writer = new JournalWriter(store, gateway, (error) => {
    if (error === null) logger.info({ code: 'EASGATE_JOURNAL_BACK' }, 'the journal is written again');
    else
      logger.warn(
        { code: 'EASGATE_JOURNAL_AWAY', cause: messageOf(error) },
        'the journal cannot be written; phones are not affected, and the latest events wait',
      );
  });
  undo.push(() => writer.close());
  const journal = new Journal(logger, { identities: config.log.identities, sink: writer, gateway });
  const endSweeps = everyAbout(JOURNAL_SWEEP_MS, JOURNAL_EARLY_MS, () => journal.sweep());
  undo.push(() => {
    endSweeps();
    journal.close();
  });
  return { journal, writer };
}

/** The counters since the start of the worker, and the current requests. */
function countersOf(
  gateway: Gateway,
  logLinesDropped: number,
  journalEntriesDropped: number,
): Record<string, number> {
  return {
    ...gateway.counters(),
    connections: gateway.connections(),
    heldPolls: gateway.heldPolls(),
    upstreamConnections: gateway.upstreamConnections(),
    unsentBytes: gateway.unsentBytes(),
    mailServersUsable: gateway.mailServers().usable,
    logLinesDropped,
    journalEntriesDropped,
  };
}

/** Removes identities from an event where they must not be logged: `client` is an address, `device` a phone. */
function named(
  facts: Readonly<Record<string, unknown>>,
  identities: boolean,
): Readonly<Record<string, unknown>> {
  return identities ? facts : { ...facts, client: undefined, device: undefined };
}

/** A store that was accepted in place of another one has its own secret: session tickets and sync keys depend on it. */
async function compareSecret(store: DirectoryStore, inUse: string, onOutdated = ignore): Promise<void> {
  try {
    if ((await store.sharedSecret()) !== inUse) onOutdated();
  } catch {
    // The store is away again; it is compared at its next return.
  }
}

function ignore(): void {
  // nobody replaces this process
}

interface StoreState {
  readonly away: boolean;
  readonly listen: StoreStateListener;
  /** Calls `work` at each return of the directory. */
  onBack(work: () => void): void;
}

/** Tracks whether the directory is unavailable, for probes; logs one line when it becomes unavailable and one when it returns. */
function watchStore({ logger }: ProcessLog, journal: Journal): StoreState {
  let since = 0;
  let back = ignore;
  const state = {
    away: false,
    onBack: (work: () => void): void => {
      back = work;
    },
    listen: (error: Error | null): void => {
      state.away = error !== null;
      if (error === null) {
        const seconds = Math.round((performance.now() - since) / 1_000);
        logger.info({ code: 'EASGATE_STORE_BACK', seconds }, 'the directory answers again');
        journal.happened('outage', { reason: 'storeUnavailable', seconds });
        back();
        return;
      }
      since = performance.now();
      logger.error(
        { code: 'EASGATE_STORE_AWAY', cause: messageOf(error) },
        'the directory does not answer; last known verdicts are used for outage.*Seconds',
      );
    },
  };
  return state;
}

/** Logs the first of many failed look-ups, and repeats while they continue. An unknown store is logged elsewhere. */
function warnOf({ logger }: ProcessLog, identities: boolean): (error: unknown) => void {
  const away = new Repeated();
  const unreadable = new Repeated();
  return (error) => {
    if (error instanceof StoreOutageError) return;
    const isUnreadable = error instanceof CorruptRecordError;
    const failures = (isUnreadable ? unreadable : away).count();
    if (failures === 0) return;
    const cause = messageOf(error);
    if (isUnreadable)
      logger.warn(
        // The record's name contains a device id, and mostly a user name.
        { code: error.code, record: identities ? error.record : undefined, failures },
        'a record is malformed, so its device is blocked: see `easgate check --store`',
      );
    else logger.warn({ code: 'EASGATE_LOOKUP_FAILED', failures, cause }, 'look-ups in the directory failed');
  };
}

/** Rate limit for events that may occur a thousand times a second: one report in ten seconds. */
class Repeated {
  private last = -Infinity;
  private unreported = 0;

  /** Number of events to report now, including this one; 0 = none yet. */
  count(): number {
    this.unreported++;
    const now = monotonicNow();
    if (now - this.last < WARN_AGAIN_MS) return 0;
    const reported = this.unreported;
    this.last = now;
    this.unreported = 0;
    return reported;
  }
}

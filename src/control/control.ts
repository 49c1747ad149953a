// Owns the control process: it runs beside the workers, under the control of the supervisor, keeps the read model, and runs the
// feeds while it leads. Phones do not depend on it.
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { configuredFeeds, feedStates } from '../app/feed-runs/configured-feeds.ts';
import { startFeeds } from '../app/feed-runs/start-feeds.ts';
import type { FeedEvents, RunningFeeds } from '../app/feed-runs/start-feeds.ts';
import { isReceived } from '../app/received/received-feeds.ts';
import { missedTriggers } from '../app/received/missed-triggers.ts';
import { codeOf, messageOf } from '../caught-error.ts';
import { fileTrouble } from '../file-words.ts';
import { endingExceptionWarnings } from '../app/ending-exceptions.ts';
import { unknownNameWarnings } from '../app/unknown-names.ts';
import { journalOptions } from '../config/journal-settings.ts';
import { parseConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { storeOptions } from '../config/store-settings.ts';
import { JournalIndexKeeper } from '../journal/journal-index-keeper.ts';
import { openJournalAppender } from '../journal/open-journal.ts';
import { keepTemporaryFilesIn } from '../directory/embedded/temporary-files.ts';
import { openStore } from '../directory/open-store.ts';
import { ThreadedModel } from '../directory/read-model/threaded-model.ts';
import { ModelReader } from '../directory/read-model/model-reader.ts';
import type { ModelReport } from '../directory/read-model/model-thread.ts';
import type { DirectoryStore } from '../directory/store.ts';
import type {
  ControlMetrics,
  ControlStartMessage,
  ControlStatus,
  FromControl,
  ModelStatus,
  ToControl,
} from '../supervisor/control-messages.ts';
import type { QuestionMessage } from '../supervisor/messages.ts';
import { tellSupervisor } from '../supervisor/tell-supervisor.ts';
import { Counts, packCells } from '../metrics/counts.ts';
import { METRICS } from '../metrics/definitions.ts';
import { openLog } from '../telemetry/logger.ts';
import type { ProcessLog } from '../telemetry/logger.ts';
import type { AdminServer } from './admin-server.ts';
import { AuditWatch } from './audit-watch.ts';
import { lowerPriority } from './low-priority.ts';
import { ProcessCounts } from '../telemetry/process-counts.ts';
import { feedSamples } from './feed-samples.ts';
import { FeedJournal } from './feed-journal.ts';
import { Leadership } from './leadership.ts';
import { openReceiveListener } from './receive/open-receive-listener.ts';
import type { OpenReceiveListener } from './receive/open-receive-listener.ts';
import { Receivers } from './receive/receivers.ts';
import { WarningWatch } from './warning-watch.ts';

/** Before the store is opened again. */
const RETRY_MS = 2_000;

/** Runs until a stop message, or the end of the supervisor. */
export function runControl(): void {
  let running: Control | null = null;
  const stop = async (): Promise<void> => {
    await running?.close();
    process.exit(0);
  };
  process.on('message', (message: ToControl) => {
    switch (message.type) {
      case 'start':
        try {
          running = new Control(message);
          tell({ type: 'ready' });
        } catch (error) {
          const code = codeOf(error, 'EASGATE_FAILED');
          tell({ type: 'failed', code, message: messageOf(error) });
        }
        break;
      case 'stop':
        void stop();
        break;
      case 'reopen':
        running?.reopenLog();
        break;
      case 'question':
        if (running !== null) void answer(running, message);
        break;
    }
  });
  process.on('disconnect', () => void stop());
  // The supervisor decides when it ends; Ctrl-C reaches the whole process group.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const) process.on(signal, ignore);
}

async function answer(running: Control, { id, question }: QuestionMessage): Promise<void> {
  tell({ type: 'answer', id, answer: question === 'metrics' ? await running.metrics() : running.status() });
}

function ignore(): void {
  // the supervisor sends the next message
}

function tell(message: FromControl): void {
  tellSupervisor(message);
}

class Control {
  private readonly config: Config;
  private readonly log: ProcessLog;
  private readonly path: string;
  private readonly model: ThreadedModel;
  private readonly journalIndex: JournalIndexKeeper | null;
  private readonly counts = new Counts();
  private readonly own = new ProcessCounts(this.counts, 'control');
  private trouble: string | null = null;
  private store: DirectoryStore | null = null;
  private leadership: Leadership | null = null;
  private feeds: RunningFeeds | null = null;
  private readonly listener: OpenReceiveListener | null;
  private receivers: Receivers | null = null;
  private feedJournal: FeedJournal | null = null;
  private unknownNames: WarningWatch | null = null;
  private exceptions: WarningWatch | null = null;
  private audits: AuditWatch | null = null;
  /** Null = it is not loaded yet, or the configuration wants none. */
  private admin: AdminServer | null = null;
  private readonly loading: Promise<void>;
  private ending: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor({ source }: ControlStartMessage) {
    this.config = parseConfig(source.text, source.path);
    const { log, control } = this.config;
    this.path = control.readModel ?? '';
    keepTemporaryFilesIn(dirname(this.path));
    this.log = openLog(log.level, log.destination, log.format);
    lowerPriority();
    this.model = new ThreadedModel(
      { path: this.path, store: storeOptions(this.config) },
      (report) => this.onReport(report),
      (cause) => {
        this.log.logger.error(
          { code: 'EASGATE_READ_MODEL', cause: String(cause) },
          'the thread of the read model ended: the control process starts again',
        );
        this.log.flush();
        process.exit(1);
      },
    );
    this.journalIndex = this.indexJournal();
    this.loading = this.config.admin.listen === undefined ? Promise.resolve() : this.startAdmin();
    this.listener = openReceiveListener(
      this.config,
      this.log.logger,
      () => this.receivers,
      () => this.feedJournal?.deliveries ?? null,
    );
    void this.lead();
  }

  status(): ControlStatus {
    return {
      pid: process.pid,
      uptimeSeconds: process.uptime(),
      memoryBytes: process.memoryUsage.rss(),
      readModel: modelStatus(this.path, this.model.report, Date.now()),
      leader: {
        isLeader: this.leadership !== null && this.leadership.fence !== null,
        holder: this.leadership?.leader?.holder ?? null,
        fence: this.leadership?.leader?.fence ?? null,
      },
      warnings: this.unknownNames?.warnings ?? [],
      endingExceptions: this.exceptions?.warnings ?? [],
      admin:
        this.config.admin.listen === undefined
          ? null
          : {
              url: this.admin?.url ?? null,
              trouble: this.admin?.trouble ?? null,
              missing: this.admin?.missing ?? null,
            },
    };
  }

  async metrics(): Promise<ControlMetrics> {
    const { counts, own, log, config } = this;
    own.take(log.dropped());
    const { readModel, leader } = this.status();
    counts.set(METRICS.leader, Number(leader.isLeader));
    const isWhole = readModel.phase === 'following' || readModel.phase === 'rebuilding';
    counts.set(METRICS.modelFollowing, Number(isWhole && readModel.trouble === null));
    counts.set(METRICS.modelAge, readModel.ageMs === null ? NaN : readModel.ageMs / 1_000);
    counts.set(METRICS.modelRows, readModel.rows);
    const feeds = leader.isLeader ? await feedSamples(config, Date.now()) : [];
    return { cells: packCells(counts.cells), feeds };
  }

  reopenLog(): void {
    const { level, destination } = this.config.log;
    try {
      this.log.reopen(level, destination);
    } catch (error) {
      this.log.logger.error(
        { code: 'EASGATE_LOG_REOPEN', cause: fileTrouble(error, destination) },
        'the old log file stays',
      );
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.own.close();
    this.unknownNames?.close();
    this.exceptions?.close();
    await this.loading;
    await this.admin?.close();
    await this.listener?.close();
    // Runs that are under way write with the lease: they end before it is given back, and before the store is closed.
    await this.endFeeds();
    await this.feedJournal?.close();
    await this.audits?.close();
    await this.leadership?.close();
    await this.store?.close();
    await Promise.all([this.model.close(), this.journalIndex?.close()]);
    await this.log.drain();
  }

  /** A journal in Redis is indexed here; one in a file has indices of its own. */
  private indexJournal(): JournalIndexKeeper | null {
    const options = journalOptions(this.config);
    if (options.kind === 'embedded' || options.index === undefined) return null;
    const { kind: _kind, index: path, retention, domains: _domains, ...redis } = options;
    const { logger } = this.log;
    return new JournalIndexKeeper({ path, redis, retention }, ({ trouble }) => {
      if (trouble === null)
        logger.info({ code: 'EASGATE_JOURNAL_INDEX_BACK', path }, 'the journal is indexed');
      else
        logger.warn(
          { code: 'EASGATE_JOURNAL_INDEX', path, cause: trouble },
          'the index of the journal is not kept: queries of the journal read it from Redis, which takes longer',
        );
    });
  }

  /** Its libraries take as long to load as the rest: a control process without the API does not load them. */
  private async startAdmin(): Promise<void> {
    const { AdminServer } = await import('./admin-server.ts');
    if (this.closed) return;
    this.admin = new AdminServer(this.config, {
      log: this.log,
      store: () => this.store,
      status: () => this.status(),
      feeds: () => this.feeds,
    });
    this.admin.start();
  }

  /** Tries to lead the control processes of the directory, as soon as the directory can be opened. */
  private async lead(): Promise<void> {
    const store = await this.openStore();
    if (store === null) return;
    this.store = store;
    if (this.config.feeds.length > 0) {
      const journal = await openJournalAppender(journalOptions(this.config));
      this.feedJournal = new FeedJournal(journal, this.log.logger);
      if (this.closed) {
        await this.feedJournal.close();
        return;
      }
    }
    this.watchWarnings();
    this.leadership = new Leadership(store.leases, (fence, refusal) => {
      this.leadFeeds(store, fence);
      if (fence === null)
        this.log.logger[this.closed ? 'info' : 'warn'](
          { code: 'EASGATE_LEADER_LOST', cause: refusal === null ? undefined : messageOf(refusal) },
          'this control process no longer leads',
        );
      else this.log.logger.info({ code: 'EASGATE_LEADER', fence }, 'this control process leads');
    });
    await this.leadership.start();
    if (!this.closed) this.watchAudit(store);
  }

  private watchAudit(store: DirectoryStore): void {
    this.audits = new AuditWatch(
      store,
      this.config,
      () => this.leadership !== null && this.leadership.fence !== null,
      (facts, text) => this.log.logger.warn(facts, text),
    );
    this.audits.start();
  }

  /** Starts the feeds when this process begins to lead, and ends them when it no longer does. */
  private leadFeeds(store: DirectoryStore, fence: number | null): void {
    void this.endFeeds();
    if (fence === null || this.closed || this.config.feeds.length === 0) return;
    const { logger } = this.log;
    const events: FeedEvents = {
      onRun: ({ name }, outcome, tookMs) => {
        const { held, devices, users } = outcome;
        this.feedJournal?.ran(name, outcome, tookMs);
        if (held.length > 0)
          logger.warn(
            { code: 'EASGATE_FEED_HELD', feed: name, reasons: held },
            'nothing was written: look at the source',
          );
        else logger.info({ code: 'EASGATE_FEED', feed: name, devices, users }, 'the feed was read');
      },
      onFailure: ({ name }, error, tookMs) => {
        this.feedJournal?.failed(name, error, tookMs);
        logger.warn(
          { code: 'EASGATE_FEED_FAILED', feed: name, cause: messageOf(error) },
          'the feed is tried again later',
        );
      },
    };
    try {
      const states = feedStates(this.config);
      const feeds = startFeeds(store, states, configuredFeeds(this.config), events, fence);
      this.feeds = feeds;
      if (!this.config.feeds.some(isReceived)) return;
      const trigger = (name: string): void => feeds.runNow(name);
      this.receivers = new Receivers(store, states, this.config, { fence, trigger });
      void missedTriggers(this.config, states).then((missed) => missed.forEach(trigger));
    } catch (error) {
      logger.error(
        { code: 'EASGATE_FEED_FAILED', cause: messageOf(error) },
        'no feed runs: correct the configuration',
      );
    }
  }

  /** Starts the checks for warnings once the directory and the read model can be read. */
  private watchWarnings(): void {
    const { store, config, path } = this;
    if (store === null || this.unknownNames !== null || this.model.report?.phase !== 'following') return;
    const reading = async (
      work: (reader: ModelReader) => Promise<readonly string[]> | readonly string[],
    ): Promise<readonly string[]> => {
      const reader = ModelReader.open(path, store.names);
      if (reader === null) throw new Error('the read model is not whole');
      try {
        return await work(reader);
      } finally {
        reader.close();
      }
    };
    const compare = (): Promise<readonly string[]> =>
      reading((reader) => unknownNameWarnings(store, config, reader));
    const look = (): Promise<readonly string[]> =>
      reading((reader) => endingExceptionWarnings(reader, Date.now()));
    // Not logged: their number changes often, and `easgate status` shows them.
    this.exceptions = new WarningWatch(look, () => undefined);
    void this.exceptions.start();
    const { logger } = this.log;
    this.unknownNames = new WarningWatch(compare, (warnings) => {
      if (warnings.length === 0)
        logger.info(
          { code: 'EASGATE_POLICY_NAMES' },
          'every group and attribute that the policy names is known',
        );
      for (const warning of warnings) logger.warn({ code: 'EASGATE_POLICY_NAMES' }, warning);
    });
    void this.unknownNames.start();
  }

  /** Resolves when all runs have ended, those of an earlier leadership too. */
  private async endFeeds(): Promise<void> {
    const { feeds, receivers } = this;
    this.feeds = null;
    this.receivers = null;
    if (feeds !== null) this.ending = Promise.all([this.ending, feeds.close(), receivers?.close()]);
    await this.ending;
  }

  /** Null = it was closed meanwhile. The read model's thread says what is wrong with the store. */
  private async openStore(): Promise<DirectoryStore | null> {
    while (!this.closed) {
      try {
        const store = await openStore(storeOptions(this.config));
        if (!this.closed) return store;
        await store.close();
      } catch {
        await pause(RETRY_MS);
      }
    }
    return null;
  }

  /** Logs each trouble once, and its end once. While the model is being built, the trouble has not ended: it may occur again. */
  private onReport({ phase, trouble }: ModelReport): void {
    this.watchWarnings();
    if (trouble === this.trouble || (trouble === null && phase !== 'following')) return;
    const { logger } = this.log;
    if (trouble === null)
      logger.info({ code: 'EASGATE_READ_MODEL_BACK', path: this.path }, 'the read model is kept again');
    else
      logger.warn(
        { code: 'EASGATE_READ_MODEL', path: this.path, cause: trouble },
        'the read model is not kept: lists and reports read the directory; phones are served without it',
      );
    this.trouble = trouble;
  }
}

function modelStatus(path: string, report: ModelReport | null, now: number): ModelStatus {
  const age = (at: number | null | undefined): number | null =>
    at === null || at === undefined ? null : Math.max(0, now - at);
  return {
    phase: report?.phase ?? 'starting',
    path,
    rows: report?.rows ?? 0,
    position: report?.position ?? null,
    ageMs: age(report?.confirmedAt),
    seenAgeMs: age(report?.fullReadAt),
    trouble: report?.trouble ?? null,
  };
}

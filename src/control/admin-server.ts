// Owns the admin API within the control process: it is tried again until its address can be listened on, and closed with the process.
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { AdminStore } from '../api/auth/admin-store.ts';
import { FleetAccounts, recordsOf } from '../api/auth/fleet-accounts.ts';
import type { ApiParts } from '../api/api-parts.ts';
import { threadedComparison } from '../api/comparisons/threaded-comparison.ts';
import { ApiError } from '../api/problems.ts';
import { recordInterrupted } from '../api/interrupted-changes.ts';
import { ThreadedQuestions } from '../api/questions/threaded-questions.ts';
import { dashboardTrouble } from '../api/routes/dashboard-files.ts';
import { startApi } from '../api/server.ts';
import type { RunningApi } from '../api/server.ts';
import type { RunningFeeds } from '../app/feed-runs/start-feeds.ts';
import { messageOf } from '../caught-error.ts';
import { journalOptions } from '../config/journal-settings.ts';
import { storeOptions } from '../config/store-settings.ts';
import type { Config } from '../config/schema.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { AuditLog } from '../journal/audit-log.ts';
import { LazyJournal } from '../journal/lazy-journal.ts';
import { openJournalStore } from '../journal/open-journal.ts';
import { askStatus } from '../supervisor/ask-status.ts';
import type { ControlStatus } from '../supervisor/control-messages.ts';
import type { ProcessLog } from '../telemetry/logger.ts';
import { readVersion } from '../program-version.ts';

const RETRY_MS = 5_000;
/** Longest wait for the primary process: requests to the API wait for its answer. */
const PRIMARY_MS = 5_000;

/** What the control process has of its own. */
export interface OfControl {
  readonly log: ProcessLog;
  /** Null = it is not open yet. */
  readonly store: () => DirectoryStore | null;
  readonly status: () => ControlStatus;
  /** Null = another process leads. */
  readonly feeds: () => RunningFeeds | null;
}

/** The admin API of one control process. */
export class AdminServer {
  private readonly config: Config;
  private readonly own: OfControl;
  private readonly audit: AuditLog;
  private api: RunningApi | null = null;
  private admin: AdminStore | null = null;
  private readonly questions: ThreadedQuestions;
  private readonly journal: LazyJournal;
  private failure: string | null = null;
  private readonly noDashboard = dashboardTrouble();
  private readonly stop = new AbortController();
  private starting: Promise<void> = Promise.resolve();
  /** Changes that an earlier process did not end are written to the audit. */
  private naming: Promise<void> = Promise.resolve();

  constructor(config: Config, own: OfControl) {
    this.config = config;
    this.own = own;
    const { control, identity } = config;
    this.questions = new ThreadedQuestions({ path: control.readModel ?? '', domains: identity.domains });
    this.journal = new LazyJournal(() => openJournalStore(journalOptions(config)));
    this.audit = new AuditLog(this.journal, (error) =>
      own.log.logger.error(
        { code: 'EASGATE_AUDIT', cause: error.message },
        'a change was made, but its entry in the audit could not be written',
      ),
    );
  }

  start(): void {
    this.starting = this.keepTrying();
  }

  /** Where it listens; null = it does not, see {@link trouble}. */
  get url(): string | null {
    return this.api?.url ?? null;
  }

  /** Why it does not listen; null = it does, or has not tried yet. */
  get trouble(): string | null {
    return this.failure;
  }

  /** Why it serves no dashboard; null = it does. */
  get missing(): string | null {
    return this.noDashboard;
  }

  async close(): Promise<void> {
    this.stop.abort();
    await Promise.all([this.starting, this.naming]);
    // Requests that wait for the read model fail first, so that the API can close.
    await Promise.all([this.questions.close(), this.api?.close()]);
    await this.journal.close();
    this.admin?.close();
  }

  private async keepTrying(): Promise<void> {
    const { logger } = this.own.log;
    while (!this.stop.signal.aborted) {
      try {
        this.admin ??= this.openAdmin();
        this.api = await startApi(this.partsWith(this.admin), this.own.log);
        this.failure = null;
        const served = this.missing === null ? 'the admin API and the dashboard are' : 'the admin API is';
        logger.info({ code: 'EASGATE_ADMIN', url: this.api.url }, `${served} served`);
        if (this.missing !== null) logger.warn({ code: 'EASGATE_DASHBOARD', cause: this.missing });
        return;
      } catch (error) {
        const cause = messageOf(error);
        if (cause !== this.failure)
          logger.error(
            { code: 'EASGATE_ADMIN_FAILED', address: this.config.admin.listen, cause },
            'the admin API is not served: it is tried again; phones are served without it',
          );
        this.failure = cause;
        await pause(RETRY_MS, undefined, { signal: this.stop.signal }).catch(() => undefined);
      }
    }
  }

  private openAdmin(): AdminStore {
    const admin = AdminStore.open(this.config.admin.file ?? '');
    try {
      admin.forgetUnanswered();
      const last = admin.begunChanges().at(-1);
      if (last !== undefined) this.naming = this.nameInterrupted(admin, last.id);
      return admin;
    } catch (error) {
      admin.close();
      throw error;
    }
  }

  /** The audit may be away when the gateway starts, as after a loss of power: it is tried again. */
  private async nameInterrupted(admin: AdminStore, upTo: number): Promise<void> {
    let isLogged = false;
    while (!this.stop.signal.aborted) {
      try {
        await recordInterrupted(admin, upTo, (change) => this.audit.recordOrFail(change), Date.now());
        return;
      } catch (error) {
        if (!isLogged)
          this.own.log.logger.error(
            { code: 'EASGATE_AUDIT', cause: messageOf(error) },
            'changes that were interrupted cannot be written to the audit yet: it is tried again',
          );
        isLogged = true;
        await pause(RETRY_MS, undefined, { signal: this.stop.signal }).catch(() => undefined);
      }
    }
  }

  private partsWith(admin: AdminStore): ApiParts {
    const { config, own, audit } = this;
    return {
      config,
      name: config.admin.name ?? hostname(),
      version: readVersion(),
      admin,
      ...(config.store.kind === 'redis' && {
        accounts: new FleetAccounts(admin, () => recordsOf(this.openStore())),
      }),
      audit,
      events: audit,
      store: () => this.openStore(),
      model: () => {
        this.openStore();
        return this.questions;
      },
      compare: threadedComparison({ store: storeOptions(config), settings: { policy: config.policy } }),
      journal: () => this.journal.get(),
      feeds: () => own.feeds(),
      control: () => own.status(),
      gateway: () => askStatus(config.workers.pidFile, PRIMARY_MS).catch(() => null),
    };
  }

  private openStore(): DirectoryStore {
    const store = this.own.store();
    if (store === null)
      throw new ApiError(
        'EASGATE_API_UNAVAILABLE',
        'the directory does not answer: phones are decided by what the workers remember; see the status',
      );
    return store;
  }
}

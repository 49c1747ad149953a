// Owns what the routes of the admin API use: the directory, the read model, the journal, the gateway's status.
import type { RunningFeeds } from '../app/feed-runs/start-feeds.ts';
import type { Config } from '../config/schema.ts';
import type { DirectoryStore } from '../directory/store.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { EventSink } from '../journal/event-sink.ts';
import type { JournalStore } from '../journal/journal-store.ts';
import type { ControlStatus } from '../supervisor/control-messages.ts';
import type { GatewayStatus } from '../supervisor/status-server.ts';
import type { AdminStore } from './auth/admin-store.ts';
import type { FleetAccounts } from './auth/fleet-accounts.ts';
import type { ComparePolicies } from './comparisons/threaded-comparison.ts';
import type { StreamTimes } from './event-streams.ts';
import type { PolicyChecks } from './policy-checks.ts';
import type { ModelQuestions } from './questions/model-questions.ts';

/** The parts. Those that may not be there yet throw a ProgramError or ApiError, which becomes 503. */
export interface ApiParts {
  readonly config: Config;
  /** Name of the gateway, for people. */
  readonly name: string;
  readonly version: string;
  readonly admin: AdminStore;
  /** Those of the fleet; absent = the gateway is alone. Started and closed with the API. */
  readonly accounts?: FleetAccounts;
  readonly audit: AuditSink;
  /** The journal takes what a change causes. */
  readonly events: EventSink;
  /** @throws ApiError EASGATE_API_UNAVAILABLE while it is not open */
  store(): DirectoryStore;
  /** The read model, which lists and reports read. @throws ApiError EASGATE_API_UNAVAILABLE while the directory is not open */
  model(): ModelQuestions;
  /** Compares policies over the whole directory, away from the requests of this process. */
  readonly compare: ComparePolicies;
  /** The journal and the audit. */
  journal(): Promise<JournalStore>;
  /** The feeds that this process runs; null = another one leads. */
  feeds(): RunningFeeds | null;
  /** Of this process. */
  control(): ControlStatus;
  /** Checks texts of policies; absent = a thread with the usual limits. It is closed with the API. */
  readonly checks?: PolicyChecks;
  /** Within which the body of a request that is no file must be there; absent = 30 seconds. */
  readonly bodyTimeoutMs?: number;
  /** Of streams of events; absent = the usual ones. */
  readonly streamTimes?: StreamTimes;
  /** Of the whole gateway; null = the primary does not answer. */
  gateway(): Promise<GatewayStatus | null>;
}

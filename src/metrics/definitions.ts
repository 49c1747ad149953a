// Owns the list of metrics: names, meanings, labels. docs/reference/metrics.md is generated from it. Pure.
import { allCommands } from '../eas/commands.ts';
import { ERRORS } from '../errors/request-errors.ts';
import { verdictActionSchema } from '../model/verdict.ts';
import { REASONS } from '../model/reason.ts';
import { Layout } from './layout.ts';
import type { Label } from './layout.ts';

/** The cells of every process. */
export const LAYOUT = new Layout();

const label = (name: string, values: readonly string[]): Label => ({ name, values });

/** `none`: a request that was refused before its command was known, or that is no command. */
export const COMMANDS = label('command', [
  ...allCommands().map(({ name }) => name),
  'OPTIONS',
  'Autodiscover',
  'none',
]);
/** `none`: there was no verdict, as for OPTIONS. */
export const VERDICTS = label('verdict', [...verdictActionSchema.options, 'none']);
/** Classes of the HTTP status. */
export const STATUSES = label('status', ['1xx', '2xx', '3xx', '4xx', '5xx']);
export const REASON_LABEL = label('reason', REASONS);
export const ERROR_CODES = label('code', Object.keys(ERRORS));
/** Why a connection was closed before its first request; each is a code in the log. */
export const REJECTION_CAUSES = label('code', [
  'EASGATE_MAX_CONNECTIONS',
  'EASGATE_MAX_CONNECTIONS_PER_ADDRESS',
  'EASGATE_MAX_HANDSHAKES',
  'EASGATE_NOT_A_PROXY',
  'EASGATE_PROXY_PROTOCOL',
  'EASGATE_CLIENT_CERTIFICATE',
]);
export const WIPE_OUTCOMES = label('outcome', ['directive', 'acknowledged', 'failed']);
export const CACHE_RESULTS = label('result', ['hit', 'miss']);
export const PROCESSES = label('process', ['primary', 'worker', 'control']);
export const WORKER_STATES = label('state', ['serving', 'draining', 'silent']);
export const RELOAD_RESULTS = label('result', ['success', 'failure']);
/** What a certificate is for. */
export const CERTIFICATE_USES = label('use', ['listener', 'client_ca', 'upstream_ca', 'upstream_client']);
export const POLICY_ROLES = label('role', ['live', 'shadow', 'rollout']);

/** Seconds. */
const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const CONNECT_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const LOOKUP_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
const LAG_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

const { counter, gauge, histogram } = {
  counter: LAYOUT.counter.bind(LAYOUT),
  gauge: LAYOUT.gauge.bind(LAYOUT),
  histogram: LAYOUT.histogram.bind(LAYOUT),
};

/** Every metric, by what it is called in the program. */
export const METRICS = {
  // requests
  requests: counter(
    'easgate_requests_total',
    'Finished requests, Autodiscover among them; other paths are in easgate_passages_total.',
    COMMANDS,
    VERDICTS,
    STATUSES,
  ),
  refusals: counter(
    'easgate_refusals_total',
    'Requests of quarantined and blocked phones, by the reason of the verdict (docs/reference/records.md).',
    REASON_LABEL,
  ),
  errors: counter(
    'easgate_request_errors_total',
    'Requests that ended with an error, by its code (docs/reference/errors.md).',
    ERROR_CODES,
  ),
  durations: histogram(
    'easgate_request_duration_seconds',
    'Time from the head of a request to the end of its answer, without held polls.',
    REQUEST_BUCKETS,
  ),
  received: counter('easgate_request_body_bytes_total', 'Bytes of request bodies, without their framing.'),
  sent: counter('easgate_response_body_bytes_total', 'Bytes of response bodies, without their framing.'),
  passages: counter(
    'easgate_passages_total',
    'Finished requests for the paths of passThrough, by class of the status.',
    STATUSES,
  ),
  rejected: counter(
    'easgate_connections_rejected_total',
    'Client connections that were closed before their first request, by code.',
    REJECTION_CAUSES,
  ),
  quarantineMessages: counter(
    'easgate_quarantine_messages_total',
    'Messages with a new reason that were announced or delivered to quarantined phones.',
  ),
  wipes: counter(
    'easgate_wipe_answers_total',
    'Requests of phones with a pending wipe: order sent, acknowledged, or failed.',
    WIPE_OUTCOMES,
  ),
  connections: gauge('easgate_connections', 'Open client connections.', 'sum'),
  heldPolls: gauge('easgate_held_polls', 'Polls that are held: Ping, and Sync that waits.', 'sum'),
  unsent: gauge('easgate_unsent_bytes', 'Bytes in memory that clients have not read yet.', 'sum'),
  // mail servers
  connects: histogram(
    'easgate_upstream_connect_seconds',
    'Time to connect to a mail server, with the TLS handshake.',
    CONNECT_BUCKETS,
  ),
  firstBytes: histogram(
    'easgate_upstream_first_byte_seconds',
    'Time from sending a request to the first byte of the response of a mail server, without held polls.',
    REQUEST_BUCKETS,
  ),
  retries: counter('easgate_upstream_retries_total', 'Requests that were sent to a mail server again.'),
  upstreamConnections: gauge('easgate_upstream_connections', 'Open connections to mail servers.', 'sum'),
  servers: gauge('easgate_upstream_servers', 'Mail servers that the configuration names.', 'max'),
  serversUsable: gauge(
    'easgate_upstream_servers_usable',
    'Mail servers in use, as the worker sees it that can use the fewest; others failed their health check or requests.',
    'min',
  ),
  // directory
  cache: counter(
    'easgate_verdict_cache_total',
    'Verdicts that were found in memory (hit), and look-ups in the directory (miss).',
    CACHE_RESULTS,
  ),
  stale: counter(
    'easgate_verdicts_stale_total',
    'Last known verdicts that were used while the directory did not answer (outage).',
  ),
  unavailable: counter(
    'easgate_verdicts_unavailable_total',
    'Questions for a verdict that had no answer: the phone got 503.',
  ),
  lookups: histogram(
    'easgate_lookup_duration_seconds',
    'Time of look-ups in the directory, with their wait for a place.',
    LOOKUP_BUCKETS,
  ),
  lookupFailures: counter(
    'easgate_lookup_failures_total',
    'Look-ups that failed: no answer, too slow, or a malformed record.',
  ),
  storeUp: gauge('easgate_store_up', '1 while the directory answers every worker, else 0.', 'min'),
  storeWritable: gauge(
    'easgate_store_writable',
    '1 while the directory takes changes, 0 when it can be read but has refused several changes in a row.',
    'min',
  ),
  stateAge: gauge(
    'easgate_state_age_seconds',
    'Age of the state that the oldest worker decides with: how long a change may take to arrive.',
    'max',
  ),
  // policy
  policyVersion: gauge(
    'easgate_policy_version',
    'Version of the policy of the directory; absent = none (a file, or the actions of the configuration).',
    'min',
    POLICY_ROLES,
  ),
  rolloutStart: gauge(
    'easgate_policy_rollout_start_time_seconds',
    'When the roll-out of a version to a part of the users began, Unix time; absent = none.',
    'min',
  ),
  policyReportOnly: gauge(
    'easgate_policy_report_only',
    '1 while the policy as a whole only reports and refuses no phone, else 0.',
    'max',
  ),
  // logs
  journalDropped: counter('easgate_journal_entries_dropped_total', 'Entries of the journal that were lost.'),
  linesDropped: counter(
    'easgate_log_lines_dropped_total',
    'Lines of logs that were lost, as the disk or the reader was too slow, by process.',
    PROCESSES,
  ),
  // control process
  controlUp: gauge(
    'easgate_control_up',
    '1 while the control process answers, else 0; absent = none is configured.',
    'max',
  ),
  leader: gauge('easgate_leader', '1 while the control process leads those of the directory, else 0.', 'max'),
  modelFollowing: gauge(
    'easgate_read_model_following',
    '1 while the read model is whole and follows the directory, or is rebuilt beside the one that is read; else 0.',
    'max',
  ),
  modelAge: gauge('easgate_read_model_age_seconds', 'Age of the read model.', 'max'),
  modelRows: gauge('easgate_read_model_rows', 'Rows of the read model.', 'max'),
  // the gateway as a whole
  workers: gauge(
    'easgate_workers',
    'Worker processes by state; silent: serves, and does not answer the primary.',
    'sum',
    WORKER_STATES,
  ),
  workersConfigured: gauge(
    'easgate_workers_configured',
    'Worker processes that the configuration wants.',
    'max',
  ),
  workerExits: counter('easgate_worker_exits_total', 'Workers that ended unexpectedly.'),
  controlExits: counter('easgate_control_exits_total', 'Control processes that ended unexpectedly.'),
  reloads: counter('easgate_config_reloads_total', 'Reloads of the configuration.', RELOAD_RESULTS),
  reloadOk: gauge(
    'easgate_config_last_reload_successful',
    '1 unless the last reload failed and the old configuration is still used, then 0.',
    'max',
  ),
  reloadTime: gauge(
    'easgate_config_last_reload_success_timestamp_seconds',
    'When the configuration in use was loaded, in Unix time.',
    'max',
  ),
  certificateEnd: gauge(
    'easgate_certificate_not_after_timestamp_seconds',
    'When the first certificate of this use ends, in Unix time; absent = none is configured.',
    'min',
    CERTIFICATE_USES,
  ),
  overloaded: gauge(
    'easgate_overloaded',
    '1 while a worker uses more memory than limits.maxMemoryBytes, else 0.',
    'max',
  ),
  // processes
  startTime: gauge(
    'easgate_start_timestamp_seconds',
    'When the primary process started, in Unix time.',
    'max',
  ),
  cpu: counter('easgate_process_cpu_seconds_total', 'CPU time, by process.', PROCESSES),
  memory: gauge('easgate_process_resident_memory_bytes', 'Resident memory, by process.', 'sum', PROCESSES),
  lag: histogram(
    'easgate_event_loop_lag_seconds',
    'How late timers of the event loop are: of a worker those of its deadlines, of the others one a second, by process.',
    LAG_BUCKETS,
    PROCESSES,
  ),
};

/** Metrics whose labels are names of the configuration; their values are in the snapshot. */
export const NAMED_METRICS = {
  buildInfo: {
    name: 'easgate_build_info',
    kind: 'gauge',
    help: '1, with the version of easgate and of Node.js.',
    labels: ['version', 'node'],
  },
  feedSuccess: {
    name: 'easgate_feed_last_success_timestamp_seconds',
    kind: 'gauge',
    help: 'When a run of the feed was last applied, in Unix time; absent = never, or this gateway does not lead.',
    labels: ['feed'],
  },
  feedStale: {
    name: 'easgate_feed_stale',
    kind: 'gauge',
    help: '1 while the feed has missed `staleAfter` of its runs, else 0.',
    labels: ['feed'],
  },
  feedFailures: {
    name: 'easgate_feed_failures',
    kind: 'gauge',
    help: 'Runs of the feed that failed since the last one that did not.',
    labels: ['feed'],
  },
  feedHeld: {
    name: 'easgate_feed_held',
    kind: 'gauge',
    help: '1 while a brake holds the last run of the feed, else 0.',
    labels: ['feed'],
  },
} as const;

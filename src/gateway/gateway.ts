// Owns the life of one worker's data plane: start, react to changed decisions, drain, stop.
import type { Socket } from 'node:net';
import { monotonicNow } from '../clock.ts';
import { MassChange } from './access/mass-change.ts';
import type { Concerned } from './access/mass-change.ts';
import { FEW_PHONES } from './access/releases.ts';
import { RevalidationQueue } from './access/revalidation.ts';
import type { Revalidated } from './access/revalidation.ts';
import { ClientConnection } from './connection/client-connection.ts';
import { Deadlines } from './io/deadlines.ts';
import { GatewayCore } from './gateway-core.ts';
import type { EventJournal, RequestLog, SeenRecorder, VerdictSource } from './gateway-core.ts';
import type { ChangedKeys } from '../directory/verdict-cache.ts';
import { Listener } from './listener/listener.ts';
import type { CertificateSettings, GatewaySettings, UpstreamSettings } from './settings.ts';
import type { OnTrouble } from './trouble.ts';
import { Counts } from '../metrics/counts.ts';
import { METRICS, PROCESSES } from '../metrics/definitions.ts';
import { totalsOf } from '../metrics/totals.ts';
import type { Totals } from '../metrics/totals.ts';
import { statusClass } from './request-counts.ts';
import { Balancer } from './upstream/balancer.ts';

/** Options of {@link startGateway}. */
export interface GatewayOptions {
  readonly settings: GatewaySettings;
  readonly verdicts: VerdictSource;
  readonly recorder: SeenRecorder;
  readonly accessLog: RequestLog | null;
  /** Absent = no journal. */
  readonly journal?: EventJournal;
  readonly onTrouble?: OnTrouble;
  /** Where it counts; absent = counts of its own. */
  readonly counts?: Counts;
  /** Monotonic milliseconds, in place of the system's clock. */
  readonly clock?: () => number;
  /** Milliseconds since the epoch, in place of the system's time of day. */
  readonly wall?: () => number;
}

/** A running data plane. */
export interface Gateway {
  readonly port: number;
  /** What was counted so far. */
  counters(): Totals;
  /** Open client connections. */
  connections(): number;
  /** Bytes in memory that phones have not read. */
  unsentBytes(): number;
  /** Open upstream connections. */
  upstreamConnections(): number;
  /** Whether a mail server is in use: excluded neither by failures nor by its health check. */
  hasMailServer(): boolean;
  /** Mail servers, and those of them that are in use. */
  mailServers(): { readonly all: number; readonly usable: number };
  /** It uses more memory than allowed. */
  overloaded(): boolean;
  /** Polls held by mail servers or by the gateway. */
  heldPolls(): number;
  /**
   * Uses new certificates, and new client authorities, for further handshakes; throws when a certificate does not match
   * its key.
   */
  reloadCertificates(certificates: readonly CertificateSettings[], clientCa?: string | null): void;
  /**
   * Stops accepting, ends held polls with valid replies spread over `pollWindowMs`, and lets transfers finish, all
   * within `timeoutMs`.
   */
  drain(timeoutMs: number, pollWindowMs?: number): Promise<void>;
  /** Closes everything at once. */
  close(): Promise<void>;
}

const MEMORY_INTERVAL_MS = 1_000;
const WORKER = PROCESSES.values.indexOf('worker');

/** Listens and serves. Rejects when the address cannot be bound. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { settings, verdicts } = options;
  const onTrouble = options.onTrouble ?? (() => undefined);
  const counts = options.counts ?? new Counts();
  let drained: (() => void) | null = null;
  let memoryAt = 0;
  const revalidations = new RevalidationQueue(
    verdicts.refresh === undefined ? null : (asked, onAnswer) => verdicts.refresh?.(asked, onAnswer),
  );
  const deadlines: Deadlines = new Deadlines(
    (now, lateMs) => {
      counts.observe(METRICS.lag, lateMs / 1_000, WORKER);
      upstreams.sweep(now);
      revalidations.sweep(now);
      core.releases.sweep(now, revalidations, massChange.isBusy || revalidations.isBusy);
      core.sweep();
      listener.sweep(now);
      if (now - memoryAt >= MEMORY_INTERVAL_MS) {
        memoryAt = now;
        watchMemory(core, onTrouble);
      }
      if (drained !== null && listener.connections === 0) drained();
      // Work that goes on with the next ticks.
      if (drained !== null || massChange.isBusy || revalidations.isWaiting || core.releases.waiting > 0)
        deadlines.keepTicking();
    },
    options.clock,
    options.wall,
  );
  const balance = (upstream: UpstreamSettings): Balancer =>
    new Balancer(
      upstream,
      () => deadlines.now,
      (server, cause, isLast) =>
        onTrouble(server.usable ? 'EASGATE_UPSTREAM_BACK' : 'EASGATE_UPSTREAM_OUT', {
          server: server.settings.name,
          cause,
          ...(isLast && { still_used: true }),
        }),
    );
  const upstreams = balance(settings.upstream);
  const { accessLog } = options;
  const { passThrough } = settings;
  const own = passThrough?.server ?? null;
  const { health } = settings.upstream;
  // Loaded only where configured, for their libraries.
  const { HealthChecks } =
    health === null ? { HealthChecks: null } : await import('./upstream/health-checks.ts');
  const lane =
    passThrough === null
      ? null
      : new (await import('./pass-through/lane.ts')).PassThroughLane(
          passThrough,
          own === null ? upstreams : balance({ ...settings.upstream, servers: [own] }),
          (line) => {
            counts.add(METRICS.passages, statusClass(line.status));
            accessLog?.recordPassage(line, monotonicNow());
          },
        );
  const core = new GatewayCore({ ...options, upstreams, deadlines, lane, onTrouble, counts });
  const onPhone = (socket: Socket, endpoint: ConstructorParameters<typeof ClientConnection>[2]): void => {
    // The connection is kept alive by its socket, which refers to it.
    void new ClientConnection(socket, core, endpoint);
  };
  const listener: Listener = new Listener(settings, deadlines, counts, onPhone, onTrouble);
  const massChange = new MassChange(revalidations, core.releases);
  const stopListening = verdicts.onChange((changed) => {
    if (changed.policy === true) massChange.begin(openRequests(deadlines));
    else revalidateOpen(deadlines, revalidations, changed);
  });
  await listener.start();
  const { port } = listener;
  deadlines.start();
  const checks =
    HealthChecks === null || health === null ? null : new HealthChecks(health, upstreams.servers);

  const stop = async (): Promise<void> => {
    stopListening();
    listener.stop();
    await lane?.close();
    listener.destroyAll();
    upstreams.close();
    await checks?.close();
    await core.close();
    deadlines.stop();
  };

  return {
    port,
    counters: () => totalsOf(counts.cells),
    connections: () => listener.connections,
    unsentBytes: () => listener.unsentBytes,
    upstreamConnections: () => upstreams.open,
    hasMailServer: () => upstreams.servers.some(({ usable }) => usable),
    mailServers: () => ({
      all: upstreams.servers.length,
      usable: upstreams.servers.filter(({ usable }) => usable).length,
    }),
    overloaded: () => core.overloaded,
    heldPolls: () => countPolls(deadlines),
    reloadCertificates: (certificates, clientCa = null) => listener.tls?.reload(certificates, clientCa),
    drain: async (timeoutMs, pollWindowMs = 0) => {
      core.draining = true;
      listener.stop();
      drainAll(deadlines, pollWindowMs);
      lane?.drain();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      await stop();
    },
    close: stop,
  };
}

/** Spreads the end of held polls evenly, so that phones do not reconnect all at once. */
function drainAll(deadlines: Deadlines, windowMs: number): void {
  const polls = countPolls(deadlines);
  let seen = 0;
  forEachConnection(deadlines, (connection) => {
    if (connection.holdsPoll) connection.drain(deadlines.now + (windowMs * seen++) / polls);
    else connection.drain(deadlines.now + windowMs);
  });
}

function countPolls(deadlines: Deadlines): number {
  let polls = 0;
  forEachConnection(deadlines, (connection) => {
    if (connection.holdsPoll) polls++;
  });
  return polls;
}

function watchMemory(core: GatewayCore, onTrouble: OnTrouble): void {
  const { maxMemoryBytes } = core.settings.client;
  if (maxMemoryBytes === 0) return;
  const resident = process.memoryUsage.rss();
  const overloaded = resident > maxMemoryBytes;
  if (overloaded && !core.overloaded) onTrouble('EASGATE_OVERLOADED', { resident, maxMemoryBytes });
  core.overloaded = overloaded;
}

/**
 * One pass over the open exchanges per batch of changes. Held polls need no index: ten thousand of them take about a
 * millisecond.
 */
function revalidateOpen(deadlines: Deadlines, queue: RevalidationQueue, changed: ChangedKeys): void {
  const concerned: Revalidated[] = [];
  forEachConnection(deadlines, ({ driver }) => {
    if (changed.all || driver.change.concerns(changed.devices, changed.users)) concerned.push(driver.change);
  });
  queue.addAll(concerned, concerned.length > FEW_PHONES);
}

/** Open requests, in the order of their connections in the sweep. */
function openRequests(deadlines: Deadlines): Concerned[] {
  const open: Concerned[] = [];
  forEachConnection(deadlines, ({ driver }) => void open.push(driver.change));
  return open;
}

function forEachConnection(deadlines: Deadlines, visit: (connection: ClientConnection) => void): void {
  for (let slot = deadlines.size - 1; slot >= 0; slot--) {
    const timed = deadlines.at(slot);
    if (timed instanceof ClientConnection) visit(timed);
  }
}

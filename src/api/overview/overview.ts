// Owns the overview: tiles with their lines, newest refusals, traffic, health, standing warnings; and the stream of counters.
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicNow } from '../../clock.ts';
import { feedHealth } from '../../app/feed-runs/feed-health.ts';
import type { FeedHealth } from '../../app/feed-runs/schedule.ts';
import { newestEntries } from '../../app/journal.ts';
import { certificateEnds, certificateRemarks } from '../../config/certificate-checks.ts';
import type { CertificateEnd, CertificateRemark } from '../../config/certificate-checks.ts';
import type { ModelReader } from '../../directory/read-model/model-reader.ts';
import { stateOfAction } from '../../model/access-state.ts';
import type { JournalEntry } from '../../model/journal.ts';
import type { StreamEvent } from '../event-streams.ts';
import type { ApiParts } from '../parts.ts';
import { SlowAnswers } from '../slow-answers.ts';
import {
  certificateHealth,
  directoryHealth,
  feedsHealth,
  gatewayHealth,
  mailServerHealth,
} from './health.ts';
import { tilesNow } from './tiles.ts';
import type { TileName, TilesNow } from './tiles.ts';
import { Traffic } from './traffic.ts';
import type { TrafficNow } from './traffic.ts';
import { Trends } from './trends.ts';
import { Warnings } from './warnings.ts';

const DAY_MS = 86_400_000;
const REFUSALS = 20;
const REASONS = 20;
/** Files are read again after so long. */
const FILES_MS = 10_000;
/** Between two counters of the stream. */
const COUNTERS_MS = 2_000;

interface Files {
  readonly readAt: number;
  /** Null = the configuration of a feed cannot be used. */
  readonly feeds: readonly FeedHealth[] | null;
  readonly ends: readonly CertificateEnd[];
  readonly remarks: readonly CertificateRemark[];
}

/** The overview of one gateway. Samples are taken from {@link start} to {@link close}. */
export class Overview {
  private readonly parts: ApiParts;
  private readonly traffic: Traffic;
  private readonly trends: Trends;
  private readonly warnings = new Warnings();
  private readonly counted = new SlowAnswers<TilesNow>(monotonicNow);
  private files: Files | null = null;

  constructor(parts: ApiParts) {
    this.parts = parts;
    this.traffic = new Traffic(() => parts.gateway());
    this.trends = new Trends(parts.admin, this.traffic, () => this.tiles(Date.now())?.counts ?? null);
  }

  start(): void {
    this.trends.start();
  }

  close(): void {
    this.trends.close();
  }

  /** The answer to `showOverview`. `now`: milliseconds since the epoch. */
  async show(now: number): Promise<object> {
    const [traffic, files, refusals] = await Promise.all([
      this.traffic.look(),
      this.readFiles(now),
      this.refusals(now),
    ]);
    const tiles = this.tiles(now);
    const asOf = this.model()?.state().confirmedAt;
    const lines = this.trends.lines(now, tiles?.counts ?? null);
    const { status, stateAgeMs, requestsPerSecond, heldPolls } = traffic;
    const tile = (name: TileName): object => {
      const count = tiles?.counts[name] ?? 0;
      const before = lines.yesterday?.[name];
      return { count, trend: lines.tiles[name], changed: before === undefined ? null : count - before };
    };
    return {
      gateway: this.parts.name,
      asOf: asOf === undefined ? null : new Date(asOf).toISOString(),
      tiles: {
        allowed: tile('allowed'),
        quarantined: tile('quarantined'),
        blocked: tile('blocked'),
        unknown: tile('unknown'),
        wiping: tile('wiping'),
        exceptions: tile('exceptions'),
      },
      unknownSplit: tiles?.unknown ?? { allowed: 0, quarantined: 0, blocked: 0 },
      reasons: (tiles?.refused ?? []).slice(0, REASONS),
      refusals,
      traffic: { requestsPerSecond, heldPolls, requests: lines.requests, verdicts: lines.verdicts },
      health: {
        gateway: gatewayHealth(status),
        directory: directoryHealth(status, stateAgeMs),
        mailServers: mailServerHealth(status),
        feeds: feedsHealth(files.feeds),
        certificates: certificateHealth(files.ends, now),
      },
      warnings: this.warnings.list(
        { status, control: this.control(), feeds: files.feeds ?? [], remarks: files.remarks },
        now,
      ),
      stateAgeMs,
    };
  }

  /** Counters every two seconds, until the signal. */
  async *follow(signal: AbortSignal): AsyncIterable<StreamEvent> {
    while (!signal.aborted) {
      const now = Date.now();
      yield { data: this.countersOf(await this.traffic.look(), now) };
      await pause(COUNTERS_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private countersOf({ requestsPerSecond, heldPolls, stateAgeMs }: TrafficNow, now: number): object {
    const counts = this.tiles(now)?.counts;
    return {
      at: new Date(now).toISOString(),
      requestsPerSecond,
      heldPolls,
      stateAgeMs,
      tiles: {
        allowed: counts?.allowed ?? 0,
        quarantined: counts?.quarantined ?? 0,
        blocked: counts?.blocked ?? 0,
        unknown: counts?.unknown ?? 0,
        wiping: counts?.wiping ?? 0,
      },
    };
  }

  /** Null = the lists are not there. */
  private tiles(now: number): TilesNow | null {
    const model = this.model();
    return model === null ? null : this.counted.answer('tiles', () => tilesNow(model, now));
  }

  private model(): ModelReader | null {
    try {
      return this.parts.model();
    } catch {
      return null;
    }
  }

  private control() {
    try {
      return this.parts.control();
    } catch {
      return null;
    }
  }

  private async readFiles(now: number): Promise<Files> {
    if (this.files !== null && Math.abs(now - this.files.readAt) < FILES_MS) return this.files;
    const { config } = this.parts;
    this.files = {
      readAt: now,
      feeds: await feedsOf(this.parts, now),
      ends: certificateEnds(config),
      remarks: certificateRemarks(config, now),
    };
    return this.files;
  }

  /** The newest refusals of the journal, one for each device and reason; none where it cannot be read. */
  private async refusals(now: number): Promise<object[]> {
    const found = new Map<string, JournalEntry>();
    try {
      const journal = await this.parts.journal();
      const filter = { kinds: ['device_refused'], since: now - DAY_MS };
      for await (const { entries } of newestEntries(journal, 'journal', filter, REFUSALS * 5)) {
        for (const entry of entries) {
          const key = `${entry.device}\n${entry.user}\n${entry.reason}`;
          if (found.size < REFUSALS && !found.has(key)) found.set(key, entry);
        }
        break;
      }
    } catch {
      return [];
    }
    const model = this.model();
    return [...found.values()].map((entry) => refusalOf(entry, model));
  }
}

function refusalOf(
  { at, user, device, action, reason, rule, count }: JournalEntry,
  model: ModelReader | null,
) {
  const row =
    device === null
      ? undefined
      : model
          ?.page({ device }, [{ field: 'lastSeen', descending: true }], 10)
          .rows.find((one) => user === null || one.user === user);
  return {
    at,
    user,
    device,
    state:
      action === 'quarantine'
        ? 'quarantined'
        : stateOfAction(action ?? '') === 'wiping'
          ? 'wiping'
          : 'blocked',
    reason,
    rule,
    model: row?.model ?? null,
    os: row?.os ?? null,
    count,
  };
}

async function feedsOf({ config }: ApiParts, now: number): Promise<readonly FeedHealth[] | null> {
  try {
    return await feedHealth(config, now);
  } catch {
    return null;
  }
}

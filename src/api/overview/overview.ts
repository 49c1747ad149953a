// Owns the overview: tiles with their lines, newest refusals, traffic, health, standing warnings; and the stream of counters.
import { setTimeout as pause } from 'node:timers/promises';
import { feedHealth } from '../../app/feed-runs/feed-health.ts';
import type { FeedHealth } from '../../app/feed-runs/schedule.ts';
import { newestEntries } from '../../app/journal.ts';
import { exactIsoTime } from '../../app/times.ts';
import { certificateEnds, certificateRemarks } from '../../config/certificate-checks.ts';
import type { CertificateEnd, CertificateRemark } from '../../config/certificate-checks.ts';
import { stateOfAction } from '../../model/access-state.ts';
import type { JournalEntry } from '../../model/journal.ts';
import type { StreamEvent } from '../event-streams.ts';
import type { ApiParts } from '../api-parts.ts';
import type { PhoneKind } from '../questions/model-questions.ts';
import {
  certificateHealth,
  directoryHealth,
  feedsHealth,
  gatewayHealth,
  mailServerHealth,
} from './health.ts';
import { TileCounter } from './tile-counter.ts';
import type { TileName } from '../contract/tiles.ts';
import { Traffic } from './traffic.ts';
import type { TrafficNow } from './traffic.ts';
import { Trends } from './trends.ts';
import type { TrendRange } from './trends.ts';
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
  private readonly counter: TileCounter;
  private files: Files | null = null;

  constructor(parts: ApiParts) {
    this.parts = parts;
    this.counter = new TileCounter(async (now) => parts.model().ask('tiles', { now }));
    this.traffic = new Traffic(() => parts.gateway());
    this.trends = new Trends(
      parts.admin,
      this.traffic,
      async () => (await this.counter.tiles(Date.now()))?.counts ?? null,
    );
  }

  start(): void {
    this.trends.start();
  }

  close(): void {
    this.trends.close();
  }

  /** The answer to `showOverview`. `now`: milliseconds since the epoch; `range`: of the lines, null = what is there. */
  async show(now: number, range: TrendRange | null = null): Promise<object> {
    const [traffic, files, refusals, tiles, asOf] = await Promise.all([
      this.traffic.look(),
      this.readFiles(now),
      this.refusals(now),
      this.counter.tiles(now),
      this.confirmedAt(),
    ]);
    const lines = this.trends.lines(now, tiles?.counts ?? null, range);
    const { status, stateAgeMs, requestsPerSecond, heldPolls } = traffic;
    const tile = (name: TileName): object => {
      const count = tiles?.counts[name] ?? 0;
      const before = lines.before?.[name];
      return { count, trend: lines.tiles[name], changed: before === undefined ? null : count - before };
    };
    return {
      gateway: this.parts.name,
      range: lines.range,
      asOf: exactIsoTime(asOf),
      tiles: {
        allowed: tile('allowed'),
        quarantined: tile('quarantined'),
        blocked: tile('blocked'),
        unknown: tile('unknown'),
        wiping: tile('wiping'),
        exceptions: tile('exceptions'),
      },
      devices: tiles?.devices ?? 0,
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
      yield { data: await this.countersOf(await this.traffic.look(), now) };
      await pause(COUNTERS_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private async countersOf(
    { requestsPerSecond, heldPolls, stateAgeMs }: TrafficNow,
    now: number,
  ): Promise<object> {
    const counts = (await this.counter.tiles(now))?.counts;
    return {
      at: exactIsoTime(now),
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

  private async confirmedAt(): Promise<number | null> {
    try {
      return await this.parts.model().ask('confirmedAt', null);
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

  /**
   * The newest refusals of the journal, one for each device and reason, without phones that were let in since; none where it cannot be
   * read.
   */
  private async refusals(now: number): Promise<object[]> {
    const found = new Map<string, JournalEntry>();
    try {
      const journal = await this.parts.journal();
      const filter = { kinds: ['device_refused'], since: now - DAY_MS };
      for await (const { entries } of newestEntries(journal, 'journal', filter, REFUSALS * 5)) {
        for (const entry of entries) {
          const key = `${entry.device}\n${entry.user}\n${entry.reason}`;
          if (!found.has(key)) found.set(key, entry);
        }
        break;
      }
    } catch {
      return [];
    }
    const entries = [...found.values()];
    const kinds = await this.kindsOf(entries);
    return entries
      .map((entry, index) => ({ entry, kind: kinds[index] ?? null }))
      .filter(({ entry, kind }) => (kind?.allowedAt ?? 0) <= entry.at)
      .slice(0, REFUSALS)
      .map(({ entry, kind }) => refusalOf(entry, kind));
  }

  /** The phone of each entry; none where the read model is not there. */
  private async kindsOf(entries: readonly JournalEntry[]): Promise<readonly (PhoneKind | null)[]> {
    try {
      return await this.parts.model().ask(
        'phoneKinds',
        entries.map(({ device, user }) => ({ device, user })),
      );
    } catch {
      return [];
    }
  }
}

function refusalOf({ at, user, device, action, reason, rule, count }: JournalEntry, kind: PhoneKind | null) {
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
    model: kind?.model ?? null,
    os: kind?.os ?? null,
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

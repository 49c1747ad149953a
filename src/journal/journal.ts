// Owns the decision journal: events that an operator may need later, logged even without an access log. The
// number of lines is bounded: the first event of a device is logged at once, later ones once per window with a count.
import type { Logger } from 'pino';
import { monotonicNow } from '../clock.ts';
import type { JournalEvent } from '../model/event.ts';
import { detached, plain } from '../plain-text.ts';
import type { FinishedRequest } from '../telemetry/finished-request.ts';

interface Rule {
  readonly level: 'info' | 'warn';
  /** After the first line, at most one line per device in this time. */
  readonly windowMs: number;
  /** Fewest events in a window that are logged. */
  readonly from: number;
  /** Most devices counted separately; further ones are counted together. */
  readonly maxDevices: number;
}

/** Texts of a phone may be as long as a head and contain control characters. */
const MAX_TEXT = 256;
const MINUTE_MS = 60_000;
/** A refused phone keeps asking: one line per hour. */
const HOUR_MS = 3_600_000;
/** A phone that changes its network replaces a Ping now and then; this many in a minute are a loop. */
const LOOP = 5;

const RULES: Readonly<Record<JournalEvent, Rule>> = {
  device_throttled: { level: 'warn', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
  device_busy: { level: 'warn', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
  device_refused: { level: 'info', windowMs: HOUR_MS, from: 1, maxDevices: 10_000 },
  ping_superseded: { level: 'warn', windowMs: MINUTE_MS, from: LOOP, maxDevices: 1_000 },
  poll_ended: { level: 'info', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
  request_ended: { level: 'info', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
  wipe_told: { level: 'info', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
  wipe_acknowledged: { level: 'info', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
  wipe_failed: { level: 'warn', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
  device_respelled: { level: 'warn', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
};

/** Fields of a line beside its event; those of the latest event when it covers several. */
type Facts = Readonly<Record<string, string | boolean | undefined>>;

/** One device and one event. */
interface Series {
  facts: Facts;
  /** Events not yet logged. */
  count: number;
  since: number;
  /** The first line was logged. */
  told: boolean;
}

/** Counts events and logs them with pino, outside the request path. */
export class Journal {
  private readonly log: Logger;
  private readonly identities: boolean;
  private readonly now: () => number;
  private readonly series = new Map<JournalEvent, Map<string, Series>>();
  /** Events of devices beyond the bound, since the last line about them. */
  private readonly uncounted = new Map<JournalEvent, number>();
  private lines: { level: Rule['level']; line: object }[] = [];
  private scheduled = false;

  /** `identities` false: lines contain no names, and cover all devices together. */
  constructor(log: Logger, identities: boolean, now: () => number = monotonicNow) {
    this.log = log;
    this.identities = identities;
    this.now = now;
  }

  /** A request ended with an error, or is part of a wipe. */
  finished(exchange: FinishedRequest, address: string): void {
    switch (exchange.error) {
      case 'EASGATE_DEVICE_THROTTLED':
        this.note('device_throttled', exchange, address);
        break;
      case 'EASGATE_DEVICE_BUSY':
        this.note('device_busy', exchange, address);
        break;
      case 'EASGATE_SUPERSEDED':
        this.note('ping_superseded', exchange, address);
        break;
      case 'EASGATE_DECISION_CHANGED':
        this.note(exchange.held ? 'poll_ended' : 'request_ended', exchange, address);
        break;
      case null:
        if (exchange.wipe === 'directive') this.note('wipe_told', exchange, address);
        break;
      default:
        break;
    }
  }

  /** The mail server accepted the credentials of a refused request. */
  refused(exchange: FinishedRequest, address: string): void {
    const action = exchange.verdict?.action;
    if (action === 'block' || action === 'quarantine') this.note('device_refused', exchange, address);
  }

  /** A device answered a wipe order; `recorded` false: the wipe had been cancelled. */
  wipeAnswered(exchange: FinishedRequest, address: string, status: 1 | 2, recorded: boolean): void {
    this.note(status === 1 ? 'wipe_acknowledged' : 'wipe_failed', exchange, address, recorded);
  }

  /** A partnership used another spelling of its device id than before. */
  respelled(user: string, device: string, spellings: readonly string[]): void {
    const { identities } = this;
    this.count('device_respelled', {
      user: identities ? written(user) : undefined,
      device: identities ? written(device) : undefined,
      spellings: identities ? spellings.join(' ') : undefined,
    });
  }

  /** Called every few seconds: logs the counts of finished windows. */
  sweep(): void {
    const now = this.now();
    for (const event of this.series.keys()) this.sweepEvent(event, now, RULES[event].windowMs);
    this.tellUncounted();
  }

  /** Logs all counts. */
  close(): void {
    for (const event of this.series.keys()) this.sweepEvent(event, this.now(), 0);
    this.tellUncounted();
    this.flush();
  }

  private note(event: JournalEvent, exchange: FinishedRequest, address: string, recorded?: boolean): void {
    this.count(event, this.factsOf(exchange, address, recorded));
  }

  private count(event: JournalEvent, facts: Facts): void {
    const { from, maxDevices } = RULES[event];
    const name = `${facts['user'] ?? ''}\0${facts['device'] ?? ''}\0${facts['action'] ?? ''}\0${facts['reason'] ?? ''}`;
    let all = this.series.get(event);
    if (all === undefined) this.series.set(event, (all = new Map<string, Series>()));
    let one = all.get(name);
    if (one === undefined) {
      if (all.size >= maxDevices) {
        this.uncounted.set(event, (this.uncounted.get(event) ?? 0) + 1);
        return;
      }
      one = { facts, count: 0, since: this.now(), told: false };
      all.set(name, one);
    }
    one.facts = facts;
    one.count++;
    if (one.told || one.count < from) return;
    one.told = true;
    this.tell(event, one, undefined);
  }

  /** Copies texts only: references to the exchange or its head would keep them in memory. */
  private factsOf(exchange: FinishedRequest, address: string, recorded: boolean | undefined): Facts {
    const { identities } = this;
    return {
      client: identities ? detached(address) : undefined,
      user: identities ? written(exchange.user) : undefined,
      device: identities ? written(exchange.device) : undefined,
      device_type: written(exchange.deviceType),
      user_agent: written(exchange.userAgent),
      command: exchange.command ?? undefined,
      action: exchange.verdict?.action,
      reason: exchange.verdict?.reason,
      rule: exchange.verdict?.rule ?? undefined,
      recorded,
    };
  }

  private sweepEvent(event: JournalEvent, now: number, windowMs: number): void {
    const all = this.series.get(event);
    if (all === undefined) return;
    for (const [name, one] of all) {
      const elapsed = now - one.since;
      if (elapsed < windowMs) continue;
      if (one.told && one.count > 0) {
        this.tell(event, one, Math.round(elapsed / 1_000));
        one.since = now;
      } else {
        all.delete(name);
      }
    }
  }

  private tellUncounted(): void {
    if (this.uncounted.size === 0) return;
    const line = { event: 'journal_overflow', ...Object.fromEntries(this.uncounted) };
    this.uncounted.clear();
    this.write('warn', line);
  }

  private tell(event: JournalEvent, one: Series, seconds: number | undefined): void {
    this.write(RULES[event].level, { event, ...one.facts, count: one.count, seconds });
    one.count = 0;
  }

  private write(level: Rule['level'], line: object): void {
    this.lines.push({ level, line });
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.flush());
  }

  private flush(): void {
    this.scheduled = false;
    const { lines } = this;
    this.lines = [];
    for (const { level, line } of lines) this.log[level](line);
  }
}

function written(text: string | null): string | undefined {
  return text === null || text === '' ? undefined : detached(plain(text, MAX_TEXT));
}

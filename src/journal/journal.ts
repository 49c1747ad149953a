// Owns the decision journal: events that an operator may need later. They are logged even without an access log, and written
// to the store of the journal. The number of both is bounded (event-series.ts).
import type { Logger } from 'pino';
import { monotonicNow } from '../clock.ts';
import type { PartnershipSignal } from '../model/signal.ts';
import type { DeviceEvent, GatewayEvent } from '../model/event.ts';
import type { JournalEntry } from '../model/journal.ts';
import { detached, plain } from '../plain-text.ts';
import type { FinishedRequest } from '../telemetry/finished-request.ts';
import { EventSeries } from './event-series.ts';
import type { Facts, SeriesRule } from './event-series.ts';

interface Rule extends SeriesRule {
  /** Null = it is not logged: its place is the store of the journal. */
  readonly level: 'info' | 'warn' | null;
}

/** Where entries of the journal go. Called outside the request path. */
export interface JournalSink {
  /** Never throws, and never waits. */
  note(entry: JournalEntry): void;
}

/** Texts of a phone may be as long as a head and contain control characters. */
const MAX_TEXT = 256;
const MINUTE_MS = 60_000;
/** A refused phone keeps asking: one line per hour. */
const HOUR_MS = 3_600_000;
/**
 * Most devices with an event that an operator's change causes for all phones at once. No phone can cause it, and each open poll or
 * request ends once, so there are at most as many as open connections.
 */
const ALL_AT_ONCE = 10_000;
/** A phone that changes its network replaces a Ping now and then; this many in a minute are a loop. */
const LOOP = 5;

const RULES: Readonly<Record<DeviceEvent, Rule>> = {
  device_throttled: { level: 'warn', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
  device_busy: { level: 'warn', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
  device_refused: { level: 'info', windowMs: HOUR_MS, from: 1, maxDevices: 10_000 },
  ping_superseded: { level: 'warn', windowMs: MINUTE_MS, from: LOOP, maxDevices: 1_000 },
  poll_ended: { level: 'info', windowMs: MINUTE_MS, from: 1, maxDevices: ALL_AT_ONCE },
  request_ended: { level: 'info', windowMs: MINUTE_MS, from: 1, maxDevices: ALL_AT_ONCE },
  wipe_told: { level: 'info', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
  wipe_acknowledged: { level: 'info', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
  wipe_failed: { level: 'warn', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
  device_respelled: { level: 'warn', windowMs: MINUTE_MS, from: 1, maxDevices: 1_000 },
  verdict_changed: { level: null, windowMs: MINUTE_MS, from: 1, maxDevices: ALL_AT_ONCE },
  device_shared: { level: 'warn', windowMs: HOUR_MS, from: 1, maxDevices: 1_000 },
  agent_changed: { level: 'info', windowMs: HOUR_MS, from: 1, maxDevices: 1_000 },
  many_devices: { level: 'info', windowMs: HOUR_MS, from: 1, maxDevices: 1_000 },
};

/** What a log without identities leaves out. */
const IDENTITIES = { client: undefined, user: undefined, device: undefined, spellings: undefined } as const;

/** Options of a journal. */
export interface JournalSettings {
  /** False = log lines contain no names, and cover all devices together. Entries of the store name them always. */
  readonly identities: boolean;
  /** Absent = events are logged only. */
  readonly sink?: JournalSink;
  /** The host, for the entries of the store. */
  readonly gateway?: string | null;
  /** Monotonic. */
  readonly now?: () => number;
  readonly wall?: () => number;
}

/** Counts events and reports them, outside the request path. */
export class Journal {
  private readonly log: Logger;
  private readonly sink: JournalSink | null;
  private readonly gateway: string | null;
  private readonly wall: () => number;
  /** Counted by device; and, where the log names nobody, once more for the log. */
  private readonly named: EventSeries;
  private readonly nameless: EventSeries | null;
  private lines: { level: 'info' | 'warn'; line: object }[] = [];
  private scheduled = false;

  constructor(log: Logger, settings: JournalSettings) {
    const { identities, sink = null, gateway = null, now = monotonicNow, wall = Date.now } = settings;
    this.log = log;
    this.sink = sink;
    this.gateway = gateway;
    this.wall = wall;
    const toLog = {
      told: (event: DeviceEvent, facts: Facts, count: number, seconds: number | undefined) =>
        this.logEvent(event, facts, count, seconds),
      overflowed: (counts: Readonly<Record<string, number>>) => this.logOverflow(counts),
    };
    this.nameless = identities ? null : new EventSeries(RULES, toLog, now);
    this.named = new EventSeries(
      RULES,
      {
        told: (event, facts, count, seconds) => {
          if (identities) this.logEvent(event, facts, count, seconds);
          this.note(event, facts, count, seconds);
        },
        overflowed: (counts) => {
          if (identities) this.logOverflow(counts);
          const total = Object.values(counts).reduce((sum, one) => sum + one, 0);
          this.note('journal_overflow', counts, total, undefined);
        },
      },
      now,
    );
  }

  /** A request ended with an error, or is part of a wipe. */
  finished(exchange: FinishedRequest, address: string): void {
    switch (exchange.error) {
      case 'EASGATE_DEVICE_THROTTLED':
        this.count('device_throttled', factsOf(exchange, address));
        break;
      case 'EASGATE_DEVICE_BUSY':
        this.count('device_busy', factsOf(exchange, address));
        break;
      case 'EASGATE_SUPERSEDED':
        this.count('ping_superseded', factsOf(exchange, address));
        break;
      case 'EASGATE_DECISION_CHANGED':
        this.count(exchange.held ? 'poll_ended' : 'request_ended', factsOf(exchange, address));
        break;
      case null:
        if (exchange.wipe === 'directive') this.count('wipe_told', factsOf(exchange, address));
        break;
      default:
        break;
    }
  }

  /** The mail server accepted the credentials of a refused request. */
  refused(exchange: FinishedRequest, address: string): void {
    const action = exchange.verdict?.action;
    if (action === 'block' || action === 'quarantine')
      this.count('device_refused', factsOf(exchange, address));
  }

  /** A device answered a wipe order; `recorded` false: the wipe had been cancelled. */
  wipeAnswered(exchange: FinishedRequest, address: string, status: 1 | 2, recorded: boolean): void {
    this.count(status === 1 ? 'wipe_acknowledged' : 'wipe_failed', {
      ...factsOf(exchange, address),
      recorded,
    });
  }

  /** The directory noticed something when it recorded a partnership. */
  signalled(signal: PartnershipSignal): void {
    const { kind, user, device } = signal;
    const who = { user: written(user), device: written(device) };
    switch (kind) {
      case 'device_respelled':
        this.count(kind, { ...who, spellings: signal.spellings.join(' ') });
        break;
      case 'verdict_changed':
        this.count(kind, {
          ...who,
          action: signal.after.action,
          reason: signal.after.reason,
          action_before: written(signal.before.action),
          reason_before: written(signal.before.reason),
        });
        break;
      case 'device_shared':
        this.count(kind, { ...who, users: signal.users });
        break;
      case 'agent_changed':
        this.count(kind, { ...who, changes: signal.changes, user_agent: written(signal.userAgent) });
        break;
      case 'many_devices':
        // A user who invents ids is one series, whatever the ids.
        this.count(kind, { user: who.user, newest: who.device, devices: signal.devices });
        break;
    }
  }

  /** Something happened to the gateway as a whole: it is in the log already. */
  happened(event: GatewayEvent, facts: Facts): void {
    const { seconds, ...rest } = facts;
    this.note(event, rest, 1, typeof seconds === 'number' ? seconds : undefined);
  }

  /** Called every few seconds: reports the counts of finished windows. */
  sweep(): void {
    this.named.sweep();
    this.nameless?.sweep();
  }

  /** Reports all counts. */
  close(): void {
    this.named.close();
    this.nameless?.close();
    this.flush();
  }

  private count(event: DeviceEvent, facts: Facts): void {
    this.named.count(event, facts);
    this.nameless?.count(event, { ...facts, ...IDENTITIES, newest: undefined });
  }

  private note(
    kind: DeviceEvent | GatewayEvent,
    facts: Facts,
    count: number,
    seconds: number | undefined,
  ): void {
    if (this.sink === null) return;
    const { user, device, action, reason, rule, ...rest } = facts;
    const further = Object.entries(rest).filter((entry) => entry[1] !== undefined) as [
      string,
      string | number | boolean,
    ][];
    this.sink.note({
      at: this.wall(),
      kind,
      user: textOrNull(user),
      device: textOrNull(device),
      action: textOrNull(action),
      reason: textOrNull(reason),
      rule: textOrNull(rule),
      count,
      gateway: this.gateway,
      seconds: seconds ?? null,
      facts: further.length === 0 ? null : Object.fromEntries(further),
    });
  }

  private logEvent(event: DeviceEvent, facts: Facts, count: number, seconds: number | undefined): void {
    const { level } = RULES[event];
    if (level !== null) this.write(level, { event, ...facts, count, seconds });
  }

  private logOverflow(counts: Readonly<Record<string, number>>): void {
    this.write('warn', { event: 'journal_overflow', ...counts });
  }

  private write(level: 'info' | 'warn', line: object): void {
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

/** Copies texts only: references to the exchange or its head would keep them in memory. */
function factsOf(exchange: FinishedRequest, address: string): Facts {
  const verdict = exchange.releasedBy ?? exchange.verdict;
  return {
    client: detached(address),
    user: written(exchange.user),
    device: written(exchange.device),
    device_type: written(exchange.deviceType),
    user_agent: written(exchange.userAgent),
    command: exchange.command ?? undefined,
    action: verdict?.action,
    reason: verdict?.reason,
    rule: verdict?.rule ?? undefined,
  };
}

function textOrNull(value: Facts[string]): string | null {
  return value === undefined ? null : String(value);
}

function written(text: string | null): string | undefined {
  return text === null || text === '' ? undefined : detached(plain(text, MAX_TEXT));
}

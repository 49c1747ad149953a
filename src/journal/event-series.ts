// Owns the counting of events: the first one of a phone is reported at once, later ones once per window with a count. Bounded.
import type { DeviceEvent } from '../model/event.ts';

/** The facts of one event; of several that are reported together, those of the last one. */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/** How often events of one kind are reported. */
export interface SeriesRule {
  /** After the first time, at most once per device in this time. */
  readonly windowMs: number;
  /** Fewest events in a window that are reported. */
  readonly from: number;
  /** Most devices counted separately; further ones are counted together. */
  readonly maxDevices: number;
}

/** Called outside the request path. */
export interface SeriesListener {
  /** `seconds`: the time in which it happened `count` times; absent = it is the first of its kind. */
  told(event: DeviceEvent, facts: Facts, count: number, seconds: number | undefined): void;
  /** Events of devices beyond the bound, by their kind. */
  overflowed(counts: Readonly<Record<string, number>>): void;
}

/** One device and one event. */
interface Series {
  facts: Facts;
  /** Events that are not logged yet. */
  count: number;
  since: number;
  /** The first one was logged. */
  told: boolean;
}

export class EventSeries {
  private readonly rules: Readonly<Record<DeviceEvent, SeriesRule>>;
  private readonly listener: SeriesListener;
  private readonly now: () => number;
  private readonly series = new Map<DeviceEvent, Map<string, Series>>();
  /** Events of devices beyond the bound, since they were last told. */
  private readonly uncounted = new Map<DeviceEvent, number>();

  constructor(rules: Readonly<Record<DeviceEvent, SeriesRule>>, listener: SeriesListener, now: () => number) {
    this.rules = rules;
    this.listener = listener;
    this.now = now;
  }

  count(event: DeviceEvent, facts: Facts): void {
    const { from, maxDevices } = this.rules[event];
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

  /** Called every few seconds: reports the counts of finished windows. */
  sweep(): void {
    for (const event of this.series.keys()) this.sweepEvent(event, this.rules[event].windowMs);
    this.tellUncounted();
  }

  /** Reports all counts. */
  close(): void {
    for (const event of this.series.keys()) this.sweepEvent(event, 0);
    this.tellUncounted();
  }

  private sweepEvent(event: DeviceEvent, windowMs: number): void {
    const now = this.now();
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
    const counts = Object.fromEntries(this.uncounted);
    this.uncounted.clear();
    this.listener.overflowed(counts);
  }

  private tell(event: DeviceEvent, one: Series, seconds: number | undefined): void {
    const { count } = one;
    one.count = 0;
    this.listener.told(event, one.facts, count, seconds);
  }
}

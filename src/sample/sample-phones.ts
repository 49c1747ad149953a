// Owns the phones that use the gateway beside the sample mail server, so that lists and pages have something to show. They connect
// through the gateway's port like any phone, hold a poll, and try again a while after they were refused.
import { setTimeout as pause } from 'node:timers/promises';
import type { PhoneFamily } from './phone/families.ts';
import { Phone } from './phone/phone.ts';

/** One phone. */
export interface SamplePhone {
  readonly user: string;
  readonly password: string;
  readonly deviceId: string;
  readonly app: PhoneFamily;
}

const REFUSED_MS = 30_000;
/** Between the starts of two phones. */
const APART_MS = 50;
/** Seconds that a poll is held: short enough that pages show some traffic. */
const HEARTBEAT = 60;

/** Running phones. */
export class SamplePhones {
  private readonly stop = new AbortController();
  private readonly running: Promise<unknown>;

  /** `url`: of the gateway. `refusedMs`: how long a refused phone waits before it asks again. */
  constructor(url: string, phones: readonly SamplePhone[], refusedMs: number = REFUSED_MS) {
    const { signal } = this.stop;
    this.running = Promise.all(
      phones.map((phone, index) => use(url, phone, { startMs: index * APART_MS, refusedMs }, signal)),
    );
  }

  async close(): Promise<void> {
    this.stop.abort();
    await this.running;
  }
}

async function use(
  server: string,
  { user, password, deviceId, app }: SamplePhone,
  { startMs, refusedMs }: { readonly startMs: number; readonly refusedMs: number },
  signal: AbortSignal,
): Promise<void> {
  const phone = new Phone({ server, user, password, deviceId, family: app, heartbeat: HEARTBEAT });
  const wait = (ms: number): Promise<unknown> => pause(ms, undefined, { signal }).catch(() => undefined);
  await wait(startMs);
  while (!signal.aborted) {
    try {
      await phone.settle(signal);
      if (phone.idle) {
        await phone.step(signal);
        // Mostly at once: a poll ends when there is something to ask for.
        await wait(Math.min(phone.retryAfter * 1_000, refusedMs));
        continue;
      }
    } catch {
      // The gateway is restarting, or stops.
    }
    if (signal.aborted) break;
    await wait(refusedMs);
    phone.tryAgain();
  }
  await phone.close();
}

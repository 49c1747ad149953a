// Owns the health of the parts of a gateway, in words: the worst member of a part decides.
import type { CertificateEnd } from '../../config/certificate-checks.ts';
import type { FeedHealth } from '../../app/feed-runs/schedule.ts';
import { answeringWorkers } from '../../supervisor/status-server.ts';
import type { GatewayStatus } from '../../supervisor/status-server.ts';
import { isRefused } from '../../supervisor/store-refusal.ts';
import { OLD_STATE_MS } from '../contract/state-age.ts';

/** How a part is. */
export interface PartHealth {
  readonly state: 'good' | 'degraded' | 'bad' | 'off';
  readonly text: string;
}

const DAY_MS = 86_400_000;
/** A certificate that ends sooner than this needs attention, milliseconds. */
const SOON_MS = 30 * DAY_MS;
const VERY_SOON_MS = 7 * DAY_MS;

const UNKNOWN: PartHealth = { state: 'bad', text: 'the primary process does not answer' };

/** Of the workers. */
export function gatewayHealth(status: GatewayStatus | null): PartHealth {
  if (status === null) return UNKNOWN;
  const { phase, workers } = status;
  const silent = workers.filter((worker) => worker === null).length;
  if (phase !== 'serving') return { state: 'degraded', text: `the gateway is ${phase}` };
  if (silent > 0)
    return {
      state: silent === workers.length ? 'bad' : 'degraded',
      text: `${silent} of ${counted(workers.length, 'worker')} ${silent === 1 ? 'does' : 'do'} not answer`,
    };
  return {
    state: 'good',
    text: `${counted(workers.length, 'worker')} ${workers.length === 1 ? 'serves' : 'serve'}`,
  };
}

/** Of the directory, as the workers see it. */
export function directoryHealth(status: GatewayStatus | null, stateAgeMs: number | null): PartHealth {
  const workers = answeringWorkers(status);
  const [first] = workers;
  if (first === undefined) return UNKNOWN;
  const away = workers.filter(({ health }) => !health.store).length;
  if (away > 0)
    return {
      state: away === workers.length ? 'bad' : 'degraded',
      text: `${first.store} does not answer to ${away} of ${counted(workers.length, 'worker')}`,
    };
  if (workers.some(({ health }) => isRefused(health.storeRefusal)))
    return { state: 'degraded', text: `${first.store} answers, but takes no changes` };
  if (stateAgeMs !== null && stateAgeMs > OLD_STATE_MS)
    return { state: 'degraded', text: `the state is ${Math.round(stateAgeMs / 1_000)} s old` };
  return { state: 'good', text: `${first.store} answers to every worker` };
}

/** Of the mail servers, as the workers see them. */
export function mailServerHealth(status: GatewayStatus | null): PartHealth {
  const workers = answeringWorkers(status);
  if (workers.length === 0) return UNKNOWN;
  const without = workers.filter(({ health }) => !health.mailServer).length;
  if (without === 0) return { state: 'good', text: 'a mail server answers to every worker' };
  return {
    state: without === workers.length ? 'bad' : 'degraded',
    text: `no mail server answers to ${without} of ${counted(workers.length, 'worker')}`,
  };
}

/** Of the feeds; null = the configuration of one cannot be used. */
export function feedsHealth(feeds: readonly FeedHealth[] | null): PartHealth {
  if (feeds === null) return { state: 'bad', text: 'a feed of the configuration cannot be used' };
  if (feeds.length === 0) return { state: 'off', text: 'no feeds' };
  const bad = feeds.filter(({ state }) => state !== 'ok' && state !== 'never run');
  if (bad.length === 0) return { state: 'good', text: `${counted(feeds.length, 'feed')}, none late` };
  return {
    state: bad.some(({ isStale }) => isStale) ? 'bad' : 'degraded',
    text: `${feeds.length - bad.length} of ${feeds.length}; ${bad
      .slice(0, 3)
      .map(({ name, state }) => `${name} is ${state}`)
      .join(', ')}${bad.length > 3 ? ' …' : ''}`,
  };
}

/** Of the certificates, the next to end first. */
export function certificateHealth(ends: readonly CertificateEnd[], now: number): PartHealth {
  const [next] = ends;
  if (next === undefined) return { state: 'off', text: 'no certificates' };
  const left = next.endsAt - now;
  if (left <= 0) return { state: 'bad', text: `${next.name} has ended` };
  return {
    state: left < VERY_SOON_MS ? 'bad' : left < SOON_MS ? 'degraded' : 'good',
    text: `${counted(Math.floor(left / DAY_MS), 'day')} left for ${next.name}`,
  };
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

// Owns a store as a gateway uses it, with identity checks and verdict cache, and its log lines.
import { openStore } from '../../../src/directory/open-store.ts';
import type { StoreOptions } from '../../../src/directory/open-store.ts';
import type { StoreMemory } from '../../../src/directory/store-memory.ts';
import type { DirectoryStore } from '../../../src/directory/store.ts';
import { VerdictCache } from '../../../src/directory/verdict-cache.ts';
import type { Decision } from '../../../src/directory/verdict-cache.ts';
import type { DeviceKey } from '../../../src/identity/keys.ts';
import { compileSimplePolicy } from '../../../src/policy/compile/simple-policy.ts';
import { until } from '../checks/until.ts';
import { alice } from './directory-records.ts';

/** Allows unknown devices, so that a blocked phone would pass if the store were empty. */
const OPEN = compileSimplePolicy({ unknownDevice: 'allow' });

/** The parts of a gateway without its data plane. */
export interface GuardedGateway {
  readonly store: DirectoryStore;
  readonly verdicts: VerdictCache;
  /** Codes of the log lines about the store, in order. */
  codes(): string[];
  /** The verdict on a request of alice on the device, from the cache or by a look-up. */
  ask(device: string): Promise<Pick<Decision, 'verdict' | 'source'>>;
  /** Resolves when requests are decided from the store again (or no longer). */
  untilServed(device: string, served: boolean): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens it. `lifetimeMs`: lifetime of a cached verdict, none by default, so that each question is one to the store.
 * `maxRollbackMs`: by default more than a slow test loses with a restored store.
 */
export async function openGuarded(
  options: StoreOptions,
  { lifetimeMs = 0, maxRollbackMs = 600_000, memory = null as StoreMemory | null } = {},
): Promise<GuardedGateway> {
  const codes: string[] = [];
  const store = await openStore(
    { ...options, known: { memory, id: null, maxRollbackMs, ...options.known } },
    { serves: true, onEvent: (_level, { code }) => codes.push(String(code)) },
  );
  const bounds = {
    maxEntries: 100,
    maxUnknownEntries: 100,
    maxConcurrentLookups: 9,
    lookupTimeoutMs: 10_000,
  };
  const times = {
    lifetimeMs,
    unknownLifetimeMs: lifetimeMs,
    staleAllowedMs: 900_000,
    staleBlockedMs: 900_000,
  };
  const verdicts = new VerdictCache(store, OPEN, { ...bounds, ...times, onLookupError: () => undefined });
  await verdicts.start();
  const ask = async (device: string): Promise<Pick<Decision, 'verdict' | 'source'>> => {
    const known = verdicts.peek(alice, device as DeviceKey);
    return known === undefined
      ? verdicts.decide(alice, device as DeviceKey)
      : { verdict: known, source: 'store' };
  };
  return {
    store,
    verdicts,
    codes: () => codes,
    ask,
    untilServed: async (device, served) => {
      let source = '';
      const poll = async (): Promise<void> => {
        ({ source } = await ask(device));
      };
      await until(
        () => {
          void poll();
          return (source === 'store') === served && source !== '';
        },
        `the store to be ${served ? 'used' : 'refused'}`,
      );
    },
    close: async () => {
      await verdicts.stop();
      await store.close();
    },
  };
}

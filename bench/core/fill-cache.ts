// Owns filling a verdict cache from a directory, as a worker does, and the memory of it: a process of its own, so that nothing else is in
// its heap. Run with --expose-gc. Words: options of the store as JSON, how many verdicts. Prints the result as one JSON line.
import { patientCache } from './patient-cache.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import { openStore } from '../../src/directory/open-store.ts';
import type { StoreOptions } from '../../src/directory/open-store.ts';
import { workerPolicy } from '../../src/config/served-policy.ts';
import { atOnce } from '../../src/in-turns.ts';
import { fullPair } from './full-fleet.ts';
import { compliancePolicies, rules } from './large-policy.ts';

const [options = '', count = '0'] = process.argv.slice(2);
/** Looked up in another cache before memory is measured: what is compiled and made once is no part of a verdict. */
const WARM_UP = 1_000;
const AT_ONCE = 50;
const verdicts = Number(count);
const store = await openStore(JSON.parse(options) as StoreOptions);
const document = { rules: rules(), compliance: [...compliancePolicies(), { require: { compliant: true } }] };
const policy = workerPolicy({ policy: { file: '/policy.yaml', releaseRate: 200 } }, { texts: {}, document });
const policies = atOnce(policy);

/** A cache of so many verdicts; most of its memory for places is taken when it is made. */
const cacheOf = (maxEntries: number): VerdictCache =>
  new VerdictCache(store, policies, patientCache(maxEntries));

async function fill(cache: VerdictCache, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, to - at) }, (_, index) => {
        const { user, device } = fullPair(at + index);
        return cache.decide(user, device);
      }),
    );
}

function memory(): { readonly heap: number; readonly resident: number } {
  for (let pass = 0; pass < 3; pass++) globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, resident: rss };
}

await fill(cacheOf(WARM_UP), 0, WARM_UP);
const before = memory();
const cache = cacheOf(verdicts);
await fill(cache, WARM_UP, WARM_UP + verdicts);
const after = memory();
const actions: Record<string, number> = {};
for (let index = WARM_UP; index < WARM_UP + verdicts; index++) {
  const { user, device } = fullPair(index);
  const action = cache.peek(user, device)?.action ?? 'missing';
  actions[action] = (actions[action] ?? 0) + 1;
}
process.stdout.write(
  `${JSON.stringify({ heap: after.heap - before.heap, resident: after.resident - before.resident, actions })}\n`,
);
await store.close();
process.exit();

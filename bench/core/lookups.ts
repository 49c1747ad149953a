// Owns a steady rate of look-ups in a directory, as workers of gateways make them for requests they have no verdict for: a process of its
// own beside what is measured. It looks up until a line comes in, then prints the times as one JSON line. Words: options of the store as
// JSON, devices of the fleet, look-ups a second.
import { openStore } from '../../src/directory/open-store.ts';
import type { StoreOptions } from '../../src/directory/open-store.ts';
import { fullPair } from './full-fleet.ts';

const [options = '', devices = '1', rate = '1'] = process.argv.slice(2);
/** Look-ups that may be under way at once: what is late counts from its due time. */
const MAX_OPEN = 256;
const store = await openStore(JSON.parse(options) as StoreOptions);
const perMillisecond = Number(rate) / 1_000;
const times: number[] = [];
let [sent, open, errors, unknown] = [0, 0, 0, 0];
let isOver = false;

async function lookUp(due: number): Promise<void> {
  open++;
  try {
    // Spread over the fleet: 7,919 is prime.
    const { user, device } = fullPair((sent * 7_919) % Number(devices));
    const { device: found } = await store.lookup(user, device);
    if (found === null) unknown++;
    times.push(performance.now() - due);
  } catch {
    errors++;
  } finally {
    open--;
  }
}

const startedAt = performance.now();
const tick = (): void => {
  const due = Math.floor((performance.now() - startedAt) * perMillisecond);
  while (sent < due && open < MAX_OPEN) {
    sent++;
    void lookUp(startedAt + sent / perMillisecond);
  }
  if (!isOver) setTimeout(tick, 1);
};
tick();
process.stdout.write('looks up\n');

/** Counts anew at each line. */
process.stdin.setEncoding('utf8');
for await (const line of process.stdin) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
  process.stdout.write(
    `${JSON.stringify({ total: sorted.length, errors, unknown, p50: at(0.5), p99: at(0.99) })}\n`,
  );
  times.length = 0;
  [errors, unknown] = [0, 0];
  if (line.includes('end')) break;
}
isOver = true;
await store.close();

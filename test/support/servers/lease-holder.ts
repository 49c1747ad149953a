// Owns a process that leads: it opens a SQLite directory, takes the lease, and writes with its fence at each line on its input.
// Prints `leads FENCE`, `lost`, and after each write `written` or the code of the error.
import { createInterface } from 'node:readline';
import { Leadership } from '../../../src/control/leadership.ts';
import { EmbeddedStore } from '../../../src/directory/embedded/embedded-store.ts';
import type { DeviceKey } from '../../../src/identity/keys.ts';

const [, , path = '', leaseMs = ''] = process.argv;
const store = new EmbeddedStore(path);
const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
let fence = 0;
const leadership = new Leadership(
  store.leases,
  (now) => {
    // It keeps what it began with, as work that is under way does.
    if (now === null) say('lost');
    else say(`leads ${(fence = now)}`);
  },
  { times: { leaseMs: Number(leaseMs), renewMs: Number(leaseMs) / 4 } },
);
await leadership.start();
for await (const device of createInterface(process.stdin)) {
  const report = { key: device as DeviceKey, source: 'mdm', observedAt: 1, compliant: false };
  try {
    await store.putDevices([report], fence);
    say('written');
  } catch (error) {
    say(error instanceof Error && 'code' in error ? String(error.code) : String(error));
  }
}
await leadership.close();
await store.close();

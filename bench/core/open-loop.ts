// Owns many phones that each send a request once a second, whether or not the last one was answered in time (open loop). A
// process of its own on the second core: it connects, waits for a line, then prints the result as one JSON line.
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { SYNC_BODY, pollDevice, rawRequest } from './traffic.ts';

const [port, phoneCount, seconds] = process.argv.slice(2).map(Number);
const phones = phoneCount ?? 0;
const latencies: number[] = [];
let errors = 0;

/** A phone, with the times at which its unanswered requests were due. */
class Phone {
  readonly socket: Socket;
  readonly due: number[] = [];
  private readonly request: Buffer;

  constructor(index: number) {
    this.request = rawRequest('Sync', pollDevice(index), SYNC_BODY);
    this.socket = connect({ port: port ?? 0, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk: Buffer) => this.receive(chunk));
    this.socket.on('error', () => errors++);
  }

  send(due: number): void {
    this.due.push(due);
    this.socket.write(this.request);
  }

  private receive(chunk: Buffer): void {
    const due = this.due.shift();
    // A response of the backend is one small packet.
    if (due === undefined || chunk.toString('latin1', 9, 12) !== '200') errors++;
    else latencies.push(performance.now() - due);
  }
}

const crowd: Phone[] = [];
for (let index = 0; index < phones; index++) {
  const phone = new Phone(index);
  crowd.push(phone);
  await once(phone.socket, 'connect');
  // The first request of a device is looked up in the directory; only later ones count.
  phone.send(performance.now());
}
const answered = (count: number): boolean => latencies.length + errors >= count;
while (!answered(phones)) await new Promise((resolve) => setTimeout(resolve, 10));
if (errors > 0) throw new Error(`${errors} first requests failed`);
latencies.length = 0;
process.stdout.write('ready\n');
await once(process.stdin, 'data');

const total = phones * (seconds ?? 0);
const startedAt = performance.now();
let sent = 0;
await new Promise<void>((resolve) => {
  const tick = (): void => {
    const elapsed = performance.now() - startedAt;
    // Evenly over each second. Late requests count from their due time, so that a stall does not hide what it delayed.
    for (const end = Math.min(total, (elapsed * phones) / 1_000); sent < end; sent++)
      crowd[sent % phones]?.send(startedAt + (sent * 1_000) / phones);
    if (answered(total) || elapsed > (seconds ?? 0) * 1_000 + 5_000) resolve();
    else setTimeout(tick, 1);
  };
  tick();
});
latencies.sort((a, b) => a - b);
const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
const counted = { total: latencies.length, errors: total - latencies.length, p50: at(0.5), p99: at(0.99) };
process.stdout.write(`${JSON.stringify(counted)}\n`);

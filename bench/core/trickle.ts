// Owns a steady load at a given rate, for latencies: autocannon sends its rate in bursts, one a second.
// A process of its own on the second core; prints the result as one JSON line.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { DEVICES, SYNC_BODY, coldDevice, coldUser, rawRequest } from './traffic.ts';

const [port, seconds, rate, kind] = process.argv.slice(2);
const perMillisecond = Number(rate) / 1_000;
const latencies: number[] = [];
let errors = 0;
let sent = 0;

interface Phone {
  readonly socket: Socket;
  readonly device: string;
  /** The due time of the current request; 0 = none. */
  since: number;
}

function receive(phone: Phone, chunk: Buffer): void {
  // A response of the backend is one small packet.
  if (chunk.toString('latin1', 9, 12) !== '200') errors++;
  latencies.push(performance.now() - phone.since);
  phone.since = 0;
  idle.push(phone);
}

const idle: Phone[] = [];
const phones = await Promise.all(
  DEVICES.map(
    (device) =>
      new Promise<Phone>((resolve, reject) => {
        const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true });
        const phone: Phone = { socket, device, since: 0 };
        socket.once('connect', () => resolve(phone));
        socket.once('error', reject);
        socket.on('data', (chunk: Buffer) => receive(phone, chunk));
      }),
  ),
);
idle.push(...phones);

const startedAt = performance.now();
const total = Math.floor(Number(rate) * Number(seconds));
await new Promise<void>((resolve) => {
  const tick = (): void => {
    const elapsed = performance.now() - startedAt;
    const due = Math.min(total, Math.floor(elapsed * perMillisecond));
    while (sent < due && idle.length > 0) {
      const phone = idle.shift() as Phone;
      // Late requests are measured from their due time, so that a stall includes the requests it delayed.
      const request =
        kind === 'cold'
          ? rawRequest('Sync', coldDevice(sent), SYNC_BODY, coldUser(sent))
          : rawRequest('Sync', phone.device, SYNC_BODY);
      sent++;
      phone.since = startedAt + sent / perMillisecond;
      phone.socket.write(request);
    }
    if (latencies.length < total && elapsed < Number(seconds) * 1_000 + 5_000) {
      setTimeout(tick, 1);
    } else {
      resolve();
    }
  };
  tick();
});
for (const { socket } of phones) socket.destroy();
latencies.sort((a, b) => a - b);
const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
process.stdout.write(
  `${JSON.stringify({ total: latencies.length, errors: errors + total - latencies.length, p50: at(0.5), p99: at(0.99) })}\n`,
);

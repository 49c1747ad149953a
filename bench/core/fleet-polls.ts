// Owns the held polls of a fleet of gateways: a process of its own that opens them in turn at each gateway, and says when polls end and
// how the phone is answered then. Words: `user` = all phones have one, `users` = each has its own; the ports. Lines in: `hold TOTAL`, which opens further polls
// up to that many; `watch FROM COUNT STEP`, which waits until the polls of COUNT phones have ended: number FROM, and every STEPth one after it. Lines out: JSON. Times are on the clock that all processes share (CLOCK_MONOTONIC).
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { PING_BODY, SYNC_BODY, pollDevice, pollUser, rawRequest } from './traffic.ts';

const [users, ...words] = process.argv.slice(2);
const ports = words.map(Number);
/** Longest wait for polls to end. */
const PATIENCE_MS = 10_000;
/** Pause of a phone that was told to come again. */
const AGAIN_MS = 1_000;
/** Status 129: the device is blocked for this user (MS-ASCMD 2.2.2). */
const DENIED = Buffer.from('\u0003129\u0000', 'latin1');

/** A phone whose poll is held. */
interface Phone {
  readonly socket: Socket;
  readonly device: string;
  /** Absent = the user that all phones share. */
  readonly user: string | undefined;
  /** When its poll ended; null = it is held. */
  endedAt: number | null;
  /** Whether the request after the poll was refused; null = not answered yet. */
  denied: boolean | null;
}

const phones: Phone[] = [];
let watched: (() => void) | null = null;

/** Milliseconds. */
function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

async function hold(index: number): Promise<void> {
  const device = pollDevice(index);
  const socket = connect({ port: ports[index % ports.length] ?? 0, host: '127.0.0.1', noDelay: true });
  const user = users === 'users' ? pollUser(index) : undefined;
  const phone: Phone = { socket, device, user, endedAt: null, denied: null };
  phones.push(phone);
  socket.on('data', (chunk: Buffer) => answered(phone, chunk));
  socket.on('error', () => (phone.endedAt ??= sharedNow()));
  await once(socket, 'connect');
  socket.write(rawRequest('Ping', device, PING_BODY, user));
}

/** The end of the poll is followed by the next request of the phone, which tells why. */
function answered(phone: Phone, chunk: Buffer): void {
  if (phone.endedAt === null && chunk.toString('latin1', 9, 12) === '503') {
    // Too many phones come at once: this one comes again.
    setTimeout(() => phone.socket.write(rawRequest('Ping', phone.device, PING_BODY, phone.user)), AGAIN_MS);
    return;
  }
  if (phone.endedAt === null) {
    phone.endedAt = sharedNow();
    phone.socket.write(rawRequest('Sync', phone.device, SYNC_BODY, phone.user));
    return;
  }
  phone.denied ??= chunk.includes(DENIED);
  watched?.();
}

async function watch(from: number, count: number, step: number): Promise<void> {
  const some = Array.from({ length: count }, (_, index) => phones[from + index * step]).filter(
    (phone) => phone !== undefined,
  );
  const isOver = (): boolean => some.every(({ denied }) => denied !== null);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS);
    watched = () => {
      if (!isOver()) return;
      clearTimeout(timer);
      resolve();
    };
    watched();
  });
  watched = null;
  process.stdout.write(
    `${JSON.stringify({
      ended: some.map(({ endedAt }) => endedAt),
      denied: some.filter(({ denied }) => denied === true).length,
      held: phones.filter(({ endedAt }) => endedAt === null).length,
    })}\n`,
  );
}

process.stdin.setEncoding('utf8');
let text = '';
for await (const chunk of process.stdin) {
  text += String(chunk);
  const lines = text.split('\n');
  text = lines.pop() ?? '';
  for (const line of lines) {
    const [word, first, second, third] = line.split(' ');
    if (word === 'hold') {
      while (phones.length < Number(first)) await hold(phones.length);
      process.stdout.write(
        `${JSON.stringify({ opened: phones.length, ended: phones.filter(({ endedAt }) => endedAt !== null).length })}\n`,
      );
    } else void watch(Number(first), Number(second), Number(third));
  }
}

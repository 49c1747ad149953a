// Owns the promises of sockets that read into one shared buffer.
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { shareReads } from '../../../src/gateway/io/shared-reads.ts';
import type { SharedSocket } from '../../../src/gateway/io/shared-reads.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';

checkLeaks();

interface Accepted {
  readonly socket: Socket;
  readonly memory: ArrayBufferLike[];
  received: string;
}

/** A server whose sockets share their reads, and what they received; `goesOn` says whether a socket reads on. */
async function serverOf(goesOn: (accepted: Accepted) => boolean = () => true) {
  const all: Accepted[] = [];
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const accepted: Accepted = { socket, memory: [], received: '' };
    all.push(accepted);
    shareReads(socket);
    (socket as SharedSocket).reader = {
      onSharedBytes: (bytes) => {
        accepted.memory.push(bytes.buffer);
        accepted.received += bytes.toString('latin1');
        return goesOn(accepted);
      },
    };
    socket.on('error', () => undefined);
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  onTestFinished(async () => {
    for (const { socket } of all) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { all, port };
}

function phoneOf(port: number): Socket {
  const phone = connect(port, '127.0.0.1');
  phone.on('error', () => undefined);
  onTestFinished(() => void phone.destroy());
  return phone;
}

it('each gets its own bytes, through memory that all share', async () => {
  const { all, port } = await serverOf();
  const phones = Array.from({ length: 5 }, () => phoneOf(port));
  for (let part = 0; part < 20; part++)
    for (const [index, phone] of phones.entries()) phone.write(`${index}`.repeat(50));
  await until(() => all.reduce((sum, { received }) => sum + received.length, 0) === 5 * 1_000);
  expect(all.map(({ received }) => received).sort()).toEqual(
    phones.map((_, index) => `${index}`.repeat(1_000)),
  );
  expect(new Set(all.flatMap(({ memory }) => memory)).size).toBe(1);
});

it('one that stops reading goes on with the rest when it is resumed', async () => {
  const { all, port } = await serverOf((accepted) => {
    accepted.socket.pause();
    return false;
  });
  const phone = phoneOf(port);
  phone.write('first');
  await until(() => all[0]?.received === 'first');
  phone.end(' second');
  all[0]?.socket.resume();
  await until(() => all[0]?.received === 'first second');
});

it('a socket reports its end, and then its close', async () => {
  const { all, port } = await serverOf();
  const phone = phoneOf(port);
  const events: string[] = [];
  await until(() => all.length === 1);
  all[0]?.socket.on('end', () => void events.push('end'));
  all[0]?.socket.on('close', () => void events.push('close'));
  phone.end();
  await until(() => events.length === 1);
  all[0]?.socket.destroy();
  await until(() => events.length === 2);
  expect(events).toEqual(['end', 'close']);
});

// Owns requests of many phones, one after the other on 32 connections, so that a gateway has a verdict on each in memory. A process of its
// own. Words: port, how many phones. Prints how many were forwarded as one JSON line.
import { once } from 'node:events';
import { connect } from 'node:net';
import { fullPair } from './full-fleet.ts';
import { SYNC_BODY, headers, target } from './traffic.ts';

const [port, count] = process.argv.slice(2).map(Number);
const CONNECTIONS = 32;
const AGAIN_MS = 200;
let next = 0;
let forwarded = 0;

function rawRequestOf(index: number): Buffer {
  const { user, device } = fullPair(index);
  const sent = { ...headers(), Authorization: `Basic ${Buffer.from(`${user}:secret`).toString('base64')}` };
  const lines = Object.entries(sent).map(([name, value]) => `${name}: ${value}\r\n`);
  const path = target('Sync', device).replace('User=alice', `User=${encodeURIComponent(user)}`);
  const head = `POST ${path} HTTP/1.1\r\n${lines.join('')}Content-Length: ${SYNC_BODY.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), SYNC_BODY]);
}

async function connection(): Promise<void> {
  while (next < (count ?? 0)) {
    // A part of the phones on each connection: gateways close one that has too many.
    const socket = connect({ port: port ?? 0, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const end = next + 100;
    while (next < Math.min(end, count ?? 0)) {
      const request = rawRequestOf(next++);
      for (;;) {
        const answer = once(socket, 'data');
        socket.write(request);
        const [chunk] = (await answer) as [Buffer];
        const status = chunk.toString('latin1', 9, 12);
        if (status === '200') forwarded++;
        if (status !== '503') break;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
    socket.destroy();
  }
}

await Promise.all(Array.from({ length: CONNECTIONS }, connection));
process.stdout.write(`${JSON.stringify({ forwarded })}\n`);

// Owns the held polls of the benchmark: opens connections in steps and says when all of a step are parked.
import { connect } from 'node:net';
import { DEVICES, PING_BODY, rawRequest } from './traffic.ts';

const port = Number(process.argv[2]);
let open = 0;
let failed = 0;

async function openTo(count: number): Promise<void> {
  while (open < count) {
    const device = DEVICES[open % DEVICES.length] as string;
    await new Promise<void>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
        socket.write(rawRequest('Ping', device, PING_BODY));
        resolve();
      });
      socket.on('error', () => {
        failed++;
        resolve();
      });
      socket.on('data', () => failed++);
    });
    open++;
  }
}

process.stdin.setEncoding('utf8');
for await (const line of process.stdin) {
  await openTo(Number(line));
  process.stdout.write(`${JSON.stringify({ open, failed })}\n`);
}

// Owns the held polls of the benchmark: opens connections in steps and says when all of a step are parked.
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { PING_BODY, pollDevice, rawRequest } from './traffic.ts';

const port = Number(process.argv[2]);
const secure = process.argv[3] === 'tls';
let open = 0;
let failed = 0;

async function openTo(count: number): Promise<void> {
  while (open < count) {
    const device = pollDevice(open);
    await new Promise<void>((resolve) => {
      const place = { port, host: '127.0.0.1', noDelay: true };
      const begin = (): void => {
        socket.write(rawRequest('Ping', device, PING_BODY));
        resolve();
      };
      const socket = secure
        ? connectTls({ ...place, rejectUnauthorized: false, servername: 'mail.example.com' }, begin)
        : connect(place, begin);
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

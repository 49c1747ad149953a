// Owns new TLS connections one after the other, some at a time, each a full handshake; prints how many as JSON.
import { connect } from 'node:tls';

const AT_A_TIME = 8;
const [port, seconds] = process.argv.slice(2).map(Number);
const end = performance.now() + (seconds ?? 0) * 1_000;
let total = 0;
let errors = 0;

/** One full handshake: no session is offered. */
function shake(): Promise<void> {
  return new Promise((resolve) => {
    const options = {
      port: port ?? 0,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      servername: 'mail.example.com',
    };
    const socket = connect(options, () => {
      total++;
      socket.destroy();
    });
    socket.on('error', () => errors++);
    socket.on('close', () => resolve());
  });
}

const startedAt = performance.now();
await Promise.all(
  Array.from({ length: AT_A_TIME }, async () => {
    while (performance.now() < end) await shake();
  }),
);
const elapsed = (performance.now() - startedAt) / 1_000;
process.stdout.write(`${JSON.stringify({ total, errors, perSecond: total / elapsed })}\n`);

// Owns new TLS connections one after the other, some at a time, each a full handshake, or each resumed with the ticket of
// the one before; prints how many as JSON.
import { connect } from 'node:tls';

const AT_A_TIME = 8;
const [port, seconds] = process.argv.slice(2, 4).map(Number);
const resumes = process.argv[4] === 'resumed';
const end = performance.now() + (seconds ?? 0) * 1_000;
let total = 0;
let errors = 0;

/** One handshake; a session is offered only where resuming is what is measured. */
function shake(ticket: Ticket): Promise<void> {
  return new Promise((resolve) => {
    let counted = false;
    const count = (): void => {
      if (!counted && (!resumes || ticket.session === null || socket.isSessionReused())) total++;
      else if (!counted) errors++;
      counted = true;
    };
    const options = {
      port: port ?? 0,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      servername: 'mail.example.com',
      // The same for everybody: ML-KEM, which OpenSSL 3.5 prefers and nginx of Debian 12 does not know, is work of its own.
      ecdhCurve: 'X25519',
      ...(resumes && ticket.session !== null ? { session: ticket.session } : {}),
    };
    const socket = connect(options, () => {
      count();
      if (!resumes || socket.isSessionReused()) socket.destroy();
    });
    // TLS 1.3 sends the ticket behind the handshake (RFC 8446 4.6.1).
    if (resumes)
      socket.on('session', (session) => {
        ticket.session = session;
        socket.destroy();
      });
    socket.on('error', () => errors++);
    socket.on('close', () => resolve());
  });
}

interface Ticket {
  session: Buffer | null;
}

const startedAt = performance.now();
await Promise.all(
  Array.from({ length: AT_A_TIME }, async () => {
    const ticket: Ticket = { session: null };
    while (performance.now() < end) await shake(ticket);
  }),
);
const elapsed = (performance.now() - startedAt) / 1_000;
process.stdout.write(`${JSON.stringify({ total, errors, perSecond: total / elapsed })}\n`);

// Owns a load of new TLS connections, several at a time, each with a full handshake or resumed with the ticket of the one before;
// prints their number as JSON.
import { connect } from 'node:tls';

const AT_A_TIME = 8;
const [port, seconds] = process.argv.slice(2, 4).map(Number);
const resumes = process.argv[4] === 'resumed';
const end = performance.now() + (seconds ?? 0) * 1_000;
let total = 0;
let errors = 0;

/** One handshake; a session is offered only if resumption is measured. */
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
      // The same key exchange for all rivals: nginx of Debian 12 does not support ML-KEM, which OpenSSL 3.5 prefers and which costs more.
      ecdhCurve: 'X25519',
      ...(resumes && ticket.session !== null ? { session: ticket.session } : {}),
    };
    const socket = connect(options, () => {
      count();
      if (!resumes || socket.isSessionReused()) socket.destroy();
    });
    // TLS 1.3 sends the ticket after the handshake (RFC 8446 4.6.1).
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

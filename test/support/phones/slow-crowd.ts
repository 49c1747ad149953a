// Owns many slow clients in a separate process: each sends the start of a head, body or handshake and then one byte at a time,
// without end. Arguments: port, number, kind. Sends its parent a message when all are connected and when all were closed.
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** Messages to the parent. */
export type CrowdReport =
  | { readonly state: 'connected' }
  | { readonly state: 'closed'; readonly answered408: number };

/** What the clients send slowly. */
export type Slowness = 'head' | 'body' | 'handshake';

const WBXML = '\x03\x01\x6a\x00\x00\x15\x45';
const STARTS: Readonly<Record<Slowness, string>> = {
  head: 'POST /Microsoft-Server-ActiveSync?Cmd=Sync HTTP/1.1\r\nX-Slow: ',
  body:
    'POST /Microsoft-Server-ActiveSync?Cmd=SendMail&User=alice&DeviceId=SLOW&DeviceType=iPhone HTTP/1.1\r\n' +
    'Host: mail.example.com\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\nMS-ASProtocolVersion: 14.1\r\n' +
    `Content-Type: application/vnd.ms-sync.wbxml\r\nContent-Length: 10000\r\n\r\n${WBXML}`,
  // The header of a record with a ClientHello of 508 bytes (RFC 8446 4, 5.1).
  handshake: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc',
};

/** Number of simultaneous connection attempts: below the backlog of the gateway, so that no SYN is lost and repeated. */
const CONNECTING = 500;
/** Clients send in turn, so that bytes arrive continuously: one from each client every two seconds. */
const DRIP_MS = 50;
const TURNS = 40;

const [port = 0, count = 0] = process.argv.slice(2, 4).map(Number);
const slowness = process.argv[4] as Slowness;
const sockets: Socket[] = [];
let started = 0;
let connected = 0;
let closed = 0;
let answered408 = 0;
let turn = 0;

function report(state: CrowdReport): void {
  process.send?.(state);
}

function connectNext(): void {
  if (started === count) return;
  started++;
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let received = '';
  socket.once('connect', () => {
    connected++;
    socket.write(STARTS[slowness], 'latin1');
    if (connected === count) report({ state: 'connected' });
    connectNext();
  });
  socket.on('data', (chunk) => (received += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.on('close', () => {
    if (received.startsWith('HTTP/1.1 408 ')) answered408++;
    closed++;
    if (closed === count) {
      clearInterval(dripping);
      report({ state: 'closed', answered408 });
      process.disconnect?.();
    }
  });
  sockets.push(socket);
}

const dripping = setInterval(() => {
  turn = (turn + 1) % TURNS;
  for (let index = turn; index < sockets.length; index += TURNS) {
    const socket = sockets[index];
    if (socket?.writable === true && !socket.connecting) socket.write('x');
  }
}, DRIP_MS);
process.once('disconnect', () => process.exit());
for (let index = 0; index < CONNECTING; index++) connectNext();

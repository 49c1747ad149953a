// Owns the mail server of the benchmark: the cheapest possible answers, and Pings held forever.
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { LARGE_BYTES } from '../core/traffic.ts';

const BODY = Buffer.from(`03016a00455c4f4b03${'37'.repeat(40)}0001520331000101010 1`.replace(' ', ''), 'hex');
const RESPONSE = Buffer.concat([
  Buffer.from(
    'HTTP/1.1 200 OK\r\nCache-Control: private\r\nContent-Type: application/vnd.ms-sync.wbxml\r\n' +
      'Server: Microsoft-IIS/10.0\r\nMS-Server-ActiveSync: 15.2\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\n' +
      `Content-Length: ${BODY.length}\r\n\r\n`,
  ),
  BODY,
]);
const END_OF_HEAD = Buffer.from('\r\n\r\n');

const EMPTY_RESPONSE = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Type: application/vnd.ms-sync.wbxml\r\nContent-Length: 0\r\n\r\n',
);
/** OPTIONS requires credentials; otherwise its answer would prove no password. */
const UNAUTHORIZED =
  'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="mail"\r\nContent-Length: 0\r\n\r\n';
const OFFER =
  'HTTP/1.1 200 OK\r\nMS-ASProtocolVersions: 14.1,16.1\r\nMS-ASProtocolCommands: Sync,Ping\r\nContent-Length: 0\r\n\r\n';
const LARGE_HEAD = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/vnd.ms-sync.wbxml\r\nContent-Length: ${LARGE_BYTES}\r\n\r\n`,
);
const BLOCK = Buffer.alloc(256 * 1024, 7);

/** Writes the large body as fast as it is accepted. */
async function sendLarge(socket: Socket): Promise<void> {
  socket.write(LARGE_HEAD);
  for (let sent = 0; sent < LARGE_BYTES && !socket.destroyed; sent += BLOCK.length) {
    if (!socket.write(BLOCK)) await new Promise((resolve) => socket.once('drain', resolve));
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  let pending = Buffer.alloc(0);
  // Missing octets of a large upload, which are counted and not stored.
  let swallow = 0;
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    if (swallow > 0) {
      swallow -= chunk.length;
      if (swallow <= 0) socket.write(EMPTY_RESPONSE);
      return;
    }
    let bytes = pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([pending, Buffer.from(chunk)]);
    for (;;) {
      const end = bytes.indexOf(END_OF_HEAD);
      if (end === -1) break;
      const head = bytes.toString('latin1', 0, end);
      const size = end + 4 + Number(/content-length: *([0-9]+)/i.exec(head)?.[1] ?? 0);
      if (bytes.length < size) {
        if (size < BLOCK.length) break;
        swallow = size - bytes.length;
        bytes = bytes.subarray(bytes.length);
        break;
      }
      if (head.startsWith('OPTIONS ')) socket.write(/^authorization:/im.test(head) ? OFFER : UNAUTHORIZED);
      else if (head.includes('Cmd=ItemOperations')) void sendLarge(socket);
      else if (!head.includes('Cmd=Ping')) socket.write(RESPONSE);
      bytes = bytes.subarray(size);
    }
    pending = bytes;
  });
});
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 8192 }, () =>
  process.stdout.write('ready\n'),
);

// Owns one large transfer through a gateway: a process of its own on the second core; prints its time as JSON.
import { connect } from 'node:net';
import { DEVICES, FETCH_BODY, LARGE_BYTES, SEND_MAIL_START, headers, target } from './traffic.ts';

const [port, direction] = process.argv.slice(2);
const device = DEVICES[0] as string;
const block = Buffer.alloc(256 * 1024, 7);
const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true });

function head(command: string, length: number): Buffer {
  const lines = Object.entries(headers()).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(
    `POST ${target(command, device)} HTTP/1.1\r\n${lines.join('')}Content-Length: ${length}\r\n\r\n`,
    'latin1',
  );
}

/** Sends the head and `total` octets, beginning with `start`, as fast as they are accepted. */
async function send(command: string, start: Buffer, total: number): Promise<void> {
  socket.write(Buffer.concat([head(command, total), start]));
  for (let left = total - start.length; left > 0; left -= block.length) {
    const taken = socket.write(left >= block.length ? block : block.subarray(0, left));
    if (!taken) await new Promise((resolve) => socket.once('drain', resolve));
  }
}

/** Resolves with the status once head and `length` octets of body were received. */
function receive(length: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let bodyLeft = -1;
    let text = '';
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`the connection ended, ${bodyLeft} octets early`)));
    socket.on('data', (chunk: Buffer) => {
      let body = chunk.length;
      if (bodyLeft === -1) {
        text += chunk.toString('latin1');
        const end = text.indexOf('\r\n\r\n');
        if (end === -1) return;
        status = Number(text.slice(9, 12));
        body = text.length - end - 4;
        bodyLeft = length;
      }
      bodyLeft -= body;
      if (bodyLeft <= 0) resolve(status);
    });
  });
}

const startedAt = performance.now();
const down = direction === 'down';
const status = receive(down ? LARGE_BYTES : 0);
await (down
  ? send('ItemOperations', FETCH_BODY, FETCH_BODY.length)
  : send('SendMail', SEND_MAIL_START, LARGE_BYTES));
const seconds =
  (await status.then((found) => {
    if (found !== 200) throw new Error(`the answer was ${found}`);
    return performance.now() - startedAt;
  })) / 1_000;
socket.destroy();
process.stdout.write(`${JSON.stringify({ seconds })}\n`);

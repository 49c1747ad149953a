// Owns many phones with a held poll each, on separate connections; records when and how each poll ended.
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { encodeWbxml } from '../../../src/eas/wbxml/encode.ts';
import { element } from '../../../src/eas/wbxml/element.ts';
import { request } from '../servers/test-gateway.ts';

/** A Ping of the Inbox for ten minutes. */
export const LONG_PING = encodeWbxml(
  element(
    'Ping',
    'Ping',
    element('Ping', 'HeartbeatInterval', '600'),
    element(
      'Ping',
      'Folders',
      element('Ping', 'Folder', element('Ping', 'Id', '1'), element('Ping', 'Class', 'Email')),
    ),
  ),
);

/** Ping, Status 1: the heartbeat passed, ask again (MS-ASCMD 2.2.3.177.11). */
const PASSED = '03016a00000d45470331000101';

/** Number of simultaneous connection attempts. */
const CONNECTING = 200;

/** One poll. */
export interface HeldPoll {
  readonly device: string;
  /** The phone's own port. */
  readonly port: number;
  received: string;
  /** Time of its answer or end, milliseconds since the epoch; null = it is held. */
  endedAt: number | null;
  /** Null = open; an error code, or 'closed' when the gateway closed it without an error. */
  closed: string | null;
}

/** All polls. */
export class HeldPolls {
  readonly polls: HeldPoll[] = [];
  private readonly sockets: Socket[] = [];

  /** Sends this number of polls, of devices HELD0, HELD1, ...; the mail server reports when it holds them. */
  static async open(port: number, count: number, secure = false): Promise<HeldPolls> {
    const crowd = new HeldPolls();
    for (let index = 0; index < count; index += CONNECTING) {
      const wave = Math.min(CONNECTING, count - index);
      await Promise.all(Array.from({ length: wave }, (_, each) => crowd.add(port, index + each, secure)));
    }
    return crowd;
  }

  private async add(port: number, index: number, secure: boolean): Promise<void> {
    const address = { port, host: '127.0.0.1' };
    const socket = secure ? connectTls({ ...address, rejectUnauthorized: false }) : connect(address);
    this.sockets.push(socket);
    await once(socket, secure ? 'secureConnect' : 'connect');
    const device = `HELD${index}`;
    const poll: HeldPoll = { device, port: socket.localPort ?? 0, received: '', endedAt: null, closed: null };
    socket.on('data', (chunk) => {
      poll.endedAt ??= Date.now();
      poll.received += chunk.toString('latin1');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => (poll.closed = error.code ?? error.message));
    socket.on('close', () => {
      poll.endedAt ??= Date.now();
      poll.closed ??= 'closed';
    });
    socket.write(request('Ping', LONG_PING, [], device), 'latin1');
    this.polls.push(poll);
  }

  /** Polls without an answer or an end. */
  get held(): number {
    return this.polls.filter(({ endedAt }) => endedAt === null).length;
  }

  /** Polls that did not end with exactly one complete "no changes" reply and a clean close. */
  cut(): HeldPoll[] {
    return this.polls.filter(({ received, closed }) => {
      const [head = '', ...body] = received.split('\r\n\r\n');
      const whole = Buffer.from(body.join('\r\n\r\n'), 'latin1').toString('hex') === PASSED;
      const length = new RegExp(`^content-length: ${PASSED.length / 2}\r?$`, 'im').test(head);
      return !head.startsWith('HTTP/1.1 200 ') || !whole || !length || closed !== 'closed';
    });
  }

  destroy(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

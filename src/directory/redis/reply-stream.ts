// Owns a connection whose replies are separated, but not parsed: a walk over a directory hands hashes on as Redis sends them. To parse millions of
// them into texts takes the reading process longer than Redis needs to send them (decisions/0198). The scripts of a bulk are sent over one, too (script-stream.ts).
import type { Socket } from 'node:net';
import { leadsTo } from './redis-cluster.ts';
import type { RedisAddress } from './redis-cluster.ts';
import { ERROR, INCOMPLETE, RespCursor, bytesOf, partsOf } from './resp-cursor.ts';

/** A connection that is ready, and no longer read by the library. */
export interface RawConnection {
  readonly socket: Socket;
  /** Ends it. */
  readonly end: () => void;
}

/** Commands whose replies are not complete. */
interface Request {
  /** Replies to come. */
  left: number;
  /** The first error among the replies, other than a wrong type. */
  refusal: string | null;
  /** What is put in front of the replies. */
  readonly head: Uint8Array;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (replies: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

const FIRST_SIZE = 256 * 1_024;
const PUSH = 0x3e;
/** Redis answers so where a key has another type. */
const WRONG_TYPE = 'WRONGTYPE';

const CLOSED = 'Connection is closed.';
const NOTHING = new Uint8Array();

/**
 * Frees the memory of a buffer that the socket made. Otherwise the garbage collector searches the whole heap again and again, since these buffers count
 * as much memory: a quarter of the time for reading.
 */
function release({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

function finish({ refusal, head, resolve, reject }: Request, replies: Uint8Array): void {
  if (refusal !== null) {
    reject(Object.assign(new Error(refusal), { name: 'ReplyError' }));
    return;
  }
  const whole = new Uint8Array(head.length + replies.length);
  whole.set(head);
  whole.set(replies, head.length);
  resolve(whole);
}

/** Sends commands, and takes their replies from the stream. */
export class ReplyStream {
  private readonly connection: RawConnection;
  private readonly timeoutMs: number;
  private readonly requests: Request[] = [];
  private failure: Error | null = null;
  private isEnding = false;
  private cursor = new RespCursor(new Uint8Array(FIRST_SIZE));
  /** Bytes that were received and not handed on. */
  private filled = 0;
  /** Values that the reply which is being received still lacks; 0 = none is being received. */
  private values = 0;

  /** `timeoutMs`: longest wait for the replies of one request. */
  constructor(connection: RawConnection, timeoutMs: number) {
    this.connection = connection;
    this.timeoutMs = timeoutMs;
    const { socket } = connection;
    socket.on('data', (bytes: Buffer) => this.take(bytes));
    // As the library reports both: a write may notice the end first (EPIPE), or a read.
    socket.on('error', (cause) => this.fail(new Error(CLOSED, { cause })));
    socket.on('close', () => this.fail(new Error(CLOSED)));
  }

  /**
   * Sends commands. Resolves with `head` and this many replies (at least one), one after the other, in memory of their own. Rejects as the library
   * does: with an error whose name is `ReplyError` if Redis refused one. That a key has another type is no refusal: the error is one of the replies.
   */
  request(commands: readonly Uint8Array[], replies: number, head: Uint8Array = NOTHING): Promise<Uint8Array> {
    if (this.failure !== null) return Promise.reject(this.failure);
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const timer = setTimeout(() => this.fail(new Error('Command timed out')), this.timeoutMs);
    this.requests.push({ left: replies, refusal: null, head, timer, resolve, reject });
    const { socket } = this.connection;
    socket.cork();
    for (const some of commands) socket.write(some);
    socket.uncork();
    return promise;
  }

  /** Whether it failed or was closed, or will be: it is to get no more requests. */
  get isEnded(): boolean {
    return this.isEnding || this.failure !== null;
  }

  /** Whether it is one to this server. */
  leadsTo(server: RedisAddress): boolean {
    return leadsTo(this.connection.socket, server);
  }

  /** Closes it once the requests under way are answered. */
  end(): void {
    this.isEnding = true;
    if (this.requests.length === 0) this.close();
  }

  close(): void {
    this.fail(new Error(CLOSED));
  }

  private fail(error: Error): void {
    if (this.failure !== null) return;
    this.failure = error;
    for (const { timer, reject } of this.requests.splice(0)) {
      clearTimeout(timer);
      reject(error);
    }
    this.connection.end();
  }

  private take(bytes: Buffer): void {
    if (this.failure !== null) return;
    this.append(bytes);
    release(bytes);
    let from = 0;
    while (this.cutReply()) {
      const [request] = this.requests;
      if (request === undefined) {
        this.fail(new Error('Redis answered what it was not asked'));
        return;
      }
      request.left -= 1;
      if (request.left > 0) continue;
      const { at } = this.cursor;
      this.requests.shift();
      clearTimeout(request.timer);
      finish(request, this.cursor.bytes.subarray(from, at));
      from = at;
    }
    this.cursor.bytes.copyWithin(0, from, this.filled);
    this.cursor.at -= from;
    this.filled -= from;
    if (this.isEnding && this.requests.length === 0) this.close();
  }

  private append(bytes: Buffer): void {
    const { cursor, filled } = this;
    const needed = filled + bytes.length;
    if (needed > cursor.bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * cursor.bytes.length));
      larger.set(cursor.bytes.subarray(0, filled));
      this.cursor = new RespCursor(larger, cursor.at);
    }
    this.cursor.bytes.set(bytes, filled);
    this.filled = needed;
  }

  /** Moves on to the end of the reply. False = it is not complete. */
  private cutReply(): boolean {
    const { cursor, filled } = this;
    do {
      const from = cursor.at;
      if (from >= filled) return false;
      const number = cursor.header(filled);
      if (number === INCOMPLETE) return false;
      const length = bytesOf(cursor.type, number);
      if (length >= 0 && cursor.at + length + 2 > filled) {
        cursor.at = from;
        return false;
      }
      if (length >= 0) cursor.skip(length);
      if (this.values === 0) this.values = 1;
      this.values += partsOf(cursor.type, number) - 1;
      if (cursor.type === ERROR) this.noteError(from);
      if (cursor.type === PUSH) this.fail(new Error('Redis sent what it was not asked for'));
    } while (this.values > 0);
    return true;
  }

  private noteError(from: number): void {
    const { bytes, at } = this.cursor;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + from + 1, at - from - 3).toString();
    const [request] = this.requests;
    if (request !== undefined && !text.startsWith(WRONG_TYPE)) request.refusal ??= text;
  }
}

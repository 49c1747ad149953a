// Owns the bytes of one client connection between its socket and node:http. It follows heads and bodies, so that a request for the gate
// behind one of this lane goes back to the gate: clients and proxies use one connection for paths of both.
// Threat: what follows a body that node:http ends elsewhere is a hidden request. Rule: bytes go back only behind a body that both ended,
// and where this class is in doubt, the connection ends with the answer.
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { isEmptyLine, parseRequestHead } from '../../http/request-head.ts';
import type { HeadLimits } from '../../http/request-head.ts';
import { RequestBody } from '../connection/request-body.ts';
import { MAX_PIPELINED_BYTES } from '../fixed-limits.ts';

/** The owner of the stream. */
export interface LaneStreamOwner {
  /** Whether a request with this target stays in the lane. */
  keeps(stream: LaneStream, target: string): boolean;
  /** A head began and is not complete. */
  onPartialHead(stream: LaneStream): void;
  /** A request for the gate came. */
  onAstray(stream: LaneStream): void;
}

/** The stream that node:http takes for the socket. */
export class LaneStream extends Duplex {
  /** Requests given to node:http that {@link answered} has not counted. */
  open = 0;
  /** Its bytes are not understood: no further request may follow. */
  lost = false;
  private readonly socket: Socket;
  private readonly limits: HeadLimits;
  private readonly owner: LaneStreamOwner;
  private readonly body = new RequestBody();
  /** The beginning of a head. */
  private partial: Buffer | null = null;
  /** From the first request for the gate on. */
  private astray: Buffer | null = null;
  private released = false;

  constructor(socket: Socket, limits: HeadLimits, owner: LaneStreamOwner) {
    super({ allowHalfOpen: true, decodeStrings: false });
    this.socket = socket;
    this.limits = limits;
    this.owner = owner;
    socket.on('data', this.onBytes);
    socket.on('end', this.onEnd);
    socket.on('close', this.onClose);
  }

  /** Whether the request behind the answered ones is for the gate, and can be answered. */
  get isAstray(): boolean {
    const { socket } = this;
    if (socket.readableEnded || socket.writableEnded) return false;
    return this.open === 0 && !this.lost && this.astray !== null;
  }

  /** A head began and is not complete. */
  get isInHead(): boolean {
    return this.partial !== null;
  }

  /** A request was answered. */
  answered(): void {
    this.open--;
  }

  /** Gives the socket up, without closing it; returns the bytes that node:http did not get. */
  release(): Buffer {
    const { socket, partial, astray } = this;
    this.released = true;
    socket.off('data', this.onBytes);
    socket.off('end', this.onEnd);
    socket.off('close', this.onClose);
    this.partial = null;
    this.astray = null;
    return astray ?? partial ?? Buffer.alloc(0);
  }

  /** Reads bytes of the client. */
  readonly onBytes = (chunk: Buffer): void => {
    if (this.astray !== null) {
      this.astray = Buffer.concat([this.astray, chunk]);
      if (this.astray.length > MAX_PIPELINED_BYTES) this.socket.pause();
      return;
    }
    const bytes = this.partial === null ? chunk : Buffer.concat([this.partial, chunk]);
    const wasPartial = this.partial !== null;
    this.partial = null;
    const end = this.lost ? bytes.length : this.follow(bytes);
    const rest = bytes.subarray(end);
    if (this.astray === null && rest.length > 0 && !(rest.length === 2 && isEmptyLine(rest)))
      this.partial = rest;
    if (end > 0 && !this.push(bytes.subarray(0, end))) this.socket.pause();
    if (this.astray !== null) this.owner.onAstray(this);
    else if (this.partial !== null && !wasPartial) this.owner.onPartialHead(this);
  };

  /** Goes through whole heads and their bodies; returns the end of what is for node:http. */
  private follow(bytes: Buffer): number {
    const { body } = this;
    let at = 0;
    while (at < bytes.length) {
      if (!body.complete) {
        at = body.next(bytes, at);
        this.lost = body.error !== null;
        if (this.lost) return bytes.length;
        continue;
      }
      const head = parseRequestHead(bytes, at, bytes.length, this.limits);
      if (head === null) return at;
      if (typeof head === 'string') {
        this.lost = true;
        return bytes.length;
      }
      if (!this.owner.keeps(this, head.target)) {
        this.astray = bytes.subarray(at);
        return at;
      }
      this.open++;
      body.begin(head.framing, head.contentLength, Number.MAX_SAFE_INTEGER);
      at = head.end;
    }
    return at;
  }

  private readonly onEnd = (): void => {
    this.push(null);
  };

  private readonly onClose = (): void => {
    this.destroy();
  };

  override _read(): void {
    if (this.astray === null && !this.released) this.socket.resume();
  }

  override _write(
    chunk: Buffer | string,
    encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    this.socket.write(chunk, encoding, done);
  }

  override _writev(
    chunks: { readonly chunk: Buffer | string; readonly encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    const { socket } = this;
    const last = chunks.length - 1;
    socket.cork();
    for (const [index, { chunk, encoding }] of chunks.entries())
      socket.write(chunk, encoding, index === last ? done : undefined);
    socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.socket.writableEnded) done();
    else this.socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.released) this.socket.destroy();
    done(error);
  }
}

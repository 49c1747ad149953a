// Owns running scripts for writes in bulk, on a connection of its own to a single server. A call is written as bytes at once, and nothing else of it is kept: for each value
// the library makes and keeps several objects, which the garbage collector copies (decisions/0204).
import { CommandBytes } from './command-bytes.ts';
import type { RedisAddress } from './redis-cluster.ts';
import type { Script } from './redis-scripts.ts';
import { ERROR, LIST, RespCursor, unexpectedReply } from './resp-cursor.ts';
import type { ReplyStream } from './reply-stream.ts';

/** Runs scripts, and connects when the first one is run. */
export class ScriptStream {
  private readonly open: () => Promise<ReplyStream>;
  private stream: ReplyStream | null = null;
  private opening: Promise<ReplyStream> | null = null;
  /** Buffers whose commands were answered: Redis has read them. */
  private readonly free: CommandBytes[] = [];
  /** The primary that Sentinel announced last; null = none yet. */
  private primary: RedisAddress | null = null;
  /** How often it was left: one that is being made may lead where the former one led. */
  private leaves = 0;
  private isClosed = false;

  constructor(open: () => Promise<ReplyStream>) {
    this.open = open;
  }

  /** Whether scripts have run on the present connection. */
  get isOpen(): boolean {
    return this.stream !== null && !this.stream.isEnded;
  }

  /** Runs a script by its hash, or by its text if Redis does not have it; in that case nothing had been executed. */
  async run(
    { sha, text, packed }: Script,
    keys: readonly string[],
    values: readonly string[],
  ): Promise<unknown> {
    try {
      return replyIn(await this.send(['EVALSHA', sha, String(keys.length)], keys, values), packed);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return replyIn(await this.send(['EVAL', text, String(keys.length)], keys, values), packed);
    }
  }

  /** A part of INFO. */
  async info(part: string): Promise<string> {
    // A text, or in RESP3 a verbatim one: lines behind a header.
    return Buffer.from(await this.send(['INFO', part], [], [])).toString();
  }

  /**
   * Sentinel announced that this server is the primary: ends a connection that leads elsewhere, and the next script makes another one. One of
   * several Sentinels announces a failover late, and must not end a bulk that is written to the new primary already.
   */
  followPrimary(primary: RedisAddress): void {
    this.primary = primary;
    if (this.stream?.leadsTo(primary) === false) this.stream.close();
  }

  /** Ends the connection once the scripts under way have ended; the next script makes another one. */
  leave(): void {
    this.leaves += 1;
    this.stream?.end();
  }

  close(): void {
    this.isClosed = true;
    this.stream?.close();
  }

  private async send(
    head: readonly string[],
    keys: readonly string[],
    values: readonly string[],
  ): Promise<Uint8Array> {
    const stream = this.stream !== null && !this.stream.isEnded ? this.stream : await this.connected();
    const bytes = this.free.pop() ?? new CommandBytes();
    const reply = await stream.request([bytes.command(head, keys, values)], 1).catch((error: unknown) => {
      // A replica stays one: the next script looks for the primary.
      if (error instanceof Error && error.message.includes('READONLY')) stream.end();
      throw error;
    });
    // Not after an error: the socket may still have to send it.
    this.free.push(bytes);
    return reply;
  }

  private connected(): Promise<ReplyStream> {
    this.opening ??= this.connect().finally(() => {
      this.opening = null;
    });
    return this.opening;
  }

  private async connect(): Promise<ReplyStream> {
    const { leaves, primary } = this;
    let stream = await this.open();
    // Once is enough to follow an address that leads elsewhere.
    if (leaves !== this.leaves && !this.isUnwanted(stream, primary)) {
      stream.close();
      stream = await this.open();
    }
    this.stream = stream;
    if (this.isUnwanted(stream, primary)) stream.close();
    return stream;
  }

  /**
   * Whether a new connection must not be used: another primary was announced while it was made, and it does not lead there. `before`: the primary that
   * had been announced when it was begun.
   */
  private isUnwanted(stream: ReplyStream, before: RedisAddress | null): boolean {
    const { primary } = this;
    return this.isClosed || (primary !== null && primary !== before && !stream.leadsTo(primary));
  }
}

/** The bytes of a text (`packed`), or the numbers of a list. */
function replyIn(reply: Uint8Array, packed: boolean): unknown {
  const cursor = new RespCursor(reply);
  if (reply[0] === ERROR) throw new Error(Buffer.from(reply.subarray(1, reply.length - 2)).toString());
  if (packed) {
    const length = cursor.text();
    if (length < 0) throw unexpectedReply();
    return Buffer.from(reply.buffer, reply.byteOffset + cursor.at, length);
  }
  const count = cursor.header();
  if (cursor.type !== LIST) throw unexpectedReply();
  return Array.from({ length: Math.max(count, 0) }, () => cursor.header());
}

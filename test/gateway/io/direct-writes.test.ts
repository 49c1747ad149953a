// Owns the promises of direct writes: all bytes in order, backpressure reported and released, and a broken connection ends.
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect } from 'node:net';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type * as directWrites from '../../../src/gateway/io/direct-writes.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';

checkLeaks();

let server: Server;
let writer: Socket;
let reader: Socket;
beforeEach(async () => {
  server = createServer();
  onTestFinished(() => void server.close());
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  reader = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  reader.on('error', () => undefined);
  onTestFinished(() => void reader.destroy());
  writer = await accepted;
  writer.on('error', () => undefined);
  onTestFinished(() => void writer.destroy());
});

/** Loads the module as a Node.js of this version would. */
async function readBy(version: string): Promise<typeof directWrites> {
  const real = Object.getOwnPropertyDescriptor(process, 'versions') as PropertyDescriptor;
  Object.defineProperty(process, 'versions', { ...real, value: { ...process.versions, node: version } });
  try {
    vi.resetModules();
    return await import('../../../src/gateway/io/direct-writes.ts');
  } finally {
    Object.defineProperty(process, 'versions', real);
  }
}

describe.each([
  ['a Node whose handles are known', process.versions.node, true],
  ['any other Node', '26.9.0', false],
])('with %s', (_name, version, direct) => {
  let writeText: (socket: Socket, text: string) => boolean;
  let unsentBytes: (socket: Socket) => number;
  let needsDrain: (socket: Socket) => boolean;
  beforeAll(async () => {
    ({ writeText, unsentBytes, needsDrain } = await readBy(version));
  });

  it(`text goes ${direct ? 'past' : 'through'} the stream`, () => {
    let streamed = 0;
    const write = writer.write.bind(writer) as (text: string, encoding: BufferEncoding) => boolean;
    writer.write = ((text: string, encoding: BufferEncoding) => {
      streamed += text.length;
      return write(text, encoding);
    }) as typeof writer.write;
    writeText(writer, 'text');
    expect(streamed).toBe(direct ? 0 : 4);
  });

  /** Text in which a missing, repeated or misplaced piece is noticeable. */
  const piece = (index: number): string => `${String(index).padStart(9, '0')};`.repeat(1_000);

  /** Writes until the socket reports backpressure; returns the written text. */
  function fill(): string {
    let written = '';
    for (let index = 0; ; index++) {
      const text = piece(index);
      written += text;
      if (!writeText(writer, text)) return written;
    }
  }

  describe('a socket whose peer does not read', () => {
    it('is reported as slow, and its buffered bytes are counted until it reads them', async () => {
      expect([unsentBytes(writer), needsDrain(writer)]).toEqual([0, false]);
      const written = fill();
      expect(unsentBytes(writer)).toBeGreaterThan(0);
      expect(needsDrain(writer)).toBe(true);
      let drained = 0;
      writer.on('drain', () => drained++);
      let received = '';
      reader.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
      await until(() => drained === 1, 'the drain');
      expect([unsentBytes(writer), needsDrain(writer)]).toEqual([0, false]);
      await until(() => received.length === written.length, 'all bytes');
      expect(received).toBe(written);
    });

    it('gets direct and stream writes in their order', async () => {
      let written = fill();
      for (const text of ['stream;', 'direct;']) {
        if (text === 'stream;') writer.write(text, 'latin1');
        else writeText(writer, text);
        written += text;
      }
      writer.end('end');
      let received = '';
      let ended = false;
      reader.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
      reader.on('end', () => (ended = true));
      await until(() => ended, 'the end');
      expect(received).toBe(`${written}end`);
    });

    it('closes without an uncaught error when the peer is gone', async () => {
      fill();
      reader.resetAndDestroy();
      await until(() => writer.destroyed, 'the end of the writer');
      expect(writeText(writer, 'late')).toBe(false);
    });
  });

  it('text is written as latin1, all 256 characters of it', async () => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
    expect(writeText(writer, all)).toBe(true);
    let received = Buffer.alloc(0);
    reader.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
    await until(() => received.length === 256, 'the text');
    expect(received.toString('latin1')).toBe(all);
  });
});

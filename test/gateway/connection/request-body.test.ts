// Owns the promises of reading one request body: whole, within its bound, and cheap however it is cut.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestBody } from '../../../src/gateway/connection/request-body.ts';

const MAX = 1_000_000;
const chunked = (payload: Buffer, size: number): Buffer => {
  const parts: Buffer[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const part = payload.subarray(at, at + size);
    parts.push(Buffer.from(part.length.toString(16) + '\r\n'), part, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
};

function body(framing: 'length' | 'chunked', length = 0): RequestBody {
  const started = new RequestBody();
  started.begin(framing, length, MAX);
  return started;
}

describe('the buffer of a body', () => {
  it('has the payload, however it is framed, chunked and cut, and ends where the next request begins', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 20_000 }),
        fc.constantFrom('length', 'chunked'),
        fc.integer({ min: 1, max: 7_000 }),
        fc.integer({ min: 1, max: 9_000 }),
        (content, framing, chunk, cut) => {
          const payload = Buffer.from(content);
          const wire = framing === 'length' ? payload : chunked(payload, chunk);
          const bytes = Buffer.concat([wire, Buffer.from('POST')]);
          const read = body(framing, payload.length);
          let rest = '';
          for (let at = 0; at < bytes.length; at += cut) {
            const piece = bytes.subarray(at, at + cut);
            rest += piece.toString('latin1', read.keep(piece, 0));
          }
          expect(read.complete).toBe(true);
          expect(read.received).toBe(payload.length);
          expect(read.kept?.equals(payload)).toBe(true);
          expect(rest).toBe('POST');
        },
      ),
      { numRuns: 200 },
    );
  });

  it('never overwrites the input, nor what was buffered before', () => {
    const read = body('chunked');
    const memory = Buffer.alloc(64 * 1024, '#');
    const first = memory.subarray(0, 6);
    first.write('1\r\na\r\n');
    read.keep(first, 0);
    const earlier = read.kept;
    read.keep(Buffer.from('1\r\nb\r\n'), 0);
    expect(memory.toString('latin1', 0, 10)).toBe('1\r\na\r\n####');
    expect(earlier?.toString()).toBe('a');
    expect(read.kept?.toString()).toBe('ab');
    const next = body('chunked');
    next.keep(Buffer.from('2\r\nxy\r\n1\r\nz\r\n'), 0);
    expect(read.kept?.toString()).toBe('ab');
    expect(next.kept?.toString()).toBe('xyz');
  });

  it('is not copied for each chunk: chunks of one byte cost only a few copies', () => {
    const read = body('chunked');
    const homes = new Set<unknown>();
    const one = Buffer.from('1\r\nx\r\n');
    for (let count = 0; count < 64 * 1024; count++) {
      read.keep(one, 0);
      homes.add(read.kept?.buffer);
    }
    expect(read.kept).toHaveLength(64 * 1024);
    expect(homes.size).toBeLessThan(10);
  });

  it('takes at most twice as much memory as its content', () => {
    const read = body('chunked');
    for (let count = 0; count < 100; count++)
      read.keep(chunked(Buffer.alloc(1_000), 1_000).subarray(0, -5), 0);
    expect(read.kept).toHaveLength(100_000);
    expect(read.kept?.buffer.byteLength).toBeLessThanOrEqual(200_000);
  });
});

describe('a body', () => {
  it('beyond its bound is an error at once, chunked or announced', () => {
    const announced = body('length', 11);
    expect(announced.limit(10)).toBe(false);
    expect(announced.limit(11)).toBe(true);
    const read = body('chunked');
    read.limit(10);
    read.keep(chunked(Buffer.alloc(11), 4), 0);
    expect(read.error).toBe('EASGATE_BODY_TOO_LARGE');
  });

  it('with a malformed chunk is an error', () => {
    const read = body('chunked');
    read.keep(Buffer.from('1\r\nxy'), 0);
    expect(read.error).toBe('EASGATE_BAD_CHUNK');
  });
});

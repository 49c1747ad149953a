// Owns the promises of the chunk scanner.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkScanner } from '../../src/http/chunked.ts';

function scan(
  text: string,
  cuts: number[] = [],
): { result: string; payload: string; rest: string; trailers: string } {
  const scanner = new ChunkScanner(64);
  const bytes = Buffer.from(text, 'latin1');
  const ends = [...cuts.filter((cut) => cut < bytes.length), bytes.length].sort((a, b) => a - b);
  let payload = '';
  let at = 0;
  for (const end of ends) {
    for (;;) {
      const step = scanner.step(bytes, at, end);
      at = scanner.next;
      if (step === 'data') payload += bytes.toString('latin1', scanner.payloadStart, scanner.payloadEnd);
      else if (step === 'more') break;
      else return { result: step, payload, rest: text.slice(at), trailers: scanner.trailers };
    }
  }
  return { result: 'more', payload, rest: '', trailers: scanner.trailers };
}

describe('ChunkScanner', () => {
  it('yields the payload and stops at the end', () => {
    expect(scan('3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nGET /')).toEqual({
      result: 'end',
      payload: 'abc0123456789',
      rest: 'GET /',
      trailers: '',
    });
  });

  it('keeps trailers', () => {
    expect(scan('0\r\nX-Sum: 1\r\n\r\n')).toMatchObject({ result: 'end', trailers: 'X-Sum: 1\r\n' });
  });

  it('yields the same payload at every way of cutting the input', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' }), { maxLength: 5 }),
        fc.array(fc.nat(300), { maxLength: 20 }),
        (chunks, cuts) => {
          const text =
            chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('') + '0\r\n\r\n';
          expect(scan(text, cuts)).toMatchObject({ result: 'end', payload: chunks.join(''), rest: '' });
        },
      ),
    );
  });

  it.each([
    ['no size', '\r\nabc'],
    ['0x prefix', '0x3\r\nabc'],
    ['sign', '+3\r\nabc'],
    ['space after the size', '3 \r\nabc\r\n0\r\n\r\n'],
    ['extension', '3;a=b\r\nabc\r\n0\r\n\r\n'],
    ['bare LF after the size', '3\nabc\r\n0\r\n\r\n'],
    ['too many digits', '000000003\r\nabc'],
    ['payload longer than the size', '3\r\nabcd\r\n0\r\n\r\n'],
    ['bare LF after the payload', '3\r\nabc\n0\r\n\r\n'],
    ['forbidden trailer', '0\r\nContent-Length: 3\r\n\r\n'],
    ['trailer without a name', '0\r\n: x\r\n\r\n'],
    ['bare CR in a trailer', '0\r\nA: b\rc\r\n\r\n'],
    ['trailers without end', '0\r\n' + 'A: b\r\n'.repeat(30)],
  ])('refuses %s', (_name, text) => {
    expect(scan(text).result).toBe('invalid');
  });

  it('needs more for a body that is not finished', () => {
    expect(scan('3\r\nab').result).toBe('more');
  });
});

// Owns the promises of the chunk scanner.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkScanner } from '../../src/http/chunked.ts';

function scan(
  text: string,
  cuts: number[] = [],
  extensions: 'refuse' | 'skip' = 'refuse',
): { result: string; payload: string; rest: string; trailers: string } {
  const scanner = new ChunkScanner(64, extensions);
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

  it('yields the same payload however the input is cut', () => {
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

describe('a scanner that skips extensions (RFC 9112 7.1.1)', () => {
  const skip = (text: string, cuts?: number[]) => scan(text, cuts, 'skip');
  const sizes = fc.constantFrom('', '0', '00000000', '0000000000000000', '0'.repeat(30));
  const ends = fc.oneof(
    fc.constantFrom(
      '',
      ' ',
      '\t',
      '      ',
      ';',
      '; ',
      ' ;a',
      ';a=b',
      ' ; a = "b;c" ',
      ';a;b;c',
      ';x="\\""',
      ';\xe4',
    ),
    fc.string({ unit: fc.constantFrom(...'a;=" \t,\\~\xff'), maxLength: 40 }).map((text) => `;${text}`),
  );

  it('yields the payload, whatever is around the sizes and however the input is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(sizes, ends, fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' })), {
          maxLength: 5,
        }),
        ends,
        fc.array(fc.nat(400), { maxLength: 20 }),
        (chunks, last, cuts) => {
          const text =
            chunks
              .map(([zeros, end, chunk]) => `${zeros}${chunk.length.toString(16)}${end}\r\n${chunk}\r\n`)
              .join('') + `0${last}\r\n\r\n`;
          const payload = chunks.map(([, , chunk]) => chunk).join('');
          expect(skip(text + 'NEXT', cuts)).toMatchObject({ result: 'end', payload, rest: 'NEXT' });
        },
      ),
    );
  });

  it.each([
    ['white space ahead of the size', ' 3\r\nabc'],
    ['nothing but white space', ' \r\nabc'],
    ['an extension without a size', ';a\r\nabc'],
    ['something else behind white space', '3 a\r\nabc'],
    ['another number behind white space', '3 4\r\nabc'],
    ['0x prefix', '0x3\r\nabc'],
    ['sign', '+3\r\nabc'],
    // TERM.EXT: one side ends the extension at LF, the other at CRLF
    ['bare LF in an extension', '3;a\nabc\r\n0\r\n\r\n'],
    ['bare LF behind padding', '3 \nabc\r\n0\r\n\r\n'],
    ['bare CR in an extension', '3;a\rb\r\nabc\r\n0\r\n\r\n'],
    ['CR CR LF', '3;a\r\r\nabc\r\n0\r\n\r\n'],
    ['NUL in an extension', '3;a\0\r\nabc\r\n0\r\n\r\n'],
    ['a size of more than 32 bits', '100000000\r\nabc'],
    ['a size of 64 bits', 'ffffffffffffffff\r\nabc'],
    ['a size that overflows to a small one', '10000000000000003\r\nabc'],
    ['an extension without end', `3;${'a'.repeat(5_000)}`],
    ['padding without end', `3${' '.repeat(5_000)}`],
    ['zeros without end', '0'.repeat(5_000)],
    ['extensions that outweigh the payload', `1;${'a'.repeat(4_000)}\r\nx\r\n`.repeat(6)],
  ])('refuses %s', (_name, text) => {
    expect(skip(text).result).toBe('invalid');
  });

  it('accepts any number of chunks with sizes of 16 digits, or with short extensions on long chunks', () => {
    const padded = '0000000000000001\r\nx\r\n'.repeat(5_000);
    expect(skip(`${padded}0\r\n\r\n`)).toMatchObject({ result: 'end', payload: 'x'.repeat(5_000) });
    const signed = `80;chunk-signature=${'a'.repeat(64)}\r\n${'x'.repeat(128)}\r\n`.repeat(2_000);
    expect(skip(`${signed}0;chunk-signature=0\r\n\r\n`).result).toBe('end');
  });
});

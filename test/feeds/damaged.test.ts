// Owns the promise that no damage to a file ends the reading in any other way than with lines, or with an error that has a code.
import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ProgramError } from '../../src/errors/program-errors.ts';
import { LINE_SCHEMAS } from '../../src/feeds/record.ts';
import { fixture, readContent } from './read-lines.ts';

const FILES = readdirSync(fixture('')).map((name) => readFileSync(fixture(name)));

/** What happens to files: bytes change, pieces are lost or come twice, the end is missing. */
type Damage =
  | { readonly kind: 'byte'; readonly at: number; readonly to: number }
  | { readonly kind: 'lost' | 'twice'; readonly at: number; readonly length: number }
  | { readonly kind: 'end'; readonly at: number };

const at = fc.nat({ max: 4_000 });
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('byte' as const), at, to: fc.constantFrom(0, 9, 10, 13, 0x22, 0x2c, 0x3b, 0x5b, 0x7b, 0x7d, 0x80, 0xff) }), // prettier-ignore
  fc.record({ kind: fc.constantFrom('lost' as const, 'twice' as const), at, length: fc.nat({ max: 300 }) }),
  fc.record({ kind: fc.constant('end' as const), at }),
);

function damaged(file: Buffer, damages: readonly Damage[]): Buffer {
  let bytes = Buffer.from(file);
  for (const one of damages) {
    const place = bytes.length === 0 ? 0 : one.at % bytes.length;
    if (one.kind === 'byte') bytes[place] = one.to;
    else if (one.kind === 'end') bytes = bytes.subarray(0, place);
    else {
      const behind = bytes.subarray(place + one.length);
      const piece = bytes.subarray(place, place + one.length);
      bytes = Buffer.concat([
        bytes.subarray(0, place),
        ...(one.kind === 'twice' ? [piece, piece] : []),
        behind,
      ]);
    }
  }
  return bytes;
}

it('a damaged file gives lines of the documented form, or an error with a code', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...FILES),
      fc.array(damage, { minLength: 1, maxLength: 4 }),
      async (file, damages) => {
        try {
          const { lines } = await readContent(damaged(file, damages));
          for (const line of lines) expect(LINE_SCHEMAS[line.type].parse(line)).toEqual(line);
        } catch (error) {
          expect(error).toBeInstanceOf(ProgramError);
        }
      },
    ),
    { numRuns: 200 },
  );
});

// Threat: a name that a phone or a feed chose turns the direction of the text around it, so that people read another one than is there
// (Unicode TR 9, 3.1; CVE-2021-42574).
import { expect, it } from 'vitest';
import { csvRows } from '../../src/app/csv.ts';
import { safeJson } from '../../src/app/times.ts';
import { printable, shownLines } from '../../src/cli/output.ts';
import { textOf } from '../../src/feeds/values.ts';
import { cleanText } from '../../src/notices/template.ts';
import { plain } from '../../src/plain-text.ts';
import { humanLines } from '../../src/telemetry/human-lines.ts';

const PLACES: readonly (readonly [string, (text: string) => string | null])[] = [
  ['records and the access log', (text) => plain(text, 100)],
  ['values of feeds', textOf],
  ['the quarantine message', cleanText],
  ['the log of a terminal', (text) => humanLines(JSON.stringify({ level: 30, time: 0, user: text }), false)],
  ['the command line', printable],
  ['printed lines', shownLines],
  ['JSON of the command line', (text) => safeJson({ text })],
  ['CSV', (text) => csvRows([['name', (name: string) => name]], [text])],
];

/** All characters with the property Bidi_Control (Unicode TR 44). */
const MARKS = [0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069];

it.each(PLACES)('no mark of direction is in %s', (_name, clean) => {
  for (const mark of MARKS) expect(clean(`a${String.fromCodePoint(mark)}b`)).not.toMatch(/\p{Bidi_Control}/u);
});

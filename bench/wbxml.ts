// Owns the measurement of the WBXML codec: median nanoseconds for a Ping request, one thread, nothing else.
//   node bench/wbxml.ts
import { decodeWbxml } from '../src/eas/wbxml/decode.ts';
import { element } from '../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../src/eas/wbxml/element.ts';
import { encodeWbxml } from '../src/eas/wbxml/encode.ts';
import { WbxmlReader } from '../src/eas/wbxml/reader.ts';
import { median } from './core/report.ts';

const ROUNDS = 51;
const CALLS = 10_000;
const WARM_UP = 50_000;

/** A Ping of one phone: mail, calendar, contacts and sent mail. */
const ping: WbxmlElement = element(
  'Ping',
  'Ping',
  element('Ping', 'HeartbeatInterval', '1770'),
  element(
    'Ping',
    'Folders',
    folder('5', 'Email'),
    folder('1', 'Calendar'),
    folder('2', 'Contacts'),
    folder('9', 'Email'),
  ),
);

function folder(id: string, type: string): WbxmlElement {
  return element('Ping', 'Folder', element('Ping', 'Id', id), element('Ping', 'Class', type));
}

/** Reads a document without storing it. */
function walk(bytes: Buffer): number {
  const reader = new WbxmlReader();
  reader.push(bytes);
  let events = 0;
  while (reader.next() !== null) events++;
  reader.end();
  return events;
}

/** Median over rounds of the time of one call. Results are summed up so that V8 cannot optimise calls away. */
function medianNanoseconds(call: () => number): number {
  let sum = 0;
  for (let index = 0; index < WARM_UP; index++) sum += call();
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let index = 0; index < CALLS; index++) sum += call();
    rounds.push(Number(process.hrtime.bigint() - start) / CALLS);
  }
  if (sum === 0) throw new Error('nothing was measured');
  return median(rounds);
}

const bytes = encodeWbxml(ping);
process.stdout.write(
  `Ping of ${bytes.length} bytes, 4 folders, Node ${process.versions.node}; median ns per call\n`,
);
const measured: readonly (readonly [string, () => number])[] = [
  ['encode', () => encodeWbxml(ping).length],
  ['decode', () => decodeWbxml(bytes).children.length],
  ['encode and decode', () => decodeWbxml(encodeWbxml(ping)).children.length],
  ['read without a tree', () => walk(bytes)],
];
for (const [name, call] of measured) {
  process.stdout.write(`${name.padEnd(20)} ${Math.round(medianNanoseconds(call)).toString().padStart(6)}\n`);
}

// Owns the reading of files with one or more XML property lists, as servers log the answers of Apple devices: each dictionary is a record. Pure.
import type { ClixmlRecord } from './clixml.ts';
import { MAX_PROPERTY_LIST, readPropertyList } from './property-list.ts';
import type { PropertyValue } from './property-list.ts';

const END = '</plist>';
const BEGINNING = /<\?xml|<!DOCTYPE plist|<plist[\s>]/;

/** Splits a text into the dictionaries of its property lists. Text between two lists, such as lines of a log, is ignored. */
export async function* propertyListRecords(text: AsyncIterable<string>): AsyncGenerator<ClixmlRecord> {
  let rest = '';
  let line = 1;
  for await (const piece of text) {
    rest += piece;
    for (let end = rest.indexOf(END); end !== -1; end = rest.indexOf(END)) {
      const written = rest.slice(0, end + END.length);
      yield* recordsOf(written, line);
      line += linesIn(written);
      rest = rest.slice(end + END.length);
    }
    if (rest.length <= MAX_PROPERTY_LIST) continue;
    yield {
      line,
      reason: `the property list is longer than ${MAX_PROPERTY_LIST} characters`,
      isCutOff: true,
    };
    return;
  }
  const start = rest.search(BEGINNING);
  if (start === -1) return;
  const reason = 'the property list does not end (is the file cut off?)';
  yield { line: line + linesIn(rest.slice(0, start)), reason, isCutOff: true };
}

function* recordsOf(written: string, from: number): Generator<ClixmlRecord> {
  const start = Math.max(0, written.search(BEGINNING));
  const line = from + linesIn(written.slice(0, start));
  const value = readPropertyList(written.slice(start));
  if (value === null) yield { line, reason: 'not a property list', isCutOff: false };
  else for (const one of Array.isArray(value) ? value : [value]) yield recordOf(one, line);
}

function recordOf(value: PropertyValue, line: number): ClixmlRecord {
  return typeof value === 'object' && !Array.isArray(value)
    ? { line, record: value }
    : { line, reason: 'not a dictionary', isCutOff: false };
}

function linesIn(text: string): number {
  return text.split('\n').length - 1;
}

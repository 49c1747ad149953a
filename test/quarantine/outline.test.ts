// Owns the promise that the outline of a large Sync equals the Sync without its items, however it is cut.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutlineReader } from '../../src/quarantine/outline.ts';
import { isElement, textOf } from '../../src/eas/wbxml/element.ts';
import type { WbxmlContent, WbxmlElement } from '../../src/eas/wbxml/element.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { anyRequest } from '../support/phones/mailbox.ts';

const NAMES = [
  'Collections',
  'Collection',
  'SyncKey',
  'Commands',
  'Add',
  'ApplicationData',
  'Subject',
  'Wait',
];

/** The document without its items; adjacent contents are joined, since a text may be split. */
function expected(content: WbxmlContent): unknown {
  if (!isElement(content)) return content.toString();
  const { name, children } = content;
  if (name === 'ApplicationData') return { name, text: '', children: [] };
  return { name, text: textOf(content), children: children.filter(isElement).map(expected) };
}

function outlineOf(bytes: Buffer, pieces: readonly number[]): WbxmlElement {
  const reader = new OutlineReader();
  let at = 0;
  for (const size of pieces) {
    expect(reader.push(bytes.subarray(at, at + size))).toBe(true);
    at += size;
  }
  expect(reader.push(bytes.subarray(at))).toBe(true);
  return reader.end();
}

describe('the outline of a Sync', () => {
  it('has its elements and texts, without its items', () => {
    fc.assert(
      fc.property(
        anyRequest({ namespace: 'AirSync', name: 'Sync' }, NAMES),
        fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 20 }),
        (tree, pieces) => {
          expect(expected(outlineOf(encodeWbxml(tree), pieces))).toEqual(expected(tree));
        },
      ),
      { numRuns: 500 },
    );
  });
});

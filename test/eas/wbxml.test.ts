// Owns the promises of the WBXML codec: every vector in both directions, and no token that the specification does not use.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODE_PAGES } from '../../src/eas/wbxml/code-pages.ts';
import { decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import { WbxmlError } from '../../src/eas/wbxml/element.ts';
import type { WbxmlContent, WbxmlElement } from '../../src/eas/wbxml/element.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { fromXml, toXml } from '../../src/eas/wbxml/xml.ts';
import { captures, vectors } from '../support/checks/fixtures.ts';

interface Vectors {
  readonly vectors: readonly { description: string; xml: string; hex: string }[];
  readonly hostile: readonly { description: string; hex: string; advice: string }[];
}
const { vectors: documents, hostile } = vectors<Vectors>('eas-wbxml-vectors');

describe('vectors', () => {
  for (const { description, xml, hex } of documents) {
    it(`decodes: ${description}`, () => {
      expect(toXml(decodeWbxml(Buffer.from(hex, 'hex')))).toBe(xml);
    });
    it(`encodes: ${description}`, () => {
      expect(encodeWbxml(fromXml(xml)).toString('hex')).toBe(hex);
    });
  }

  const harmless = new Set(['code page 25 Find', 'OPAQUE where text is usual']);
  for (const { description, hex } of hostile) {
    it(`${harmless.has(description) ? 'reads' : 'refuses'}: ${description}`, () => {
      const decode = () => decodeWbxml(Buffer.from(hex, 'hex'));
      if (harmless.has(description)) expect(decode()).toBeDefined();
      else expect(decode).toThrow(WbxmlError);
    });
  }
});

describe('captured bodies', () => {
  for (const capture of captures()) {
    it(`are read and written back unchanged in meaning: ${capture.name}`, () => {
      for (const { requestBody, responseBody, responseHeaders } of capture.exchanges) {
        const type = responseHeaders.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? '';
        for (const body of [requestBody, type.includes('wbxml') ? responseBody : '']) {
          if (body === '') continue;
          const tree = decodeWbxml(Buffer.from(body, 'base64'));
          expect(decodeWbxml(encodeWbxml(tree))).toEqual(tree);
          expect(toXml(fromXml(toXml(tree)))).toBe(toXml(tree));
        }
      }
    });
  }
});

const tags = CODE_PAGES.flatMap(({ namespace, tags }) =>
  Object.values(tags).map((name) => ({ namespace, name })),
);
const content: fc.Arbitrary<WbxmlContent> = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 }).filter((text) => !text.includes('\0')),
  fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
);
const tree: fc.Arbitrary<WbxmlElement> = fc.letrec<{ node: WbxmlElement }>((tie) => ({
  node: fc
    .tuple(
      fc.constantFrom(...tags),
      fc.oneof({ maxDepth: 4 }, fc.array(content, { maxLength: 1 }), fc.array(tie('node'), { maxLength: 4 })),
    )
    .map(([tag, children]) => ({ ...tag, children })),
})).node;

describe('any document', () => {
  it('decodes to the tree it was encoded from', () => {
    fc.assert(
      fc.property(tree, (root) => {
        expect(decodeWbxml(encodeWbxml(root))).toEqual(root);
      }),
    );
  });

  it('is equal after conversion to XML and back', () => {
    fc.assert(
      fc.property(tree, (root) => {
        expect(toXml(fromXml(toXml(root)))).toBe(toXml(root));
      }),
    );
  });

  it('of random bytes is read or refused with a codec error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeWbxml(Buffer.from([0x03, 0x01, 0x6a, 0x00, ...bytes]));
        } catch (error) {
          expect(error).toBeInstanceOf(WbxmlError);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});

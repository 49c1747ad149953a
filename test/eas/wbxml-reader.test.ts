// Owns the promises of the reader: a document gives the same events, and the same error, in whatever chunks it arrives.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODE_PAGES } from '../../src/eas/wbxml/code-pages.ts';
import { WbxmlError } from '../../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../../src/eas/wbxml/element.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { DEFAULT_LIMITS } from '../../src/eas/wbxml/limits.ts';
import type { WbxmlLimits } from '../../src/eas/wbxml/limits.ts';
import { WbxmlReader } from '../../src/eas/wbxml/reader.ts';
import { captures, vectors } from '../support/checks/fixtures.ts';

/** The reader's events for these chunks, with pieces of one content joined; the last line is the end or the error. */
function story(chunks: readonly Uint8Array[], limits: WbxmlLimits = DEFAULT_LIMITS): string[] {
  const reader = new WbxmlReader(limits);
  const lines: string[] = [];
  let pieces: Buffer[] = [];
  const tell = (): void => {
    for (let event = reader.next(); event !== null; event = reader.next()) {
      if (event === 'open') {
        lines.push(`open ${reader.depth} ${reader.page}/${reader.tag} ${reader.namespace}:${reader.name}`);
      } else if (event === 'close') {
        lines.push(`close ${reader.depth}`);
      } else {
        pieces.push(event === 'text' ? Buffer.from(reader.text) : Buffer.from(reader.opaque));
        if (!reader.last) continue;
        lines.push(`${event} ${Buffer.concat(pieces).toString('hex')}`);
        pieces = [];
      }
    }
  };
  try {
    for (const chunk of chunks) {
      reader.push(chunk);
      tell();
    }
    reader.end();
    lines.push('end');
  } catch (error) {
    if (!(error instanceof WbxmlError)) throw error;
    lines.push(error.code);
    // A reader that has thrown throws the same again.
    expect(() => reader.next()).toThrow(error);
  }
  return lines;
}

/** `bytes` cut at these places, as copies: the reader must not need a chunk after the next one arrived. */
function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  let from = 0;
  return ends.map((end) => {
    const chunk = Buffer.from(bytes.subarray(from, end));
    from = end;
    return chunk;
  });
}

/** Any cuts, empty chunks among them. */
const cuts = fc.array(fc.nat({ max: 100_000 }), { maxLength: 12 });
const tags = CODE_PAGES.flatMap(({ namespace, tags: listed }) =>
  Object.values(listed).map((name) => ({ namespace, name })),
);
const { tree } = fc.letrec<{ tree: WbxmlElement }>((tie) => ({
  tree: fc
    .tuple(
      fc.constantFrom(...tags),
      fc.oneof(
        { maxDepth: 4 },
        fc.array(
          fc.oneof(
            fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('\0')),
            fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
          ),
          { maxLength: 3 },
        ),
        fc.array(tie('tree'), { maxLength: 4 }),
      ),
    )
    .map(([tag, children]) => ({ ...tag, children })),
}));

describe('a document in chunks', () => {
  it('gives the same events as in one piece', () => {
    fc.assert(
      fc.property(tree, cuts, (root, places) => {
        const bytes = encodeWbxml(root);
        expect(story(cutAt(bytes, places))).toEqual(story([bytes]));
        expect(story([bytes]).at(-1)).toBe('end');
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same events one octet at a time: vectors and recorded bodies', () => {
    const { vectors: documents } = vectors<{ vectors: { hex: string }[] }>('eas-wbxml-vectors');
    const recorded = captures().flatMap(({ exchanges }) =>
      exchanges.map(({ requestBody }) => Buffer.from(requestBody, 'base64')),
    );
    const bodies = [...documents.map(({ hex }) => Buffer.from(hex, 'hex')), ...recorded];
    for (const bytes of bodies) {
      if (bytes.length === 0) continue;
      const octets = cutAt(
        bytes,
        Array.from(bytes, (_, index) => index),
      );
      expect(story(octets)).toEqual(story([bytes]));
    }
  });

  it('that is malformed fails with the same error after the same events', () => {
    const { hostile } = vectors<{ hostile: { hex: string }[] }>('eas-wbxml-vectors');
    const broken = fc.oneof(
      fc.constantFrom(...hostile.map(({ hex }) => Buffer.from(hex, 'hex'))),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from([0x03, 0x01, 0x6a, 0x00, ...bytes])),
      // One octet of a valid document is changed, or the document ends there.
      fc.tuple(tree, fc.nat(), fc.nat({ max: 256 })).map(([root, place, octet]) => {
        const bytes = Buffer.from(encodeWbxml(root));
        const at = place % bytes.length;
        if (octet === 256) return bytes.subarray(0, at);
        bytes[at] = octet;
        return bytes;
      }),
    );
    let refused = 0;
    fc.assert(
      fc.property(broken, cuts, (bytes, places) => {
        const whole = story([bytes]);
        if (whole.at(-1) !== 'end') refused++;
        expect(story(cutAt(bytes, places))).toEqual(whole);
      }),
      { numRuns: 2_000 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it('has the same limits as in one piece', () => {
    const limits = { ...DEFAULT_LIMITS, maxBytes: 60, maxDepth: 3, maxNodes: 8 };
    let refused = 0;
    fc.assert(
      fc.property(tree, cuts, (root, places) => {
        const bytes = encodeWbxml(root);
        const whole = story([bytes], limits);
        if (whole.at(-1) === 'EASGATE_WBXML_LIMIT') refused++;
        expect(story(cutAt(bytes, places), limits)).toEqual(whole);
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(50);
  });
});

describe('the reader', () => {
  it('passes a large content on in pieces, as views of the chunks', () => {
    const reader = new WbxmlReader();
    const head = encodeWbxml({
      namespace: 'ComposeMail',
      name: 'Mime',
      children: [Buffer.alloc(100_000, 'm')],
    });
    let told = 0;
    let events = 0;
    for (let at = 0; at < head.length; at += 1_000) {
      const chunk = head.subarray(at, at + 1_000);
      reader.push(chunk);
      for (let event = reader.next(); event !== null; event = reader.next()) {
        if (event !== 'opaque') continue;
        events++;
        told += reader.opaque.length;
        expect(reader.opaque.buffer).toBe(head.buffer);
      }
    }
    reader.end();
    expect(told).toBe(100_000);
    expect(events).toBeGreaterThan(99);
  });

  it('accepts no chunk and no end before the last chunk is consumed', () => {
    const reader = new WbxmlReader();
    reader.push(Buffer.from('03016a004501', 'hex'));
    expect(() => reader.push(Buffer.from('00', 'hex'))).toThrow('before next() has answered null');
    expect(() => reader.end()).toThrow('before next() has answered null');
  });
});

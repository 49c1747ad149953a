// Owns helpers for tests of the quarantine mailbox: a message, the keys of a phone, requests, and arbitrary trees as requests.
import fc from 'fast-check';
import type { EasCommand } from '../../../src/eas/commands.ts';
import { KeyMint } from '../../../src/quarantine/keys.ts';
import type { MailboxAnswer, MailboxNotice, MailboxRequest } from '../../../src/quarantine/mailbox-types.ts';
import { CODE_PAGES } from '../../../src/eas/wbxml/code-pages.ts';
import { decodeWbxml } from '../../../src/eas/wbxml/decode.ts';
import type { WbxmlContent, WbxmlElement } from '../../../src/eas/wbxml/element.ts';
import { encodeWbxml } from '../../../src/eas/wbxml/encode.ts';
import { fromXml, toXml } from '../../../src/eas/wbxml/xml.ts';
import { checkResponse } from '../checks/response-rules.ts';

/** Characters outside the Basic Multilingual Plane at every position where text may be cut. */
const TEXT = '🔒'.repeat(200);

/** The message of the tests. */
export const NOTICE: MailboxNotice = {
  fingerprint: 'notice-1',
  subject: 'Your phone waits for approval',
  fromName: 'Mail gateway',
  fromAddress: 'gateway@example.test',
  toName: 'Ann Example',
  toAddress: 'ann@example.test',
  date: '2026-01-02T03:04:05.000Z',
  text: TEXT,
  html: `<p>${TEXT}</p>`,
  mime: Buffer.from(`Subject: Wait\r\n\r\n${TEXT}\r\n`),
};

/** The keys of the phone of the tests, and of another one. */
export const KEYS = new KeyMint(Buffer.alloc(32, 7), 'ann', 'phone');
export const OTHER_KEYS = new KeyMint(Buffer.alloc(32, 7), 'ann', 'other');

/** Versions whose forms differ. */
export const VERSIONS = ['2.5', '12.1', '14.1', '16.1'] as const;

/** A request with this XML, decoded from WBXML; '' = no body. */
export function mailboxRequest(command: EasCommand, version: string, xml = ''): MailboxRequest {
  const body = xml === '' ? null : decodeWbxml(encodeWbxml(fromXml(xml)));
  return { command, version, body, notice: NOTICE, keys: KEYS };
}

/**
 * The answered document as XML, after encoding and decoding. Throws when there is none, when it cannot be encoded, or when it
 * breaks the rules of its command, and of `version` if given.
 */
export function answeredXml(answer: MailboxAnswer, version: string | null = null): string {
  if (answer.kind !== 'body' && answer.kind !== 'ready') throw new Error(`answered with ${answer.kind}`);
  const root = decodeWbxml(answer.kind === 'ready' ? answer.bytes : encodeWbxml(answer.root));
  checkResponse(root.name, root, { version });
  return toXml(root);
}

const content: fc.Arbitrary<WbxmlContent> = fc.oneof(
  fc.constantFrom('0', '1', '2', '4', '-1', 'Mailbox', 'Email', 'MS-EAS-Provisioning-WBXML', 'easg1-inbox'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }).filter((text) => !text.includes('\0')),
  fc.uint8Array({ minLength: 1, maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
);

/** Any tree below `root` of elements with these names, in any order, number and nesting. */
export function anyRequest(
  root: { namespace: string; name: string },
  names: readonly string[],
): fc.Arbitrary<WbxmlElement> {
  const tags = CODE_PAGES.flatMap(({ namespace, tags: listed }) =>
    Object.values(listed)
      .filter((name) => names.includes(name))
      .map((name) => ({ namespace, name })),
  );
  const below = fc.letrec<{ node: WbxmlElement }>((tie) => ({
    node: fc
      .tuple(
        fc.constantFrom(...tags),
        fc.oneof(
          { maxDepth: 4 },
          fc.array(content, { maxLength: 2 }),
          fc.array(tie('node'), { maxLength: 6 }),
        ),
      )
      .map(([tag, children]) => ({ ...tag, children })),
  })).node;
  return fc.array(below, { maxLength: 8 }).map((children) => decodeWbxml(encodeWbxml({ ...root, children })));
}

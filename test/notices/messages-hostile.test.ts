// Owns the promises of the quarantine message against hostile values: nothing breaks out of HTML, headers or MIME.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_TEMPLATES } from '../../src/notices/default-templates.ts';
import { composeMessage, isAddress } from '../../src/notices/mime.ts';
import { renderNotice } from '../../src/notices/notice.ts';
import type { NoticeSettings } from '../../src/notices/notice.ts';
import { MESSAGE_REASONS } from '../../src/notices/reasons.ts';
import { cleanText, escapeHtml } from '../../src/notices/template.ts';
import { decodeWords, encodedWordsOf, only, readMime } from '../support/checks/mime-reader.ts';
import { INPUT, SETTINGS } from '../support/checks/notice-input.ts';

const withSettings = (changes: Partial<NoticeSettings>) =>
  renderNotice({ ...INPUT, settings: { ...SETTINGS, ...changes } });

const TAGS = [
  '<script>',
  '</title>',
  '<br>',
  '<bdi>',
  '</p>',
  '"',
  "'",
  '>',
  '&',
  '&lt;',
  'javascript:alert(1)',
];
const BREAKS = ['\r\n', '\n', '\r', '\0', '\u2028', '\u202E', '\uD800', '=\r\n', 'Bcc: a@b', '--=_'];
const WORDS = ['=?UTF-8?B?QQ==?=', '{{user}}', '日本', '😀', ' ', 'x'];

/** Text that a phone, a feed or an operator could use to break out of its place in the message. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.array(fc.constantFrom(...TAGS, ...BREAKS, ...WORDS), { maxLength: 60 }).map((parts) => parts.join('')),
);

describe('hostile values', () => {
  const anyInput = fc.record({
    language: fc.constantFrom(...DEFAULT_TEMPLATES.keys(), 'xx'),
    reason: fc.oneof(fc.constantFrom(...MESSAGE_REASONS), hostile),
    requirement: hostile,
    user: hostile,
    device: hostile,
    model: hostile,
    since: fc.double(),
    settings: fc.record({
      organisation: hostile,
      fromName: hostile,
      fromAddress: fc.oneof(hostile, fc.emailAddress()),
      helpContact: fc.oneof(
        hostile,
        fc.webUrl(),
        hostile.map((tail) => `https://x/${tail}`),
      ),
      enrolmentUrl: fc.oneof(
        hostile,
        fc.webUrl(),
        hostile.map((tail) => `https://x/${tail}`),
      ),
    }),
  });
  const rendered = (values: typeof anyInput extends fc.Arbitrary<infer T> ? T : never) =>
    renderNotice({ ...values, settings: { ...SETTINGS, ...values.settings } });
  const names = ['Date', 'From', 'To', 'Subject', 'Message-ID', 'Auto-Submitted', 'Content-Language'];

  it('add no header field, no MIME part and no octet that a strict reader refuses', () => {
    fc.assert(
      fc.property(anyInput, (values) => {
        const { mime, subject, text, html, fromName, fromAddress, toName, toAddress } = rendered(values);
        const { fields, parts } = readMime(mime);
        expect(fields.map(([name]) => name)).toEqual([...names, 'MIME-Version', 'Content-Type']);
        expect(parts).toEqual([
          { type: 'text/plain; charset=utf-8', body: text },
          { type: 'text/html; charset=utf-8', body: html },
        ]);
        expect(decodeWords(only(fields, 'Subject'))).toBe(subject);
        expect(readMailbox(only(fields, 'From'))).toEqual([fromName, fromAddress]);
        expect(readMailbox(only(fields, 'To'))).toEqual([toName, toAddress]);
        expect(mime.length).toBeLessThan(200_000);
      }),
      { numRuns: 300 },
    );
  });

  it('add no element and no attribute to the HTML', () => {
    fc.assert(
      fc.property(anyInput, (values) => {
        const { html } = rendered(values);
        for (const tag of tagsOf(html)) expect(tag).toMatch(KNOWN_TAG);
        expect(visibleText(html)).toContain(whole(values.device));
      }),
      { numRuns: 300 },
    );
  });

  it('add no line to the plain text', () => {
    const lines = renderNotice(INPUT).text.split('\r\n').length;
    expect(
      renderNotice({ ...INPUT, model: 'x\r\n\r\nVisit evil\u2028now', device: 'a\nb' }).text.split('\r\n'),
    ).toHaveLength(lines);
  });

  it('cannot reverse the reading direction of the following text', () => {
    expect(renderNotice({ ...INPUT, model: 'x\u202Egpj.exe' }).text).toContain('xgpj.exe');
  });
});

describe('encoded-words', () => {
  it('decode to the text, each within 75 characters and without split characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 120 }), (words) => {
        const { mime, fromName } = withSettings({ fromName: words });
        const from = only(readMime(mime).fields, 'From');
        const strict = new TextDecoder('utf-8', { fatal: true });
        for (const word of encodedWordsOf(from)) {
          expect(word.length).toBeLessThanOrEqual(75);
          expect(() => strict.decode(Buffer.from(word.slice(10, -2), 'base64'))).not.toThrow();
        }
        expect(readMailbox(from)).toEqual([fromName, 'it@example.org']);
      }),
    );
  });

  it('encode text that looks like an encoded-word', () => {
    const { mime } = withSettings({ fromName: '=?UTF-8?B?RXZpbA==?=' });
    expect(only(readMime(mime).fields, 'From')).not.toContain('RXZpbA==');
  });
});

describe('composeMessage', () => {
  it('encodes blanks at the end of a line, which relays would strip', () => {
    const mailbox = { name: '', address: 'a@example.org' };
    const text = 'two blanks  \r\na tab\t\r\n\r\nend ';
    const mime = composeMessage({
      date: 0,
      from: mailbox,
      to: mailbox,
      subject: 'x',
      id: 'x',
      idDomain: 'example.org',
      language: 'en',
      text,
      html: '',
    });
    expect(readMime(mime).parts.map(({ body }) => body)).toEqual([text, '']);
  });
});

describe('escapeHtml', () => {
  it('makes text safe for an attribute in either kind of quotes', () => {
    expect(escapeHtml(`<&>"'`)).toBe('&lt;&amp;&gt;&quot;&#39;');
  });
});

describe('isAddress', () => {
  it.each(['jane@example.org', "o'neil+tag@a-b.example", 'x@localhost'])('accepts %s', (address) => {
    expect(isAddress(address)).toBe(true);
  });

  it.each([
    '',
    'jane',
    'a@b@c',
    'a b@c',
    'a@',
    '@c',
    '.a@c',
    'a@c..d',
    'a@-c',
    'a@c\r\nBcc: x@y',
    'jürgen@c',
    `${'a'.repeat(80)}@c`,
  ])('refuses %j', (address) => {
    expect(isAddress(address)).toBe(false);
  });
});

/** The layout's own tags, attribute by attribute; values have no quote and no angle bracket. */
const KNOWN_TAG =
  /^<(?:!DOCTYPE html|\/?(?:head|title|bdi|br)|\/(?:html|body|div|h1|h2|p|ol|ul|li|a)|html lang="[a-zA-Z-]+" dir="(?:ltr|rtl)"|meta charset="utf-8"|meta name="color-scheme" content="light dark"|div lang="[a-zA-Z-]+" dir="(?:ltr|rtl)" style="[^"<>]*"|(?:body|div|h1|h2|p|ol|ul|li) style="[^"<>]*"|a href="https?:\/\/[^"<>]*"(?: style="[^"<>]*")?)>$/;

/** Every tag as a browser would cut it: from each `<` to the next `>`. */
function tagsOf(html: string): string[] {
  return html.match(/<[^>]*>?/g) ?? [];
}

/** The visible text: without tags, entities decoded. */
function visibleText(html: string): string {
  const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  return html.replace(/<[^>]*>/g, '').replace(/&([a-z]+|#39);/g, (_, name: string) => entities[name] ?? '?');
}

/** The shown form of a value, up to where it may be shortened. */
function whole(value: string): string {
  return cleanText(value.slice(0, 200).toWellFormed())
    .trim()
    .replace(/\uFFFD$/, '')
    .slice(0, 100)
    .trim();
}

/** Name and address of a mailbox field with at most one mailbox. */
function readMailbox(value: string): [string, string] {
  const [, phrase, address] = /^(?:(.*) )?<([^<>"\s]+)>$/.exec(value) ?? [null, '', value];
  if (address === undefined || !isAddress(address)) throw new Error(`not a mailbox: ${value}`);
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(phrase ?? '')?.[1];
  return [quoted === undefined ? decodeWords(phrase ?? '') : quoted.replace(/\\(.)/g, '$1'), address];
}

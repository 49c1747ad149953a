// Owns the promises of the quarantine message: complete in every language, safe with hostile values, strict MIME.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildCatalogue } from '../../src/policy/messages/catalogue.ts';
import { DEFAULT_TEMPLATES } from '../../src/policy/messages/default-templates.ts';
import { composeMessage, isAddress } from '../../src/policy/messages/mime.ts';
import { renderNotice } from '../../src/policy/messages/notice.ts';
import type { NoticeInput, NoticeSettings } from '../../src/policy/messages/notice.ts';
import { MESSAGE_REASONS, messageReason } from '../../src/policy/messages/reasons.ts';
import { cleanText, escapeHtml } from '../../src/policy/messages/template.ts';
import { decodeWords, encodedWordsOf, only, readMime } from '../support/mime-reader.ts';

const catalogue = buildCatalogue();
const settings: NoticeSettings = {
  catalogue,
  defaultLanguage: 'en',
  organisation: 'Example Ltd',
  fromName: 'Mail gateway',
  fromAddress: 'it@example.org',
  helpContact: 'help@example.org',
  enrolmentUrl: 'https://enrol.example.org/start?a=1&b=2',
  timeZone: 'UTC',
};
const input: NoticeInput = {
  settings,
  reason: 'notEnrolled',
  requirement: 'iOS 18.2',
  language: 'en',
  user: 'jane@example.org',
  device: 'APPLEF2L1234',
  model: 'iPhone15C2',
  since: Date.UTC(2026, 7, 1, 12, 34, 56, 789),
};
const bare: Partial<NoticeInput> = {
  requirement: null,
  model: null,
  settings: { ...settings, organisation: null, helpContact: null, enrolmentUrl: null },
};
const notice = (changes: Partial<NoticeInput> = {}) => renderNotice({ ...input, ...changes });
const withSettings = (changes: Partial<NoticeSettings>) => notice({ settings: { ...settings, ...changes } });
const everyText = [...DEFAULT_TEMPLATES.keys()].flatMap((language) =>
  MESSAGE_REASONS.map((reason) => ({ language, reason })),
);

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

/** Text a phone, a feed or an operator could send to break out of where it is put. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.array(fc.constantFrom(...TAGS, ...BREAKS, ...WORDS), { maxLength: 60 }).map((parts) => parts.join('')),
);

describe('the built-in texts', () => {
  it.each(everyText)('say everything about $reason in $language', ({ language, reason }) => {
    const { text, html, subject } = notice({ language, reason });
    const { messages, headings } = DEFAULT_TEMPLATES.get(language)!;
    expect(`${subject}${text}${html}`).not.toMatch(/\{\{|\}\}|undefined|null/);
    expect(subject).not.toBe('');
    expect(text).toContain(`${headings.steps}\r\n1. `);
    expect(text).toContain(messages[reason].returns);
    expect(text).toMatch(/\b1\b|minut|Minut/);
    for (const fact of ['help@example.org', 'jane@example.org', 'APPLEF2L1234', 'iPhone15C2', '2026']) {
      expect(text).toContain(fact);
      expect(html).toContain(fact);
    }
  });

  it.each(everyText)('leave no empty label for $reason in $language', ({ language, reason }) => {
    const { text } = notice({ language, reason, ...bare });
    expect(text).not.toMatch(/\{\{|\(\)|（）|  /);
    for (const line of text.split('\r\n')) expect(line).not.toMatch(/[:：]\s*$/);
  });

  it('have a text of their own for every reason', () => {
    for (const { messages } of DEFAULT_TEMPLATES.values()) {
      expect(new Set(MESSAGE_REASONS.map((reason) => messages[reason].subject)).size).toBe(
        MESSAGE_REASONS.length,
      );
    }
  });

  it('name the requirement where a reason can have one', () => {
    for (const language of DEFAULT_TEMPLATES.keys()) {
      expect(notice({ language, reason: 'notCompliant' }).text).toContain('iOS 18.2');
    }
  });
});

describe('renderNotice', () => {
  it.each([
    ['a word of a later version', 'someNewReason', 'globalRule'],
    ['a reason that lets mail through', 'untargeted', 'compliant'],
    ['a word that every object has', 'constructor', 'globalRule'],
  ])('explains %s with a text that is true', (_, reason, stand) => {
    expect(messageReason(reason)).toBe(stand);
    expect(notice({ reason }).subject).toBe(notice({ reason: stand }).subject);
  });

  it('uses the default language for one without texts', () => {
    expect(notice({ language: 'nl', settings: { ...settings, defaultLanguage: 'de' } }).language).toBe('de');
    expect(notice({ language: 'nl', settings: { ...settings, defaultLanguage: 'nl' } }).language).toBe('en');
  });

  it('links to http and https only', () => {
    expect(notice().html).toContain('href="https://enrol.example.org/start?a=1&amp;b=2"');
    for (const enrolmentUrl of ['javascript:alert(1)', 'data:text/html,x', 'https:evil', 'mailto:a@b.c']) {
      const { html, text } = withSettings({ enrolmentUrl, helpContact: enrolmentUrl });
      expect(html).not.toContain('href');
      expect(text).toContain(enrolmentUrl);
    }
  });

  it('words the date in the language and time zone, and names the zone', () => {
    expect(notice().text).toContain('August 1, 2026');
    expect(notice().text).toContain('UTC');
    const { text } = notice({ language: 'de', settings: { ...settings, timeZone: 'Europe/Berlin' } });
    expect(text).toContain('1. August 2026 um 14:34 MESZ');
  });

  it('states language and direction, and loads nothing from outside', () => {
    const { html } = notice({ language: 'ja' });
    expect(html).toContain('<html lang="ja" dir="ltr">');
    expect(html).not.toMatch(/<(?:img|link|script|iframe|style)|url\(|src=/);
  });

  it('dates the message when the device was put on hold', () => {
    const { mime, date } = notice();
    expect(only(readMime(mime).fields, 'Date')).toBe('Sat, 01 Aug 2026 12:34:56 +0000');
    expect(date).toBe('2026-08-01T12:34:56.000Z');
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY, 1e300])('has a date for the moment %d', (since) => {
    expect(() => readMime(notice({ since }).mime)).not.toThrow();
  });

  it('shows a user name that is no address as a name, at nobody’s address', () => {
    const { toName, toAddress, mime } = notice({ user: 'EXAMPLE\\jane' });
    expect([toName, toAddress]).toEqual(['EXAMPLE\\jane', 'recipient@easgate.invalid']);
    expect(only(readMime(mime).fields, 'To')).toBe('"EXAMPLE\\\\jane" <recipient@easgate.invalid>');
  });

  it('tells automatic responders to be silent', () => {
    expect(only(readMime(notice().mime).fields, 'Auto-Submitted')).toBe('auto-generated');
  });
});

describe('the fingerprint and the bytes', () => {
  it('are the same for the same input, with texts parsed anew', () => {
    const again = withSettings({ catalogue: buildCatalogue() });
    expect(again.fingerprint).toBe(notice().fingerprint);
    expect(again.mime.equals(notice().mime)).toBe(true);
  });

  it.each<[string, Partial<NoticeInput>]>([
    ['reason', { reason: 'notCompliant' }],
    ['requirement', { requirement: 'iOS 19' }],
    ['language', { language: 'de' }],
    ['texts', { settings: { ...settings, catalogue: buildCatalogue(new Map([['en', { footer: 'Bye' }]])) } }],
    ['enrolment page', { settings: { ...settings, enrolmentUrl: 'https://other.example.org/' } }],
  ])('change with the %s', (_, changes) => {
    expect(notice(changes).fingerprint).not.toBe(notice().fingerprint);
  });

  it.each<[string, Partial<NoticeInput>]>([
    ['device', { device: 'OTHER' }],
    ['user', { user: 'joe@example.org' }],
    ['moment', { since: 0 }],
  ])('keep the fingerprint but not the Message-ID for another %s', (_, changes) => {
    const id = (mime: Buffer) => only(readMime(mime).fields, 'Message-ID');
    expect(notice(changes).fingerprint).toBe(notice().fingerprint);
    expect(id(notice(changes).mime)).not.toBe(id(notice().mime));
  });
});

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
    renderNotice({ ...values, settings: { ...settings, ...values.settings } });
  const names = ['Date', 'From', 'To', 'Subject', 'Message-ID', 'Auto-Submitted', 'Content-Language'];

  it('add no header field, no part and no octet that a strict reader refuses', () => {
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

  it('put no element and no attribute of their own into the HTML', () => {
    fc.assert(
      fc.property(anyInput, (values) => {
        const { html } = rendered(values);
        for (const tag of tagsOf(html)) expect(tag).toMatch(KNOWN_TAG);
        expect(visibleText(html)).toContain(whole(values.device));
      }),
      { numRuns: 300 },
    );
  });

  it('start no line of their own in the text', () => {
    const lines = notice().text.split('\r\n').length;
    expect(notice({ model: 'x\r\n\r\nVisit evil\u2028now', device: 'a\nb' }).text.split('\r\n')).toHaveLength(
      lines,
    );
  });

  it('cannot reverse the reading direction of what follows', () => {
    expect(notice({ model: 'x\u202Egpj.exe' }).text).toContain('xgpj.exe');
  });
});

describe('encoded-words', () => {
  it('decode to the text, each within 75 characters and whole in itself', () => {
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

  it('encode what only looks like one', () => {
    const { mime } = withSettings({ fromName: '=?UTF-8?B?RXZpbA==?=' });
    expect(only(readMime(mime).fields, 'From')).not.toContain('RXZpbA==');
  });
});

describe('composeMessage', () => {
  it('keeps blanks at the end of a line, which relays would strip', () => {
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

/** The layout's own tags, attribute by attribute; values hold no quote and no angle bracket. */
const KNOWN_TAG =
  /^<(?:!DOCTYPE html|\/?(?:head|title|bdi|br)|\/(?:html|body|div|h1|h2|p|ol|ul|li|a)|html lang="[a-zA-Z-]+" dir="(?:ltr|rtl)"|meta charset="utf-8"|meta name="color-scheme" content="light dark"|div lang="[a-zA-Z-]+" dir="(?:ltr|rtl)" style="[^"<>]*"|(?:body|div|h1|h2|p|ol|ul|li) style="[^"<>]*"|a href="https?:\/\/[^"<>]*"(?: style="[^"<>]*")?)>$/;

/** Every tag as a browser would cut it: from each `<` to the next `>`. */
function tagsOf(html: string): string[] {
  return html.match(/<[^>]*>?/g) ?? [];
}

/** What a reader sees: tags away, then entities back. */
function visibleText(html: string): string {
  const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  return html.replace(/<[^>]*>/g, '').replace(/&([a-z]+|#39);/g, (_, name: string) => entities[name] ?? '?');
}

/** A value as it is shown, up to where it may be shortened. */
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

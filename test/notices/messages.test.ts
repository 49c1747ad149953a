// Owns the promises of the quarantine message: complete in every language, deterministic, correct.
import { describe, expect, it } from 'vitest';
import { buildCatalogue } from '../../src/notices/catalogue.ts';
import { DEFAULT_TEMPLATES } from '../../src/notices/default-templates.ts';
import { renderNotice } from '../../src/notices/notice.ts';
import type { NoticeInput, NoticeSettings } from '../../src/notices/notice.ts';
import { MESSAGE_REASONS, messageReason } from '../../src/notices/reasons.ts';
import { only, readMime } from '../support/checks/mime-reader.ts';
import { INPUT, SETTINGS } from '../support/checks/notice-input.ts';

const bare: Partial<NoticeInput> = {
  requirement: null,
  model: null,
  settings: { ...SETTINGS, organisation: null, helpContact: null, enrolmentUrl: null },
};
const notice = (changes: Partial<NoticeInput> = {}) => renderNotice({ ...INPUT, ...changes });
const withSettings = (changes: Partial<NoticeSettings>) => notice({ settings: { ...SETTINGS, ...changes } });
const everyText = [...DEFAULT_TEMPLATES.keys()].flatMap((language) =>
  MESSAGE_REASONS.map((reason) => ({ language, reason })),
);

describe('the built-in texts', () => {
  it.each(everyText)('have all parts for $reason in $language', ({ language, reason }) => {
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

  it('have a distinct text for every reason', () => {
    for (const { messages } of DEFAULT_TEMPLATES.values()) {
      expect(new Set(MESSAGE_REASONS.map((reason) => messages[reason].subject)).size).toBe(
        MESSAGE_REASONS.length,
      );
    }
  });

  it.each([...DEFAULT_TEMPLATES.keys()])(
    'say in %s when the next step follows, for reasons that can have a date',
    (language) => {
      const nextStep = Date.UTC(2031, 0, 2, 3, 4);
      for (const reason of ['notCompliant', 'compromised', 'individualRule', 'unknownDevice']) {
        const { text, html } = notice({ language, reason, nextStep });
        expect(text).toContain('2031');
        expect(html).toContain('2031');
        expect(notice({ language, reason }).text).not.toMatch(/2031|\{\{/);
      }
    },
  );

  it('name the requirement for reasons that can have one', () => {
    for (const language of DEFAULT_TEMPLATES.keys()) {
      expect(notice({ language, reason: 'notCompliant' }).text).toContain('iOS 18.2');
    }
  });
});

describe('renderNotice', () => {
  it.each([
    ['a word of a later version', 'someNewReason', 'globalRule'],
    ['a reason that lets mail through', 'inGracePeriod', 'compliant'],
    ['a word that every object has', 'constructor', 'globalRule'],
  ])('explains %s correctly', (_, reason, stand) => {
    expect(messageReason(reason)).toBe(stand);
    expect(notice({ reason }).subject).toBe(notice({ reason: stand }).subject);
  });

  it('uses the default language for a language without texts', () => {
    expect(notice({ language: 'nl', settings: { ...SETTINGS, defaultLanguage: 'de' } }).language).toBe('de');
    expect(notice({ language: 'nl', settings: { ...SETTINGS, defaultLanguage: 'nl' } }).language).toBe('en');
  });

  it('links to http and https only', () => {
    expect(notice().html).toContain('href="https://enrol.example.org/start?a=1&amp;b=2"');
    for (const enrolmentUrl of ['javascript:alert(1)', 'data:text/html,x', 'https:evil', 'mailto:a@b.c']) {
      const { html, text } = withSettings({ enrolmentUrl, helpContact: enrolmentUrl });
      expect(html).not.toContain('href');
      expect(text).toContain(enrolmentUrl);
    }
  });

  it('writes the date in the language and time zone, and names the zone', () => {
    expect(notice().text).toContain('August 1, 2026');
    expect(notice().text).toContain('UTC');
    const { text } = notice({ language: 'de', settings: { ...SETTINGS, timeZone: 'Europe/Berlin' } });
    expect(text).toContain('1. August 2026 um 14:34 MESZ');
  });

  it('declares language and direction, and loads no external content', () => {
    const { html } = notice({ language: 'ja' });
    expect(html).toContain('<html lang="ja" dir="ltr">');
    expect(html).not.toMatch(/<(?:img|link|script|iframe|style)|url\(|src=/);
  });

  it('dates the message when the device was put on hold', () => {
    const { mime, date } = notice();
    expect(only(readMime(mime).fields, 'Date')).toBe('Sat, 01 Aug 2026 12:34:56 +0000');
    expect(date).toBe('2026-08-01T12:34:56.000Z');
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY, 1e300])('has a date for the time %d', (since) => {
    expect(() => readMime(notice({ since }).mime)).not.toThrow();
  });

  it('shows a user name that is not an address as a display name without a real address', () => {
    const { toName, toAddress, mime } = notice({ user: 'EXAMPLE\\jane' });
    expect([toName, toAddress]).toEqual(['EXAMPLE\\jane', 'recipient@easgate.invalid']);
    expect(only(readMime(mime).fields, 'To')).toBe('"EXAMPLE\\\\jane" <recipient@easgate.invalid>');
  });

  it('has header fields that suppress automatic replies', () => {
    expect(only(readMime(notice().mime).fields, 'Auto-Submitted')).toBe('auto-generated');
  });
});

describe('the fingerprint and the bytes', () => {
  it('are the same for the same input, also when the texts are parsed again', () => {
    const again = withSettings({ catalogue: buildCatalogue() });
    expect(again.fingerprint).toBe(notice().fingerprint);
    expect(again.mime.equals(notice().mime)).toBe(true);
  });

  it.each<[string, Partial<NoticeInput>]>([
    ['reason', { reason: 'notCompliant' }],
    ['requirement', { requirement: 'iOS 19' }],
    ['language', { language: 'de' }],
    ['texts', { settings: { ...SETTINGS, catalogue: buildCatalogue(new Map([['en', { footer: 'Bye' }]])) } }],
    ['enrolment page', { settings: { ...SETTINGS, enrolmentUrl: 'https://other.example.org/' } }],
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

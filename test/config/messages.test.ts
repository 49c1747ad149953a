// Owns the promises of the `messages` section and of template files.
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseTemplateFile } from '../../src/config/message-templates.ts';
import { messagesSection } from '../../src/config/schema/messages.ts';
import { buildCatalogue } from '../../src/notices/catalogue.ts';
import { DEFAULT_TEMPLATES } from '../../src/notices/default-templates.ts';

describe('the messages section', () => {
  it('is optional', () => {
    expect(messagesSection.parse({})).toEqual({
      organisation: null,
      fromName: 'Mail gateway',
      fromAddress: 'no-reply@easgate.invalid',
      helpContact: null,
      enrolmentUrl: null,
      defaultLanguage: 'en',
      timeZone: 'UTC',
      templatesDir: null,
    });
  });

  it.each([
    [{ timeZone: 'Mars/Olympus' }, 'IANA time zone'],
    [{ enrolmentUrl: 'javascript:alert(1)' }, 'URL'],
    [{ fromAddress: 'nobody' }, 'ASCII address'],
    [{ defaultLanguage: 'de_DE' }, 'language tag'],
    [{ colour: 'blue' }, 'colour'],
  ])('refuses %j', (section, problem) => {
    expect(() => messagesSection.parse(section)).toThrow(problem);
  });
});

describe('parseTemplateFile', () => {
  it('accepts the built-in texts', () => {
    for (const [language, source] of DEFAULT_TEMPLATES) {
      const parsed = parseTemplateFile(stringify(source), language);
      expect(buildCatalogue(new Map([[language, parsed]])).get(language)?.revision).toBe(
        buildCatalogue().get(language)?.revision,
      );
    }
  });

  it('treats an empty file as no change', () => {
    expect(parseTemplateFile('', 'de')).toEqual({});
  });

  it.each([
    [
      'a template that names nothing',
      'footer: "{{nobody}}"',
      'de: footer: line 1, column 1: unknown variable',
    ],
    ['an unknown key', 'foot: x', 'foot'],
    ['an unknown reason', 'messages: { badReason: { subject: x } }', 'messages'],
    ['a value of another type', 'footer: 3', 'footer'],
    ['a key written twice', 'footer: a\nfooter: b', 'unique'],
    ['a file that grows by aliases', `a: &a [${'x,'.repeat(9)}]\nb: [${'*a,'.repeat(200)}]`, 'lias'],
    ['a long file', '#'.repeat(262_145), 'longer than'],
  ])('names the problem of %s', (_, text, problem) => {
    expect(() => parseTemplateFile(text, 'de')).toThrow(problem);
    expect(() => parseTemplateFile(text, 'de')).toThrow('de.yaml');
  });
});

// Owns the promises of the operator's own message texts and of the choice of a language.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CatalogueError, buildCatalogue } from '../../src/notices/catalogue.ts';
import { DEFAULT_TEMPLATES } from '../../src/notices/default-templates.ts';
import { chooseLanguage, directionOf } from '../../src/notices/languages.ts';
import { cleanValues, html, parseTemplate, plain, render } from '../../src/notices/template.ts';

describe('parseTemplate', () => {
  it.each([
    ['an unknown variable', 'Dear\n  {{usr}}', 'de: x: line 2, column 3: unknown variable "usr"'],
    ['a word that every object has', '{{constructor}}', 'unknown variable "constructor"'],
    ['an open tag', 'a {{user', 'line 1, column 3: "{{" without "}}"'],
    ['an open section', '{{#user}}a', 'line 1, column 1: {{#user}} is never closed'],
    [
      'a section closed by another name',
      '{{#user}}{{/model}}',
      'column 10: {{/model}} closes no open section',
    ],
    ['a section that was never opened', '{{/user}}', 'closes no open section'],
    ['deep nesting', '{{#user}}'.repeat(5), 'nested more than 4 deep'],
    ['a long text', 'x'.repeat(4_097), 'longer than 4096'],
  ])('reports the position of %s', (_, source, problem) => {
    expect(() => parseTemplate(source, 'de: x')).toThrow(problem);
  });

  it('refuses a required text inside a conditional section', () => {
    expect(() => parseTemplate('Hello {{model}}', 'x', true)).toThrow('model may be missing');
    expect(() => parseTemplate('Hello{{#model}} {{model}}{{/model}} {{user}}', 'x', true)).not.toThrow();
  });

  it('returns a template or an error with a code for any input', () => {
    const piece = fc.constantFrom('{{', '}}', '#', '/', 'user', 'model', ' ', 'x', '{', '}');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          render(parseTemplate(pieces.join(''), 'x'), {});
        } catch (error) {
          expect(error).toMatchObject({ code: 'EASGATE_TEMPLATE' });
        }
      }),
    );
  });
});

describe('render', () => {
  const line = (source: string, values: Parameters<typeof cleanValues>[0]) => {
    const segments = render(parseTemplate(source, 'x'), cleanValues(values));
    return segments === null ? null : plain(segments);
  };

  it('shows a section only if its variable is set', () => {
    const source = 'a{{#model}} ({{model}}){{/model}} b';
    expect(line(source, { model: 'M' })).toBe('a (M) b');
    expect(line(source, { model: ' ' })).toBe('a b');
  });

  it('omits a line whose variable is missing', () => {
    expect(line('Model: {{model}}', {})).toBeNull();
  });

  it('does not interpret template syntax in a value', () => {
    expect(line('{{model}}', { model: '{{user}}', user: 'jane' })).toBe('{{user}}');
  });

  it('bounds its output and never truncates a URL', () => {
    const url = `https://x/${'y'.repeat(2_000)}`;
    const segments = render(
      parseTemplate('{{enrolmentUrl}} '.repeat(200), 'x'),
      cleanValues({ enrolmentUrl: url }),
    );
    expect(plain(segments ?? []).length).toBeLessThanOrEqual(8_192);
    for (const { text, variable } of segments ?? []) if (variable) expect(text).toBe(url);
    expect(segments?.some(({ variable }) => variable)).toBe(true);
  });

  it('shortens a long name without cutting a character', () => {
    const shown = line('{{model}}', { model: '😀'.repeat(1_000) });
    expect(shown).toMatch(/^(?:😀)+…$/u);
    expect(shown?.length).toBeLessThanOrEqual(256);
  });

  it('escapes the operator’s text too', () => {
    expect(html(render(parseTemplate('<b>&', 'x'), {}) ?? [])).toBe('&lt;b&gt;&amp;');
  });
});

describe('buildCatalogue', () => {
  it('replaces built-in texts by the operator’s and keeps the others', () => {
    const catalogue = buildCatalogue(new Map([['de', { messages: { notEnrolled: { subject: 'Moin' } } }]]));
    const { subject, happened } = catalogue.get('de')!.messages.notEnrolled;
    expect(plain(render(subject, {}) ?? [])).toBe('Moin');
    expect(happened).toEqual(buildCatalogue().get('de')!.messages.notEnrolled.happened);
  });

  it('accepts a complete new language', () => {
    const catalogue = buildCatalogue(new Map([['nl', DEFAULT_TEMPLATES.get('en')!]]));
    expect(catalogue.get('nl')?.language).toBe('nl');
  });

  it('lists all problems in all languages at once', () => {
    const build = () =>
      buildCatalogue(
        new Map([
          ['nl', { footer: 'Dag' }],
          ['de', { footer: '{{x}}', details: ['{{y}}'] }],
          ['not_a_tag', {}],
        ]),
      );
    expect(build).toThrow(CatalogueError);
    expect(build).toThrow('nl: messages.notEnrolled.subject is missing, and nl is not built in');
    expect(build).toThrow('de: footer: line 1, column 1: unknown variable "x"');
    expect(build).toThrow('de: details.0: line 1, column 1: unknown variable "y"');
    expect(build).toThrow('not_a_tag: not a language tag');
  });

  it('refuses more lines than a message may have', () => {
    expect(() => buildCatalogue(new Map([['de', { details: Array(21).fill('x') }]]))).toThrow(
      'de: details: more than 20 lines',
    );
  });
});

describe('chooseLanguage', () => {
  const available = ['en', 'de', 'fr', 'pt-BR', 'zh-Hant', 'ja'];
  const choose = (header: string | null) => chooseLanguage(header, available, 'en');

  it.each([
    [null, 'en'],
    ['', 'en'],
    ['de', 'de'],
    ['DE-de', 'de'],
    ['de-CH-1996', 'de'],
    ['nl, fr;q=0.5', 'fr'],
    ['fr;q=0.5, de;q=0.9', 'de'],
    ['fr;q=0.5, de;q=0.5', 'fr'],
    ['fr ; q=0.8 , de', 'de'],
    ['zh-Hant-TW', 'zh-Hant'],
    ['zh-Hant-x-a', 'zh-Hant'],
    ['pt', 'pt-BR'],
    ['pt-PT', 'pt-BR'],
    ['pt-PT, fr;q=0.1', 'fr'],
    ['*', 'en'],
    ['*, ja;q=0.1', 'ja'],
    ['de;q=0', 'en'],
    ['en;q=0', 'de'],
    ['en;q=0, ja;q=0.2', 'ja'],
    ['de;q=0, de-AT', 'en'],
    ['en;q=0,de;q=0,fr;q=0,pt;q=0,zh;q=0,ja;q=0', 'en'],
    ['de;q=2, fr;q=0.1', 'fr'],
    ['de;q=0.1234, fr;q=0.1', 'fr'],
    ['de;level=1, fr;q=0.1', 'fr'],
    ['d\u00e9, fr', 'fr'],
    ['d', 'en'],
    ['constructor', 'en'],
  ])('answers %j with %s', (header, language) => {
    expect(choose(header)).toBe(language);
  });

  it('reads only up to its limit, and ignores a range cut by it', () => {
    expect(choose(`${'nl,'.repeat(2_000)}de`)).toBe('en');
    expect(choose(`${' '.repeat(1_022)}de-AT`)).toBe('en');
    expect(choose(`fr,${'x'.repeat(5_000)}`)).toBe('fr');
  });

  it('always answers with an available language', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2_000 }), (header) => {
        expect(available).toContain(choose(header));
      }),
    );
  });
});

describe('directionOf', () => {
  it.each([
    ['ar-EG', 'rtl'],
    ['he', 'rtl'],
    ['de', 'ltr'],
    ['art', 'ltr'],
  ])('reads %s %s', (language, direction) => {
    expect(directionOf(language)).toBe(direction);
  });
});

// Owns the promises about times in files: every culture that exporters write, and no guess about the order of day and month.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DateOrders } from '../../src/feeds/date-orders.ts';
import { isTimeZone, isoTime, needsOrder, orderIn, readTime } from '../../src/feeds/times.ts';
import type { DayOrder } from '../../src/feeds/times.ts';

function read(text: string, order: DayOrder | null = null, zone = 'UTC'): string {
  const time = readTime(text, { order, zone });
  return typeof time === 'object' ? isoTime(time.at) : time;
}

describe('a time', () => {
  it.each([
    ['2026-11-20T06:02:10Z', '2026-11-20T06:02:10Z'],
    ['2026-11-20 06:02:10.0000000', '2026-11-20T06:02:10Z'],
    ['2026-11-20T06:02:10.5720125Z', '2026-11-20T06:02:10.572Z'],
    ['2026-11-20T06:02:10.000+0000', '2026-11-20T06:02:10Z'],
    ['2026-11-20T06:02:10-05:00', '2026-11-20T11:02:10Z'],
    ['2026-11-20', '2026-11-20T00:00:00Z'],
    // PostgreSQL, Java, browsers, LDAP, Windows and .NET.
    ['2026-11-20 07:02:10+01', '2026-11-20T06:02:10Z'],
    ['2026-11-20T07:02:10+01:00[Europe/Berlin]', '2026-11-20T06:02:10Z'],
    ['Fri Nov 20 2026 07:02:10 GMT+0100 (Central European Standard Time)', '2026-11-20T06:02:10Z'],
    ['11/20/2026 6:02:10 (UTC)', '2026-11-20T06:02:10Z'],
    ['20.11.2026 06:02 Uhr', '2026-11-20T06:02:00Z'],
    ['20261120060210.0Z', '2026-11-20T06:02:10Z'],
    ['20261120070210+0100', '2026-11-20T06:02:10Z'],
    ['20261120', '2026-11-20T00:00:00Z'],
    ['134396281300000000', '2026-11-20T06:02:10Z'],
    ['639307513300000000', '2026-11-20T06:02:10Z'],
    // Databases; a day in front would make the year the month.
    ['20261120060210', '2026-11-20T06:02:10Z'],
    ['202611200602', '2026-11-20T06:02:00Z'],
    // What a spreadsheet makes of a time.
    ['46346.2515046296', '2026-11-20T06:02:10Z'],
    ['46346,2515046296', '2026-11-20T06:02:10Z'],
    ['November 20th, 2026 6:02:10 AM', '2026-11-20T06:02:10Z'],
    ['20th November 2026 06:02:10', '2026-11-20T06:02:10Z'],
    ['2026-Nov-20 06:02:10', '2026-11-20T06:02:10Z'],
    ['2026-11-20 07:02:10 GMT+1', '2026-11-20T06:02:10Z'],
    // None of these says a time for certain.
    ['20261320060210', 'unreadable'],
    ['20112026060210', 'unreadable'],
    ['20261320', 'unreadable'],
    ['999999999999', '2001-09-09T01:46:39.999Z'],
    ['100000000000000000', 'unreadable'],
    ['11/20/2026 5:59:00 AM', '2026-11-20T05:59:00Z'],
    ['11/20/2026 12:05:00 AM', '2026-11-20T00:05:00Z'],
    ['11/20/2026 12:05:00 PM', '2026-11-20T12:05:00Z'],
    // ICU 72 and later: a narrow no-break space in front of PM.
    ['11/20/2026 5:59:00\u202fPM', '2026-11-20T17:59:00Z'],
    ['20/11/2026 05:59:00', '2026-11-20T05:59:00Z'],
    ['20-11-2026 05:59', '2026-11-20T05:59:00Z'],
    ['20.11.2026 05:59:00', '2026-11-20T05:59:00Z'],
    ['02.03.2026 09:12:01', '2026-03-02T09:12:01Z'],
    ['20.11.2026 5.59.00', '2026-11-20T05:59:00Z'],
    ['2026. 11. 20. 5:59:00', '2026-11-20T05:59:00Z'],
    ['20.11.2026 г. 5:59:00', '2026-11-20T05:59:00Z'],
    ['20. 11. 2026. 5:59:00', '2026-11-20T05:59:00Z'],
    ['Freitag, 20. November 2026 05:59:00', '2026-11-20T05:59:00Z'],
    // Buddhist years, and Arabic digits.
    ['20/11/2569 5:59:00', '2026-11-20T05:59:00Z'],
    ['٢٠/١١/٢٠٢٦ ٥:٥٩:٠٠ ص', '2026-11-20T05:59:00Z'],
    ['2026/11/20 5:59:00', '2026-11-20T05:59:00Z'],
    ['2026/11/20 下午 05:59:00', '2026-11-20T17:59:00Z'],
    ['2026-11-20 오전 5:59:00', '2026-11-20T05:59:00Z'],
    ['20/11/2026 5:59:00 π.μ.', '2026-11-20T05:59:00Z'],
    ['20/11/2026 5:59:00 p. m.', '2026-11-20T17:59:00Z'],
    ['2026/11/20 at 6:02 AM', '2026-11-20T06:02:00Z'],
    ['Fri, 20 Nov 2026 05:59:00 GMT', '2026-11-20T05:59:00Z'],
    ['Friday, November 20, 2026 5:59:00 AM', '2026-11-20T05:59:00Z'],
    // Names of months.
    ['20 novembre 2026 à 06:02:10', '2026-11-20T06:02:10Z'],
    ['vendredi 20 novembre 2026 05:59:00', '2026-11-20T05:59:00Z'],
    ['1er août 2026', '2026-08-01T00:00:00Z'],
    ['3. März 2026 06:02', '2026-03-03T06:02:00Z'],
    ['20. Okt. 2026, 06:02', '2026-10-20T06:02:00Z'],
    ['20 de noviembre de 2026, 6:02', '2026-11-20T06:02:00Z'],
    ['20-mei-2026 06:02', '2026-05-20T06:02:00Z'],
    ['20 marraskuuta 2026 klo 6.02', '2026-11-20T06:02:00Z'],
    ['20 ноября 2026 г., 6:02', '2026-11-20T06:02:00Z'],
    ['2026. november 20. 6:02', '2026-11-20T06:02:00Z'],
    ['2026年11月20日 6:02', '2026-11-20T06:02:00Z'],
    ['2026年11月20日 下午6:02', '2026-11-20T18:02:00Z'],
    ['2026년 11월 20일 오후 6:02', '2026-11-20T18:02:00Z'],
    ['Fri Nov 20 06:02:10 UTC 2026', '2026-11-20T06:02:10Z'],
    // Go.
    ['2026-11-20 07:02:10.123456789 +0100 CET', '2026-11-20T06:02:10.123Z'],
    // Oracle and spreadsheets: nobody writes the year in front of a name.
    ['28-Nov-26 03.04.05 PM', '2026-11-28T15:04:05Z'],
    ['20-NOV-26', '2026-11-20T00:00:00Z'],
    ['20-NOV-26 06.02.10.123456 AM +01:00', '2026-11-20T05:02:10.123Z'],
    ['01-DEZ-26', '2026-12-01T00:00:00Z'],
    // DB2, SAP, Apache, SAS.
    ['2026-11-20-06.02.10.123456', '2026-11-20T06:02:10.123Z'],
    ['20261120 06:02:10', '2026-11-20T06:02:10Z'],
    ['20/Nov/2026:06:02:10 +0000', '2026-11-20T06:02:10Z'],
    ['20NOV2026:06:02:10', '2026-11-20T06:02:10Z'],
    // Weekdays, and words and signs of one language.
    ['Freitag, 20.11.2026 06:02', '2026-11-20T06:02:00Z'],
    ['ven. 20/11/2026 06:02', '2026-11-20T06:02:00Z'],
    ['sexta-feira, 20 de novembro de 2026 às 06:02:10', '2026-11-20T06:02:10Z'],
    ['fredag den 20. november 2026 kl. 06.02.10', '2026-11-20T06:02:10Z'],
    ['20 Kasım 2026 Cuma 06:02:10', '2026-11-20T06:02:10Z'],
    ['20 novembre 2026 alle ore 06:02:10', '2026-11-20T06:02:10Z'],
    ['20/11/2026 06h02', '2026-11-20T06:02:00Z'],
    ['2026-11-20 06 h 02 min 10 s', '2026-11-20T06:02:10Z'],
    ['20.11.2026 г., 6:02:10 ч.', '2026-11-20T06:02:10Z'],
    ['20/11/2026 - 06:02', '2026-11-20T06:02:00Z'],
    ['06:02:10 20/11/2026', '2026-11-20T06:02:10Z'],
    ['2026年11月20日 6時2分10秒', '2026-11-20T06:02:10Z'],
    ['2026/11/20(金) 6:02', '2026-11-20T06:02:00Z'],
    ['2026년 11월 20일 금요일 오후 6:02', '2026-11-20T18:02:00Z'],
    // Korean has the year in front.
    ['26. 11. 20. 오후 6:02', '2026-11-20T18:02:00Z'],
    ['20261120T060210Z', '2026-11-20T06:02:10Z'],
    ['20261120T0602+0100', '2026-11-20T05:02:00Z'],
    ['1795154530000', '2026-11-20T06:02:10Z'],
    ['1795154530', '2026-11-20T06:02:10Z'],
    ['/Date(1795154530000)/', '2026-11-20T06:02:10Z'],
    [String.raw`\/Date(1795154530000+0100)\/`, '2026-11-20T06:02:10Z'],
  ])('%s is read', (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  it.each([
    '0001-01-01T00:00:00Z',
    '0001-01-01T00:00:00.000',
    '1/1/0001 12:00:00 AM',
    '01.01.0001 00:00:00',
    '1601-01-01T00:00:00Z',
    '9999-12-31 23:59:59.9999999',
    '12/31/9999 11:59:59 PM',
    '/Date(-62135596800000)/',
    '/Date(253402300799999)/',
    '0',
    '',
  ])('%s means never', (text) => {
    expect(read(text)).toBe('never');
  });

  it.each([
    'yesterday',
    '2026-13-01',
    '2026-02-30',
    '31/02/2026',
    '46346',
    '99999.5',
    '12345.5',
    '46346.25 AM',
    '2026-11-20 25:00',
    '2026-11-20 05:61',
    '20-11-26',
    '26. 11. 20.',
    '20-NOV-99',
    '20 NOV 26',
    // Another word than a weekday: it is not this time.
    'before 20/11/2026',
    'until 20.11.2026 06:02',
    'Until 20 November 2026',
    'since Nov 20, 2026',
    // Two words where one says the half of the day.
    'Nov 20, 2026 PM 6:02 AM',
    // 1448 of Umm al-Qura and 1405 of the Persian calendar are 2026.
    '10/06/48 05:59:00',
    '29/08/1405 05:59:00',
    // November in Polish, October in Croatian; August in Czech, July in Croatian.
    '20 listopada 2026',
    '20. srp 2026',
    '20 ma 2026',
    'Fri Nov 20 06:02:10 CET 2026',
    '2026-11-20 07:02:10 CET',
    '20261320T060210Z',
    '20261120250210',
    '/Date(99999999999999)/',
    'x'.repeat(200),
  ])('%s is not understood', (text) => {
    expect(read(text)).toBe('unreadable');
  });

  it('without an offset is in the zone that was given; of an hour that comes twice it is the first', () => {
    expect(read('02.03.2026 09:12:01', null, 'Europe/Berlin')).toBe('2026-03-02T08:12:01Z');
    expect(read('25.10.2026 02:30', null, 'Europe/Berlin')).toBe('2026-10-25T00:30:00Z');
    expect(read('2026-11-20T06:02:10Z', null, 'Europe/Berlin')).toBe('2026-11-20T06:02:10Z');
    expect([isTimeZone('Europe/Berlin'), isTimeZone('Berlin')]).toEqual([true, false]);
  });

  it('whose day and month could change places is not guessed', () => {
    expect(read('3/2/2026 8:12:01 AM')).toBe('ambiguous');
    expect(read('3/2/2026 8:12:01 AM', 'monthFirst')).toBe('2026-03-02T08:12:01Z');
    expect(read('3/2/2026 8:12:01 AM', 'dayFirst')).toBe('2026-02-03T08:12:01Z');
    expect(read('2/2/2026')).toBe('2026-02-02T00:00:00Z');
    expect(read('Mon 3/2/2026 8:12', 'monthFirst')).toBe('2026-03-02T08:12:00Z');
    expect([needsOrder('Mon 3/2/2026 8:12'), orderIn('Mon 3/20/2026')]).toEqual([true, 'monthFirst']);
    expect([needsOrder('3/2/2026 8:12'), needsOrder('2/2/2026'), needsOrder('2026-03-02')]).toEqual([true, false, false]); // prettier-ignore
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        readTime(text, { order: null, zone: 'UTC' });
        orderIn(text);
      }),
    );
  });

  it('with the name of a month is read correctly or not at all, in every language', () => {
    const language = fc.constantFrom('en-GB', 'de', 'fr', 'es', 'it', 'nl', 'pt-BR', 'pl', 'sv', 'da', 'nb', 'fi', 'cs', 'hu', 'tr', 'ru', 'hr', 'sr-Latn', 'uk', 'ro', 'el', 'lt', 'ja', 'zh-CN', 'ko', 'ga', 'hy', 'uz', 'sw'); // prettier-ignore
    const style = fc.constantFrom('full' as const, 'long' as const, 'medium' as const);
    const day = fc.date({ min: new Date('2001-01-01'), max: new Date('2098-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(language, style, day, (locale, dateStyle, date) => {
        const written = new Intl.DateTimeFormat(locale, { dateStyle, timeZone: 'UTC' }).format(date);
        const expected = `${date.toISOString().slice(0, 10)}T00:00:00Z`;
        expect(['ambiguous', 'unreadable', expected]).toContain(read(written));
      }),
    );
  });

  it('with a time of day is read correctly or not at all, in every language', () => {
    const language = fc.constantFrom('en-GB', 'en-US', 'de', 'fr', 'fr-CA', 'es', 'it', 'nl', 'pt-BR', 'pl', 'sv', 'da', 'nb', 'fi', 'cs', 'hu', 'tr', 'ru', 'hr', 'uk', 'bg', 'ro', 'el', 'ja', 'zh-CN', 'zh-TW', 'ko', 'vi', 'th', 'id', 'ceb'); // prettier-ignore
    const style = fc.constantFrom('full' as const, 'long' as const, 'medium' as const, 'short' as const);
    const time = fc.date({ min: new Date('2010-01-01'), max: new Date('2039-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(language, style, time, (locale, dateStyle, date) => {
        const format = new Intl.DateTimeFormat(locale, { dateStyle, timeStyle: 'medium', timeZone: 'UTC' });
        const expected = isoTime(Math.floor(date.getTime() / 1_000) * 1_000);
        expect(['ambiguous', 'unreadable', expected]).toContain(read(format.format(date)));
      }),
    );
  });

  it('is read back in the forms of .NET cultures', () => {
    const instant = fc.date({
      min: new Date('1995-01-01'),
      max: new Date('2100-01-01'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(instant, (date) => {
        const at = Math.floor(date.getTime() / 1_000) * 1_000;
        const parts = new Date(at);
        const [year, month, day] = [parts.getUTCFullYear(), parts.getUTCMonth() + 1, parts.getUTCDate()];
        const [hour, minute, second] = [
          parts.getUTCHours(),
          pad(parts.getUTCMinutes()),
          pad(parts.getUTCSeconds()),
        ];
        const half = `${hour % 12 === 0 ? 12 : hour % 12}:${minute}:${second} ${hour < 12 ? 'AM' : 'PM'}`;
        const expected = isoTime(at);
        expect(read(`${month}/${day}/${year} ${half}`, 'monthFirst')).toBe(expected);
        expect(read(`${pad(day)}/${pad(month)}/${year} ${pad(hour)}:${minute}:${second}`, 'dayFirst')).toBe(
          expected,
        );
        expect(read(`${pad(day)}.${pad(month)}.${year} ${pad(hour)}:${minute}:${second}`)).toBe(expected);
        expect(read(`${year}-${pad(month)}-${pad(day)} ${pad(hour)}:${minute}:${second}`)).toBe(expected);
        expect(read(String(at))).toBe(expected);
      }),
    );
  });
});

const pad = (value: number): string => String(value).padStart(2, '0');

describe('the order of a column', () => {
  const orderOf = (values: Readonly<Record<string, readonly string[]>>, column: string): DayOrder | null => {
    const orders = new DateOrders();
    for (const [name, written] of Object.entries(values))
      for (const text of written) orders.observe(name, text);
    return orders.order(column);
  };

  it('is what any of its values shows: a number beyond 12, or d/MM/yyyy', () => {
    expect(orderOf({ a: ['3/2/2026', '11/20/2026'] }, 'a')).toBe('monthFirst');
    expect(orderOf({ a: ['3/2/2026', '20/11/2026'] }, 'a')).toBe('dayFirst');
    expect(orderOf({ a: ['3/02/2026'] }, 'a')).toBe('dayFirst');
  });

  it('begins with the year where a day of one digit is behind it: an old date is not read as one of this year', () => {
    const orders = new DateOrders();
    for (const written of ['20/11/26', '26/11/28', '26/1/5']) orders.observe('Last seen', written);
    const order = orders.order('Last seen');
    const readings = ['20/11/26', '26/11/28', '26/1/5', '26/1/5 6:07', '3/2/2026'].map((text) => read(text, order ?? undefined));
    expect(readings).toEqual(['2020-11-26T00:00:00Z', '2026-11-28T00:00:00Z', '2026-01-05T00:00:00Z', '2026-01-05T06:07:00Z', 'ambiguous']);
  }); // prettier-ignore

  it('is not known where nothing shows it, or two values contradict each other', () => {
    expect(orderOf({ a: ['3/2/2026', '4/5/2026'] }, 'a')).toBeNull();
    expect(orderOf({ a: ['20/11/2026', '11/20/2026'] }, 'a')).toBeNull();
  });

  it('is that of the other columns where it shows nothing itself, if they agree', () => {
    expect(orderOf({ a: ['3/2/2026'], b: ['11/20/2026'] }, 'a')).toBe('monthFirst');
    expect(orderOf({ a: ['3/2/2026'], b: ['11/20/2026'], c: ['20/11/2026'] }, 'a')).toBeNull();
  });
});

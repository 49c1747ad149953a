// Owns the promises of times in commands: which forms are accepted, and that ISO is printed.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isoTime,
  jsonParts,
  jsonText,
  parseMomentPast,
  parseMomentToCome,
  withIsoTimes,
} from '../../src/app/times.ts';

const NOW = Date.parse('2026-12-01T10:00:00Z');
const DAY_MS = 86_400_000;

describe('parseMomentToCome', () => {
  it.each([
    ['30m', '2026-12-01T10:30:00Z'],
    ['12h', '2026-12-01T22:00:00Z'],
    ['7d', '2026-12-08T10:00:00Z'],
    ['1w', '2026-12-08T10:00:00Z'],
    ['1d12h', '2026-12-02T22:00:00Z'],
    ['90s', '2026-12-01T10:01:30Z'],
    ['2026-12-31', '2026-12-31T00:00:00Z'],
    ['2026-12-31T18:00', '2026-12-31T18:00:00Z'],
    ['2026-12-31 18:00', '2026-12-31T18:00:00Z'],
    ['2026-12-31T18:00:30Z', '2026-12-31T18:00:30Z'],
    ['2026-12-31T18:00+02:00', '2026-12-31T16:00:00Z'],
  ])('takes %s', (text, moment) => {
    expect(isoTime(parseMomentToCome(text, '--expires', NOW))).toBe(moment);
  });

  it.each([
    '',
    '7',
    '7 d',
    '7x',
    '-7d',
    '0d',
    'd',
    '1.5d',
    '1999999d',
    'tomorrow',
    'Dec 31',
    '31.12.2026',
    '2026-13-01',
    '2026-02-30',
    '2026-12-31T25:00',
    '1764590000000',
  ])('refuses %j and says what to write', (text) => {
    expect(() => parseMomentToCome(text, '--expires', NOW)).toThrow(
      /--expires .*: write a duration \(30m, .*1w\)/,
    );
  });

  it.each(['2026-12-01', '2020-01-01T00:00Z'])('refuses %s, which is in the past', (text) => {
    expect(() => parseMomentToCome(text, '--expires', NOW)).toThrow(/in the past \(20\d\d-/);
  });
});

describe('times', () => {
  it('are printed as they were given', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), (at) => {
        expect(parseMomentPast(new Date(at).toISOString(), '--since')).toBe(at);
        expect(parseMomentPast(isoTime(at), '--since')).toBe(at - (at % 1_000));
      }),
    );
  });

  it('are parsed from any text, or refused', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        try {
          expect(Number.isFinite(parseMomentPast(text, '--since'))).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'EASGATE_TIME' });
        }
      }),
    );
  });

  it('are ISO anywhere in JSON documents, and other numbers stay numbers', () => {
    expect(
      withIsoTimes({
        lastSeen: DAY_MS,
        version: DAY_MS,
        decision: { decidedAt: 0, expiresAt: null, wipe: { requestedAt: 1 } },
        rows: [{ validUntil: DAY_MS, since: 5, note: 'x' }],
        history: [{ at: 1, by: 'erin' }],
        agentChanges: [1],
        stateSince: Infinity,
      }),
    ).toEqual({
      lastSeen: '1970-01-02T00:00:00.000Z',
      version: DAY_MS,
      decision: {
        decidedAt: '1970-01-01T00:00:00.000Z',
        expiresAt: null,
        wipe: { requestedAt: '1970-01-01T00:00:00.001Z' },
      },
      rows: [{ validUntil: '1970-01-02T00:00:00.000Z', since: '1970-01-01T00:00:00.005Z', note: 'x' }],
      history: [{ at: '1970-01-01T00:00:00.001Z', by: 'erin' }],
      agentChanges: ['1970-01-01T00:00:00.001Z'],
      stateSince: null,
    });
  });
});

describe('JSON', () => {
  const rows = [{ seenAt: 0, names: ['a', 'b'], none: {} }, { seenAt: 86_400_000 }];

  it.each([[[]], [rows.slice(0, 1)], [rows]])('in parts is the text of the whole document', (some) => {
    const head = { name: 'blocked', total: { all: some.length } };
    expect([...jsonParts(head, 'rows', some)].join('')).toBe(jsonText({ ...head, rows: some }));
    expect([...jsonParts(null, '', some)].join('')).toBe(jsonText(some));
  });

  it('has parts of bounded length, however many rows there are', () => {
    const many = Array.from({ length: 10_000 }, (_, index) => ({ index, text: 'x'.repeat(100) }));
    const parts = [...jsonParts({}, 'rows', many)];
    expect(Math.max(...parts.map(({ length }) => length))).toBeLessThan(70_000);
    expect(JSON.parse(parts.join(''))).toEqual({ rows: many });
  });

  it('holds nothing that repaints a terminal', () => {
    const text = '\u001b[2J \u009b2J \u202eabc \u{e0041} \u2028 plain äö 😀';
    const written = jsonText({ text });
    expect(written).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/u);
    expect(written).toContain('plain äö 😀');
    expect(JSON.parse(written)).toEqual({ text });
  });
});

// Owns the promise that stored records, complete or not, are read as their schemas say.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { CorruptRecordError } from '../../src/model/corrupt-record.ts';
import { accessDecisionSchema, readDecisionRecord } from '../../src/model/decision.ts';
import type { DecisionRecord, ManualDecision } from '../../src/model/decision.ts';
import { deviceReportSchema, deviceReportText, readDeviceReport } from '../../src/model/device.ts';
import type { DeviceReport } from '../../src/model/device.ts';
import {
  MAX_SPELLINGS,
  partnershipSchema,
  partnershipText,
  readPartnership,
} from '../../src/model/partnership.ts';
import { readerOf } from '../../src/model/read-record.ts';
import { boundRequirements } from '../../src/model/report-bounds.ts';
import { readUserReport, userReportSchema, userReportText } from '../../src/model/user.ts';
import type { UserReport } from '../../src/model/user.ts';
import { changedDecision, decisionRecordText } from '../../src/model/wipe.ts';

const phone = 'phone1' as DeviceKey;
const alice = 'alice@eas.test' as UserKey;
const BLOCK: ManualDecision = {
  action: 'block',
  owner: 'eve',
  reason: null,
  decidedAt: 1,
  expiresAt: null,
};
const WIPE = { action: 'wipe', wipe: { requestedAt: 5, state: 'pending', epoch: 3 } };

const readDevice = (stored: string): DeviceReport => readDeviceReport(phone, 'mdm', stored);
const readDecision = (stored: string, what: string, epoch: number): ManualDecision | null =>
  readDecisionRecord(stored, what, epoch).decision;

/** What a reader says is not understood. */
function refused(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof CorruptRecordError) return error.record;
    throw error;
  }
  return 'understood';
}

describe('a stored record', () => {
  it('of an earlier version gets the defaults of what it lacks', () => {
    const blank = Object.fromEntries(Object.keys(deviceReportSchema.shape).map((name) => [name, null]));
    for (const stored of ['{"observedAt":7}', '[7]']) {
      expect(readDevice(stored)).toEqual({
        ...blank,
        key: phone,
        source: 'mdm',
        version: 0,
        observedAt: 7,
        unmetRequirements: [],
      });
    }
    expect(readUserReport(alice, 'ad', '[]')).toEqual({
      key: alice,
      source: 'ad',
      observedAt: 0,
      version: 0,
      aliases: null,
      groups: null,
      enabled: null,
      attributes: null,
      sourceId: null,
      removed: null,
    });
    expect(readPartnership(alice, phone, '{"model":"X"}')).toEqual({
      user: alice,
      device: phone,
      firstSeen: 0,
      lastSeen: 0,
      deviceType: '',
      userAgent: null,
      protocolVersion: null,
      lastVerdict: '',
      lastReason: '',
      model: 'X',
      os: null,
      imei: null,
      spellings: [phone],
      lastAllowed: null,
      agentChanges: [],
    });
    expect(readDecision('{"action":"block"}', 'decision', 1)).toEqual({
      action: 'block',
      owner: 'unknown',
      reason: null,
      decidedAt: 0,
      expiresAt: null,
    });
  });

  it('may say null for what it lacks', () => {
    expect(readDevice('{"source":null,"version":null,"unmetRequirements":null}')).toEqual(readDevice('{}'));
  });

  it('loses what its schema does not know, and its key is the one it is stored under', () => {
    expect(readDevice('{"key":"other","source":"other","more":1,"__proto__":{"managed":true}}')).toEqual(
      readDevice('{}'),
    );
  });

  it.each([
    ['"text"', 'device phone1 mdm'],
    ['{', 'device phone1 mdm'],
    ['{"managed":"yes"}', 'device phone1 mdm.managed'],
    ['{"version":1e999}', 'device phone1 mdm.version'],
    ['{"unmetRequirements":[1]}', 'device phone1 mdm.unmetRequirements.0'],
    ['[1,2,"yes"]', 'device phone1 mdm.managed'],
    ['{"attributes":{"a":[]}}', 'device phone1 mdm.attributes.a'],
    ['{"ownership":"mine"}', 'device phone1 mdm.ownership'],
  ])('with a value of another kind is named with its field: %s', (stored, name) => {
    expect(refused(() => readDevice(stored))).toBe(name);
  });

  it('keeps a bounded number of spellings', () => {
    const spellings = Array.from({ length: MAX_SPELLINGS + 1 }, (_, index) => `s${index}`);
    expect(readPartnership(alice, phone, JSON.stringify({ spellings })).spellings).toEqual(
      spellings.slice(0, MAX_SPELLINGS),
    );
  });
});

describe('a stored wipe', () => {
  const read = (change: object): string =>
    refused(() => readDecision(JSON.stringify({ ...WIPE, ...change }), 'd', 3));

  it('is suspended in a store of another epoch, and is written back with the epoch of its order', () => {
    const wipe = readDecision(JSON.stringify(WIPE), 'd', 3);
    expect(wipe).not.toHaveProperty('wipe.suspended');
    expect(wipe).not.toHaveProperty('wipe.epoch');
    expect(readDecision(JSON.stringify(WIPE), 'd', 4)).toHaveProperty('wipe.suspended', true);
    expect(readDecision(decisionRecordText({ decision: wipe, history: [] }, 4), 'd', 4)).toEqual(wipe);
  });

  it('cannot be marked as suspended by its record', () => {
    const said = { ...WIPE, wipe: { ...WIPE.wipe, suspended: true } };
    expect(readDecision(JSON.stringify(said), 'd', 3)).not.toHaveProperty('wipe.suspended');
  });

  it.each([
    [{ wipe: undefined }, 'd.wipe'],
    [{ wipe: { state: 'pending' } }, 'd.wipe.requestedAt'],
    [{ wipe: { requestedAt: 5 } }, 'd.wipe.state'],
    [{ wipe: { ...WIPE.wipe, state: 'soon' } }, 'd.wipe.state'],
    [{ wipe: { ...WIPE.wipe, partnerships: [{}] } }, 'd.wipe.partnerships.0.user'],
    [{ wipe: { ...WIPE.wipe, partnerships: [null] } }, 'd.wipe.partnerships.0'],
    [{ expiresAt: 9 }, 'd.expiresAt'],
    [{ action: 'erase' }, 'd'],
  ])('that is ambiguous erases nothing: %j', (change, name) => {
    expect(read(change)).toBe(name);
  });
});

/** Values that a field may have, and some that it may not. */
const value = fc.oneof(
  fc.constantFrom(null, undefined, true, 0, 1.5, Infinity, NaN, '', 'x', 'allow', 'wipe'),
  fc.array(fc.constantFrom<unknown>('a', 1, null)),
  fc.object(),
);

it.each([
  ['report on a device', deviceReportSchema],
  ['report on a user', userReportSchema],
  ['partnership', partnershipSchema],
  ['decision', accessDecisionSchema],
] as const)('a whole %s is recognized exactly when zod takes it as it is', (_name, schema: z.ZodObject) => {
  const good: Readonly<Record<string, unknown>> = {
    ...readUserReport(alice, 'ad', '{}'),
    ...readDevice('{}'),
    ...readPartnership(alice, phone, '{}'),
    ...readDecision('{"action":"block"}', 'd', 1),
  };
  const whole = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, good[name]]));
  const read = readerOf(schema);
  expect(read({ ...whole }, 'r')).toEqual(whole);
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(schema.shape), 'more'), value, (name, next) => {
      const json = { ...whole, [name]: next };
      const strict = schema.safeParse(json);
      if (strict.success) {
        expect(read({ ...json }, 'r')).toEqual(strict.data);
        return;
      }
      // Null counts as missing: the field gets its default, or the record is refused as invalid.
      const preset = schema.shape[name]?.meta()?.['default'];
      if ((next === null || next === undefined) && preset !== undefined)
        expect(read({ ...json }, 'r')).toEqual({ ...whole, [name]: preset });
      else expect(() => read({ ...json }, 'r')).toThrow(CorruptRecordError);
    }),
    { numRuns: 500 },
  );
});

it.each([
  ['a format', z.email(), 'x'],
  ['a kind of number', z.int(), 1.5],
  ['a bound', z.string().max(1), 'xx'],
  ['a conversion', z.coerce.number(), 1],
  ['a list of words', z.array(z.enum(['a'])), ['b']],
])('%s in a schema is left to zod', (_name, field, value) => {
  const schema = z.object({ field });
  const strict = schema.safeParse({ field: value });
  const read = (): unknown => readerOf(schema)({ field: value }, 'r');
  if (strict.success) expect(read()).toEqual(strict.data);
  else expect(refused(read)).toMatch(/^r\.field/);
});

it('requirements within their limits are kept unchanged', () => {
  expect(boundRequirements(['encryption', 'encryption', 'a b'])).toEqual(['encryption', 'a b']);
  expect(boundRequirements([' x', 'y\n', '', '\u202Ez'])).toEqual(['x', 'y', 'z']);
  expect(boundRequirements(['x'.repeat(65)])).toEqual(['x'.repeat(64)]);
  expect(boundRequirements(Array.from({ length: 11 }, (_, index) => `r${index}`))).toHaveLength(10);
});

describe('the stored form', () => {
  const text = fc.oneof(fc.constant(null), fc.string());
  const flag = fc.constantFrom(null, true, false);
  const time = fc.oneof(fc.constant(null), fc.integer());
  const attributes = fc.oneof(
    fc.constant(null),
    fc.dictionary(fc.constantFrom('a', 'b'), fc.oneof(fc.string(), fc.integer(), fc.boolean()), {
      minKeys: 1,
    }),
  );

  it('of a report on a device comes back as it was', () => {
    const arbitrary = fc.record({ managed: flag, platform: text, lastCheckIn: time, attributes, imei: text });
    fc.assert(
      fc.property(arbitrary, fc.constantFrom(null, true), (values, removed) => {
        const report: DeviceReport = { ...readDevice('[5,1]'), ...values, removed };
        expect(readDevice(deviceReportText(report))).toEqual(report);
      }),
    );
  });

  it('of a report on a user tells no groups from groups that nobody knows', () => {
    const names = fc.oneof(fc.constant(null), fc.array(fc.string()));
    fc.assert(
      fc.property(names, names, flag, (aliases, groups, enabled) => {
        const report: UserReport = { ...readUserReport(alice, 'ad', '[]'), aliases, groups, enabled };
        expect(readUserReport(alice, 'ad', userReportText(report))).toEqual(report);
      }),
    );
  });

  it('of a partnership comes back as it was', () => {
    fc.assert(
      fc.property(time, text, fc.array(fc.integer()), (lastAllowed, userAgent, agentChanges) => {
        const record = { ...readPartnership(alice, phone, '[]'), lastAllowed, userAgent, agentChanges };
        expect(readPartnership(alice, phone, partnershipText(record))).toEqual(record);
      }),
    );
  });

  it('is short: what is missing at the end is not written', () => {
    expect(deviceReportText(readDevice('{"observedAt":7,"managed":true}'))).toBe('|7||1');
  });

  it('of a decision has its last changes, and a change that is not understood is left out', () => {
    let record: DecisionRecord = { decision: null, history: [] };
    for (let at = 1; at <= 25; at++)
      record = changedDecision(record, { ...BLOCK, decidedAt: at }, { by: 'eve', via: 'cli', at });
    expect(record.history.map(({ at }) => at)).toEqual(Array.from({ length: 20 }, (_, index) => index + 6));
    expect(readDecisionRecord(decisionRecordText(record, 1), 'd', 1)).toEqual(record);
    const text = JSON.stringify([BLOCK, 'nonsense', { at: 'x' }, ...record.history.slice(-1)]);
    expect(readDecisionRecord(text, 'd', 1)).toEqual({ decision: BLOCK, history: record.history.slice(-1) });
  });
});

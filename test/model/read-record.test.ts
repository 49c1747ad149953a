// Owns the promise that stored records, complete or not, are read as their schemas say.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { CorruptRecordError } from '../../src/model/corrupt-record.ts';
import { accessDecisionSchema, readDecision } from '../../src/model/decision.ts';
import { decisionText } from '../../src/model/wipe.ts';
import { boundRequirements, deviceSchema, readDevice } from '../../src/model/device.ts';
import { MAX_SPELLINGS, partnershipSchema, readPartnership } from '../../src/model/partnership.ts';
import { readerOf } from '../../src/model/read-record.ts';
import { readUser } from '../../src/model/user.ts';

const phone = 'phone1' as DeviceKey;
const alice = 'alice@eas.test' as UserKey;
const WIPE = { action: 'wipe', wipe: { requestedAt: 5, state: 'pending', epoch: 3 } };

/** The problem that a reader reports. */
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
  it('of an earlier version gets defaults for missing fields', () => {
    expect(readDevice(phone, '{"observedAt":7}')).toEqual({
      key: phone,
      managed: null,
      compliant: null,
      model: null,
      os: null,
      encrypted: null,
      compromised: null,
      owner: null,
      lastCheckIn: null,
      source: 'unknown',
      version: 0,
      observedAt: 7,
      unmetRequirements: [],
      stateSince: 7,
    });
    expect(readUser(alice, '{}')).toEqual({ key: alice, aliases: [], groups: [] });
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
    });
    expect(readDecision('{"action":"block"}', 'decision', 1)).toEqual({
      action: 'block',
      owner: 'unknown',
      reason: null,
      decidedAt: 0,
      expiresAt: null,
    });
  });

  it('may have null for a missing field', () => {
    expect(readDevice(phone, '{"source":null,"version":null,"unmetRequirements":null}')).toEqual(
      readDevice(phone, '{}'),
    );
  });

  it('loses fields that its schema does not have, and gets its key from where it is stored', () => {
    expect(readDevice(phone, '{"key":"other","more":1,"__proto__":{"managed":true}}')).toEqual(
      readDevice(phone, '{}'),
    );
  });

  it.each([
    ['[]', 'device phone1'],
    ['"text"', 'device phone1'],
    ['{', 'device phone1'],
    ['{"managed":"yes"}', 'device phone1.managed'],
    ['{"version":1e999}', 'device phone1.version'],
    ['{"unmetRequirements":[1]}', 'device phone1.unmetRequirements.0'],
    ['{"stateSince":"now"}', 'device phone1.stateSince'],
  ])('with a value of the wrong type is reported with the field: %s', (stored, name) => {
    expect(refused(() => readDevice(phone, stored))).toBe(name);
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
    expect(readDecision(decisionText(wipe, 4), 'd', 4)).toEqual(wipe);
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
  ['device', deviceSchema],
  ['partnership', partnershipSchema],
  ['decision', accessDecisionSchema],
] as const)('a whole %s is recognized exactly when zod takes it as it is', (_name, schema: z.ZodObject) => {
  const good: Readonly<Record<string, unknown>> = {
    ...readDevice(phone, '{}'),
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

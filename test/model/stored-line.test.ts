// Owns the promises of the lines in which records are stored: what is written comes back, and a malformed line is refused.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { userDevicesIn, userDevicesText } from '../../src/directory/redis/stored-hashes.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { CorruptRecordError } from '../../src/model/corrupt-record.ts';
import { deviceReportText, readDeviceReport } from '../../src/model/device.ts';
import type { DeviceReport } from '../../src/model/device.ts';
import { partnershipText, readPartnership } from '../../src/model/partnership.ts';
import { isLine } from '../../src/model/stored-line.ts';
import { readUserReport, userReportText } from '../../src/model/user.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const phone = 'appl1' as DeviceKey;
const read = (stored: string): DeviceReport => readDeviceReport(phone, 'mdm', stored);

/** Texts with everything that has a meaning in a line, or in a short form. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('|', '%', ',', '~', '=', '[', ']', '\n', '\0', 'i', 'é', 'A') }),
  fc.constantFrom('i', 'ios', '%', '%7C', '[]', 'a', 'allow', 'c', 'compliant', '1'),
);
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });
const flag = maybe(fc.boolean());
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  fc.constant(7),
);

describe('a line', () => {
  it('of a report on a device comes back as it was', () => {
    const attributes = fc.dictionary(text, fc.oneof(text, number, fc.boolean()), { minKeys: 1, maxKeys: 4 });
    const values = fc.record({
      observedAt: number,
      version: number,
      managed: flag,
      compromised: flag,
      platform: maybe(text),
      model: maybe(text),
      lastCheckIn: maybe(number),
      reportedSince: maybe(number),
      compliantUnmetSince: maybe(number),
      ownership: maybe(fc.constantFrom('company' as const, 'personal' as const)),
      attributes: maybe(attributes),
      imei: maybe(text),
      removed: flag,
    });
    fc.assert(
      fc.property(values, (some) => {
        const report = { ...read('|'), ...some };
        const line = deviceReportText(report);
        expect(isLine(line)).toBe(true);
        expect(read(line)).toEqual(read(JSON.stringify(report)));
      }),
    );
  });

  it('of a partnership comes back as it was, however the id is spelled', () => {
    const spelling = fc.oneof(text, fc.constantFrom('APPL1', 'appl1', 'xAPPL1APPL1', '6170706c31'));
    fc.assert(
      fc.property(
        fc.array(spelling, { maxLength: 4 }),
        text,
        fc.array(number, { maxLength: 4 }),
        (spellings, agent, changes) => {
          const user = 'alice' as UserKey;
          const blank = readPartnership(user, phone, '|5|9');
          const record = { ...blank, spellings, userAgent: agent, lastVerdict: agent, agentChanges: changes };
          const expected = readPartnership(user, phone, JSON.stringify(record));
          expect(readPartnership(user, phone, partnershipText(record))).toEqual(expected);
        },
      ),
    );
  });

  it('of a report on a user comes back as it was: no groups are not unknown ones', () => {
    const name = fc.oneof(text, fc.constantFrom('alice', 'east\\alice', 'alice@x.test', 'alicealice'));
    const names = maybe(fc.array(name, { maxLength: 4 }));
    fc.assert(
      fc.property(
        fc.constantFrom('alice', 'east\\alice', '@x'),
        names,
        names,
        flag,
        (key, aliases, groups, enabled) => {
          const user = key as UserKey;
          const report = { ...readUserReport(user, 'ad', '|'), aliases, groups, enabled };
          expect(readUserReport(user, 'ad', userReportText(report))).toEqual(report);
        },
      ),
    );
  });

  it('of a report on a user in many groups comes back as it was', () => {
    const user = 'alice' as UserKey;
    for (const count of [270, 280, 290, 1_000]) {
      const groups = Array.from({ length: count }, (_, index) => `group with a long name ${1_000 + index}`);
      const report = { ...readUserReport(user, 'ad', '|'), groups, enabled: true };
      expect(readUserReport(user, 'ad', userReportText(report))).toEqual(report);
    }
  });

  it('of the devices of a user comes back as it was', () => {
    const one = fc.record({
      device: fc.string({ minLength: 1, unit: fc.constantFrom('a', ',', '|', '~', '%') }),
      firstSeen: number,
      lastAllowed: maybe(number),
    });
    fc.assert(
      fc.property(fc.array(one), (devices) => {
        expect(userDevicesIn(userDevicesText(devices as never))).toEqual(devices);
      }),
    );
  });

  it('is short', () => {
    const report = {
      ...read('|'),
      observedAt: 1_790_000_000_000,
      managed: true,
      platform: 'ios',
      reportedSince: 1_790_000_000_000,
    };
    expect(deviceReportText(report)).toBe('|mubbs7i8||1||||i|||||||=');
  });

  it.each([
    ['|1?', 'observedAt'],
    ['|MWP8', 'observedAt'],
    ['|-', 'observedAt'],
    ['|%', 'observedAt'],
    ['|%1e999', 'observedAt'],
    ['|zzzzzzzzzzzz', 'observedAt'],
    ['|=', 'observedAt'],
    ['|1||true', 'managed'],
    ['|1||||||%4', 'platform'],
    ['|1||||||%zz', 'platform'],
    ['|1||||||||||||a,,b', 'unmetRequirements'],
    ['|1||||||||||||a~', 'unmetRequirements'],
    ['|1||||||||||||||||||||mine', 'ownership'],
    ['|1||||||||||||||||||||||||{"a":[]}', 'attributes'],
    ['|1||||||||||||||||||||||||[]', 'attributes'],
    ['|1||||||||||||||||||||||||{', 'attributes'],
  ])('with a malformed value is named with its field: %s', (line, field) => {
    let error: unknown;
    try {
      read(line);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(CorruptRecordError);
    expect(String(error)).toContain(`device appl1 mdm.${field}`);
  });

  it('of a later version may have more values', () => {
    expect(read(`|1${'|'.repeat(40)}more`)).toEqual(read('|1'));
  });
});

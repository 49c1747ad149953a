// Owns the promises of putting reports together, whatever the order in which they come.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectiveDevice, joinDeviceReport } from '../../src/directory/device-reports.ts';
import { writeOfDevice } from '../../src/directory/report-writes.ts';
import type { SourceText } from '../../src/directory/stored-records.ts';
import { joinPartnerships, joinSeen } from '../../src/directory/seen-partnerships.ts';
import { readDeviceReport } from '../../src/model/device.ts';
import type { DeviceObservation, DeviceReport } from '../../src/model/device.ts';
import { alice, phone, seenPartnership } from '../support/servers/directory-records.ts';

const NOW = 1_000;
const SOURCES = ['first', 'second', 'third'];

const flag = fc.constantFrom(undefined, null, true, false);
const observation: fc.Arbitrary<DeviceObservation> = fc
  .record({
    source: fc.constantFrom(...SOURCES),
    observedAt: fc.integer({ min: 1, max: 40 }),
    version: fc.integer({ min: 0, max: 2 }),
    managed: flag,
    compliant: flag,
    encrypted: flag,
    model: fc.constantFrom(undefined, null, 'a', 'b'),
    removed: fc.constantFrom(undefined, undefined, undefined, true),
  })
  .map((values) => ({ key: phone, ...values }));

/** What a store holds after these observations. */
function stored(observations: readonly DeviceObservation[]): readonly SourceText[] {
  const texts = new Map<string, string>();
  for (const one of observations) {
    const held = [...texts].map(([source, text]) => ({ source, text }));
    const { text } = writeOfDevice(held, one, NOW);
    if (text !== null) texts.set(one.source, text);
  }
  return [...texts].map(([source, text]) => ({ source, text }));
}

const reportsOf = (texts: readonly SourceText[]): DeviceReport[] =>
  texts.map(({ source, text }) => readDeviceReport(phone, source, text));

describe('the effective device', () => {
  it('has each value from the first source in the order that says one', () => {
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 8 }), (observations) => {
        const reports = reportsOf(stored(observations));
        const device = effectiveDevice(phone, reports, SOURCES);
        if (device === null) {
          expect(reports).toEqual([]);
          return;
        }
        const inOrder = SOURCES.flatMap((name) => reports.filter(({ source }) => source === name));
        const present = inOrder.filter(({ removed }) => removed !== true);
        for (const name of ['compliant', 'encrypted'] as const)
          expect(device?.[name]).toBe(
            inOrder.map((report) => report[name]).find((value) => value !== null) ?? null,
          );
        expect(device?.model).toBe(
          [...present, ...inOrder].map(({ model }) => model).find((model) => model !== null) ?? null,
        );
      }),
    );
  });

  it('does not depend on the order in which the reports are stored', () => {
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 8 }), (observations) => {
        const reports = reportsOf(stored(observations));
        expect(effectiveDevice(phone, reports.toReversed(), SOURCES)).toEqual(
          effectiveDevice(phone, reports, SOURCES),
        );
      }),
    );
  });

  it('is managed only if a source says so that no other one has removed since', () => {
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 8 }), (observations) => {
        const reports = reportsOf(stored(observations));
        if (effectiveDevice(phone, reports, SOURCES)?.managed !== true) return;
        const saying = reports.filter(({ managed }) => managed === true);
        expect(saying).not.toEqual([]);
        const first = Math.min(...saying.map(({ source }) => SOURCES.indexOf(source)));
        const latest = Math.max(
          ...reports
            .filter(({ removed, managed }) => removed !== true && managed !== null)
            .map(({ observedAt }) => observedAt),
        );
        for (const { source, observedAt } of reports.filter(({ removed }) => removed === true))
          if (SOURCES.indexOf(source) < first) expect(observedAt).toBeLessThan(latest);
      }),
    );
  });

  it('changes only by reports that are news, but for the times', () => {
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 6 }), observation, (before, next) => {
        const held = stored(before);
        const { outcome } = writeOfDevice(held, next, NOW);
        const [old, now] = [held, stored([...before, next])].map((texts) => {
          const device = effectiveDevice(phone, reportsOf(texts), SOURCES);
          return device === null ? null : { ...device, observedAt: 0 };
        });
        if (outcome !== 'news') expect(now).toEqual(old);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a report', () => {
  it('of one source is the latest, whatever the order in which its whole observations come', () => {
    const whole = observation.map((one): DeviceObservation => ({
      ...one,
      source: 'first',
      managed: one.managed ?? null,
      compliant: one.compliant ?? null,
      encrypted: one.encrypted ?? null,
      model: one.model ?? null,
      removed: null,
    }));
    const distinct = fc.uniqueArray(whole, { maxLength: 6, selector: ({ observedAt }) => observedAt });
    fc.assert(
      fc.property(distinct, (observations) => {
        const latest = observations.toSorted((a, b) => a.observedAt - b.observedAt).at(-1);
        const [report] = reportsOf(stored(observations));
        const { source: _, key: __, removed: ___, ...values } = latest ?? ({} as Partial<DeviceObservation>);
        expect(report ?? {}).toMatchObject(values);
      }),
    );
  });

  it('counts a value as unmet since the end of its last good time', () => {
    const values = fc.array(fc.constantFrom(null, true, false), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(values, (said) => {
        let report: DeviceReport | null = null;
        for (const [index, compliant] of said.entries())
          report =
            joinDeviceReport(report, { key: phone, source: 'a', observedAt: index + 1, compliant }, NOW)
              ?.report ?? report;
        const lastGood = said.lastIndexOf(true);
        const expected = lastGood === said.length - 1 ? null : lastGood + 2;
        expect(report?.compliantUnmetSince).toBe(expected);
      }),
    );
  });

  it('takes over no field that reports do not have', () => {
    const hostile = JSON.parse('{"__proto__":{"managed":true},"constructor":1}') as object;
    const joined = joinDeviceReport(null, { key: phone, source: 'a', observedAt: 1, ...hostile }, NOW);
    const raw = joinDeviceReport(
      null,
      Object.assign(hostile, { key: phone, source: 'a', observedAt: 1 }),
      NOW,
    );
    for (const report of [joined?.report, raw?.report]) {
      expect(report?.managed).toBeNull();
      expect(Object.getPrototypeOf(report)).toBe(Object.prototype);
    }
  });
});

describe('partnerships', () => {
  const seen = fc
    .record({
      at: fc.integer({ min: 1, max: 50 }),
      allowed: fc.boolean(),
      model: fc.constantFrom(null, 'x', 'y'),
    })
    .map(({ at, allowed, model }) =>
      seenPartnership(alice, phone, at, { lastAllowed: allowed ? at : null, model }),
    );

  it('seen under several names have the earliest first and the latest last times', () => {
    fc.assert(
      fc.property(fc.array(seen, { minLength: 1, maxLength: 6 }), (records) => {
        const joined = joinPartnerships(alice, records);
        const allowed = records.flatMap(({ lastAllowed }) => lastAllowed ?? []);
        expect(joined).toMatchObject({
          firstSeen: Math.min(...records.map(({ firstSeen }) => firstSeen)),
          lastSeen: Math.max(...records.map(({ lastSeen }) => lastSeen)),
          lastAllowed: allowed.length === 0 ? null : Math.max(...allowed),
        });
      }),
    );
  });

  it('seen again keep the earliest first sight, when they were last allowed, and what the device told last', () => {
    fc.assert(
      fc.property(fc.array(seen, { minLength: 1, maxLength: 6 }), (records) => {
        const [first, ...others] = records;
        if (first === undefined) return;
        const again = others.reduce((before, now) => joinSeen(before, now).record, first);
        expect(again).toMatchObject({
          firstSeen: Math.min(...records.map(({ firstSeen }) => firstSeen)),
          lastSeen: records.at(-1)?.lastSeen,
          lastAllowed: records.findLast(({ lastAllowed }) => lastAllowed !== null)?.lastAllowed ?? null,
          model: records.findLast(({ model }) => model !== null)?.model ?? null,
        });
      }),
    );
  });
});

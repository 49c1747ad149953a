// Owns what every store promises of the notes about changed decisions.
import { expect, it } from 'vitest';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import { decision } from '../../support/servers/directory-records.ts';
import { until } from '../../support/checks/until.ts';
import type { StoreFixture } from './fixture.ts';
import { bob, twoHandles } from './handles.ts';

const device = 'appl1' as DeviceKey;
const NOW = Date.now();

export function noteContract(fixture: StoreFixture): void {
  const handles = twoHandles(fixture);

  it('another process reads each change, the oldest first, until it is removed', async () => {
    const { store: one, other } = handles;
    const subjects = [
      { device, user: null },
      { device, user: bob },
      { device: null, user: 'ä"{}@contoso.com' as UserKey },
    ];
    for (const [index, subject] of subjects.entries())
      await one.replaceDecision(subject, null, decision('block'), { by: 'ada', via: 'cli', at: NOW + index });
    const notes = await other.notes.oldest(10, null);
    expect(notes).toEqual(
      subjects.map((subject, index) => ({
        ...subject,
        by: 'ada',
        via: 'cli',
        at: NOW + index,
        place: expect.any(String) as string,
        ageMs: expect.any(Number) as number,
      })),
    );
    expect(await other.notes.oldest(2, null)).toMatchObject(
      notes.slice(0, 2).map(({ place }) => ({ place })),
    );
    expect(await other.notes.oldest(10, notes[0]?.place ?? null)).toMatchObject(
      notes.slice(1).map(({ place }) => ({ place })),
    );
    await other.notes.remove(notes.slice(0, 2).map(({ place }) => place));
    expect(await one.notes.oldest(10, null)).toMatchObject(notes.slice(2).map(({ place }) => ({ place })));
    await one.notes.remove([]);
    await one.notes.remove(notes.map(({ place }) => place));
    expect(await other.notes.oldest(10, null)).toEqual([]);
  });

  it('a note is as old as it stands in the store, however old its request is', async () => {
    const { store: one, other } = handles;
    const origin = { by: 'ada', via: 'cli', at: NOW - 3_600_000 };
    await one.replaceDecision({ device, user: null }, null, decision('block'), origin);
    const [note] = await other.notes.oldest(10, null);
    expect(note?.at).toBe(origin.at);
    expect(note?.ageMs).toBeGreaterThanOrEqual(0);
    expect(note?.ageMs).toBeLessThan(1_800_000);
    await until(
      async () => ((await other.notes.oldest(10, null))[0]?.ageMs ?? 0) > (note?.ageMs ?? 0),
      'age',
    );
  });
}

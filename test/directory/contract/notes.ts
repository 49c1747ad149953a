// Owns what every store promises of the notes about changed decisions.
import { expect, it } from 'vitest';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import { decision } from '../../support/servers/directory-records.ts';
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
    const notes = await other.notes.oldest(10);
    expect(notes).toEqual(
      subjects.map((subject, index) => ({
        ...subject,
        by: 'ada',
        via: 'cli',
        at: NOW + index,
        place: expect.any(String) as string,
      })),
    );
    expect(await other.notes.oldest(2)).toEqual(notes.slice(0, 2));
    await other.notes.remove(notes.slice(0, 2).map(({ place }) => place));
    expect(await one.notes.oldest(10)).toEqual(notes.slice(2));
    await one.notes.remove([]);
    await one.notes.remove(notes.map(({ place }) => place));
    expect(await other.notes.oldest(10)).toEqual([]);
  });
}

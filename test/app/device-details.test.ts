// Owns the promises of one device in full.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { showDevice } from '../../src/app/device-details.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { openOffice } from './office.ts';

let store: DirectoryStore;
beforeEach(async () => {
  store = await openOffice();
});
afterEach(() => store.close());

describe('one device', () => {
  it('has its record, its partnerships, its decision and other spellings of its id', async () => {
    const shown = await showDevice(store, 'LOST3');
    expect(shown).toMatchObject({ key: 'lost3', record: null, decision: { action: 'block' } });
    expect(shown.partnerships.map(({ record }) => record.user)).toEqual(['contoso\\bob']);
    expect(shown.aliases).toContain(Buffer.from('lost3').toString('hex'));
  });

  it('that is unknown is an error that suggests similar ids', async () => {
    await expect(showDevice(store, 'good12')).rejects.toMatchObject({
      code: 'EASGATE_NOT_FOUND',
      message: 'no device good12; near: good1',
    });
  });
});

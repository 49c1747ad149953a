// Owns the promises about what Format-List prints: blocks are records, wrapped values are whole, and a damaged block is refused by itself.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listNames, listRecords } from '../../../src/feeds/files/format-list.ts';
import { fixture, readContent, readPath } from '../read-lines.ts';

async function read(text: string, size = text.length): Promise<unknown[]> {
  const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, index) => text.slice(index * size, (index + 1) * size)); // prettier-ignore
  const found: unknown[] = [];
  for await (const one of listRecords(toAsync(pieces))) found.push('record' in one ? { ...one.record } : one);
  return found;
}

async function* toAsync(pieces: readonly string[]): AsyncGenerator<string> {
  for (const piece of pieces) yield await Promise.resolve(piece);
}

const MAILBOXES = [
  'PrimarySmtpAddress         : alice@example.com',
  'ActiveSyncEnabled          : True',
  'ActiveSyncAllowedDeviceIDs : {ApplA1, ',
  '                             ApplA2}',
  'ActiveSyncBlockedDeviceIDs : {}',
  '',
  'PrimarySmtpAddress         : bob@example.com',
  'ActiveSyncEnabled          : False',
  'ActiveSyncAllowedDeviceIDs : {}',
  'ActiveSyncBlockedDeviceIDs : {ApplB1, ApplB2, ApplB3, ApplB4...}',
  '',
  '',
].join('\r\n');

describe('a block', () => {
  it('is a record, whose wrapped values are whole', async () => {
    expect(await read(`\r\n${MAILBOXES}`)).toEqual([
      {
        PrimarySmtpAddress: 'alice@example.com',
        ActiveSyncEnabled: 'True',
        ActiveSyncAllowedDeviceIDs: '{ApplA1, ApplA2}',
        ActiveSyncBlockedDeviceIDs: '{}',
      },
      expect.objectContaining({ PrimarySmtpAddress: 'bob@example.com' }),
    ]);
  });

  it('is the same however the text is cut into pieces', () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 90 }), async (size) => {
        expect(await read(MAILBOXES, size)).toEqual(await read(MAILBOXES));
      }),
    ));

  it.each([
    ['a line that is no field', 'a line is not of the form "Name : value"', 'A : 1\nB   2'],
    ['a name that stands there twice', 'a name stands twice in one block', 'A : 1\nB : 2\nA : 3'],
    ['an endless line', 'the record is too large', `A : 1\nB : ${'x'.repeat(200_000)}`],
  ])('with %s is refused, and the next one is read', async (_what, reason, block) => {
    expect(await read(`${block}\n\nA : 4\nB : 5\n\n`)).toEqual([
      { line: 1, reason, isCutOff: false },
      { A: '4', B: '5' },
    ]);
  });

  it.each([
    ['a line', 'the record is not complete (is the file cut off?)', 'A : 3'],
    ['a line and its end', 'the record is not complete (is the file cut off?)', 'A : 3\n'],
    ['a list', 'a list does not end (is the file cut off?)', 'A : 3\nB : {x, y'],
  ])('of a file that ends behind %s of it is not complete', async (_what, reason, end) => {
    expect(await read(`A : 1\nB : 2\n\n${end}`)).toEqual([
      { A: '1', B: '2' },
      { line: 4, reason, isCutOff: true },
    ]);
  });

  it('is complete without an empty line behind it', async () => {
    expect(await read('A : 1\nB : 2\n\nA : 3\nB : 4')).toEqual([
      { A: '1', B: '2' },
      { A: '3', B: '4' },
    ]);
  });
});

it('a text without such blocks is no list', () => {
  for (const text of [
    'id,managed\nA,true\n',
    'A : 1',
    'A: 1\nB: 2',
    'Name  State\n----  -----\n',
    ' : \n : ',
  ])
    expect(listNames(text)).toBeNull();
});

it('a title of the same form above a table is a title', async () => {
  const { devices } = await readContent('Report  : phones\nCreated : today\n\nid,managed,compliant\nApplX,true,false\n'); // prettier-ignore
  expect(devices).toMatchObject([{ id: 'applx', compliant: false }]);
});

describe('Format-List of Exchange', () => {
  it('gives devices and their decisions', async () => {
    const { devices, decisions } = await readPath(fixture('get-mobiledevice-format-list-utf16.txt'));
    expect(devices).toMatchObject([
      { line: 2, id: 'applab12cd34ef56', owner: 'alice@example.com', managed: null, compliant: null },
      { line: 17, id: 'sec0a1b2c3d4e5f6', owner: null, imei: '350000000000002', platform: 'android' },
    ]);
    expect(decisions).toMatchObject([{ action: 'block', user: 'alice@example.com', applied: true }]);
  });

  it('gives all ids that a list shows, and says that there are more', async () => {
    const { users, decisions } = await readContent(MAILBOXES);
    expect(decisions.map(({ user, action, device }) => [user, action, device])).toEqual([
      ['alice@example.com', 'allow', 'appla1'],
      ['alice@example.com', 'allow', 'appla2'],
      ['bob@example.com', 'block', 'applb1'],
      ['bob@example.com', 'block', 'applb2'],
      ['bob@example.com', 'block', 'applb3'],
      ['bob@example.com', 'block', 'applb4'],
    ]);
    expect(users.map(({ problems }) => problems.length)).toEqual([0, 1]);
  });

  it('says that a list has no end', async () => {
    const { users } = await readContent(MAILBOXES.replace('ApplB4...}', 'ApplB4'));
    expect(users.map(({ problems }) => problems.length)).toEqual([0, 1]);
  });

  it('never takes the end of an id that was wrapped for the id', async () => {
    const { refused } = await readContent(
      'DeviceAccessState : Allowed\nIdentity          : x/ExchangeActiveSyncDevices/iPhone§Appl\n                    AB12\n\n',
    );
    expect(refused).toHaveLength(1);
  });
});

it('a prompt and a warning in front of the records are refused, and the records are read', async () => {
  const text = `PS C:\\> Get-CASMailbox | fl PrimarySmtpAddress, ActiveSync*\r\n\r\nWARNING: By default, 1000 items are returned.\r\n\r\n${MAILBOXES}PS C:\\> \r\n`;
  const { users, refused } = await readContent(text);
  expect([users.length, refused.map(({ line }) => line)]).toEqual([2, [1, 3, 16]]);
});

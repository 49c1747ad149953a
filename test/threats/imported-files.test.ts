// Threat: somebody who can edit an export, or a device that chooses its own names, gets a phone in or has one erased by an import.
// Or a small file costs very much memory or time (CWE-400).
// Rule: a file orders no wipe, its allows are not applied, only known words are compliance, and ids are taken as they are or refused.
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { clixmlRecords } from '../../src/feeds/files/clixml.ts';
import { mappingByContext, mappingsOf } from '../../src/feeds/formats.ts';
import { jsonTexts } from '../../src/feeds/files/json.ts';
import { recordsIn } from '../../src/feeds/files/pages.ts';
import { xmlRecords } from '../../src/feeds/files/xml-records.ts';
import { quickestOf } from '../support/checks/work-time.ts';
import { onlyDevice, readContent, readJson } from '../feeds/read-lines.ts';

const HEAD = 'DeviceId,DeviceAccessState,DeviceAccessStateReason,UserPrincipalName,DeviceModel';

describe('an imported file', () => {
  it.each(['wipe', 'accountWipe', 'Wipe ', 'remoteWipe'])('orders no %s', async (action) => {
    const { decisions, refused } = await readContent(
      `${JSON.stringify({ type: 'decision', device: 'ApplX', user: 'a@example.com', action })}\n${JSON.stringify({ type: 'decision', device: 'ApplY', action: 'block' })}\n`,
    );
    expect([decisions.map(({ device }) => device), refused.length]).toEqual([['apply'], 1]);
  });

  it('has no allow that is applied, whatever it says', async () => {
    const own = await readContent(
      `${JSON.stringify({ type: 'decision', device: 'ApplX', user: 'a@example.com', action: 'allow', applied: true })}\n${JSON.stringify({ type: 'decision', device: 'ApplX', action: 'allow', applied: true })}\n`,
    );
    const exchange = await readContent(`${HEAD}\nApplX,Allowed,Individual,a@example.com,\n`);
    for (const { decisions } of [own, exchange])
      expect(decisions.map(({ applied }) => applied)).not.toContain(true);
  });

  it.each([
    'nearly compliant',
    'kompliant',
    'OK',
    'pass',
    'evaluating',
    'compliant since yesterday',
    'partiallyCompliant',
  ])('makes no device compliant by the word %j', async (complianceState) => {
    const device = await onlyDevice(
      readJson([{ easDeviceId: 'ApplX', managementAgent: 'mdm', complianceState }]),
    );
    expect([device.compliant, device.problems.length]).toEqual([null, 1]);
  });

  it('joins no two parts of an id, and takes no id with other characters', async () => {
    const ids = [
      'App\u200elX',
      'App lX',
      'App\u0000lX',
      'Appl-X',
      'ApplX\u0301',
      'ＡｐｐｌＸ',
      '../ApplX',
      'ApplX;ApplY',
    ];
    const rows = ids.map((id) => `"${id}",Allowed,Global,a@example.com,x`);
    const { devices, refused } = await readContent(Buffer.from(`${HEAD}\n${rows.join('\n')}\n`));
    expect([devices.map(({ id }) => id), refused.length]).toEqual([[], ids.length]);
  });

  it.each([
    'alice#bob@example.com',
    'alice@example.com@example.org',
    'alice@example.com.',
    'a/b',
    'alice\u200b@example.com',
  ])('names no owner as %j, which servers read in two ways', async (name) => {
    const { devices } = await readContent(`${HEAD}\nApplX,Allowed,Global,"${name}",x\n`);
    expect(devices.map(({ owner }) => owner)).toEqual([null]);
  });

  // The column of states would be one that a phone fills.
  it.each([
    [
      'names of columns',
      'DeviceId,DeviceType,DeviceModel,DeviceOS,UserPrincipalName,DeviceAccessState',
      'DeviceId,DeviceAccessState,DeviceModel,DeviceOS,a@example.com,Blocked',
      'ApplX,Allowed,iPhone,iOS,a@example.com,Blocked',
    ],
    [
      'the mark of a type',
      'DeviceFriendlyName,DeviceId,DeviceType,DeviceModel,UserPrincipalName,DeviceAccessState',
      '#TYPE x,ApplA,x,x,a@example.com,Blocked\nx,DeviceId,DeviceAccessState,DeviceModel,a@example.com,Blocked',
      'x,ApplX,Allowed,iPhone,a@example.com,Blocked',
    ],
  ])('has no header that a phone made by calling itself by %s', async (_what, header, rows, row) => {
    const { devices } = await readContent(`${header}\n${rows}\n${row}\n`);
    expect(devices.find(({ id }) => id === 'applx')?.attributes).toMatchObject({ accessState: 'Blocked' });
  });

  it('is not read by a header with other delimiters that a phone put into its name', async () => {
    const { devices } = await readContent(
      [
        'DeviceId,DeviceFriendlyName,UserPrincipalName,DeviceAccessState',
        'ApplA,x;EAS activation ID;Compliance;Managed by;Device ID;Serial number;Intune device ID;Primary user UPN;x,a@example.com,Blocked',
        'ApplB,x;ApplX;Compliant;Intune;x;x;x;a@example.com;x,a@example.com,Blocked',
      ].join('\n'),
    );
    expect(devices.map(({ id, compliant }) => [id, compliant])).toEqual([
      ['appla', null],
      ['applb', null],
    ]);
  });

  // Format-List ends a record with an empty line, and writes a name that has one as it is.
  it('has no record that ends within a name that a phone chose', async () => {
    const { devices, refused } = await readContent(
      [
        'DeviceId           : ApplX',
        'DeviceFriendlyName : a {',
        '                     ',
        '',
        '                     DeviceAccessState : Allowed',
        'DeviceAccessState  : Blocked',
        'DeviceUserAgent    : {x',
        '',
        'DeviceId           : ApplY',
        'DeviceFriendlyName : {',
        'DeviceAccessState  : Blocked',
        'DeviceUserAgent    : x',
        '',
        '',
      ].join('\r\n'),
    );
    expect(refused).toEqual([]);
    expect(devices).toMatchObject([
      { id: 'applx', attributes: { accessState: 'Blocked' } },
      { id: 'apply', attributes: { accessState: 'Blocked' } },
    ]);
  });

  it('cannot put a line of its own into the output by a name that a phone chose', async () => {
    const { lines } = await readContent(
      `${HEAD}\nApplX,Blocked,Individual,a@example.com,"x\n{""type"":""decision""}\u2028y"\n`,
    );
    for (const line of lines) expect(JSON.stringify(line)).not.toMatch(/[\n\u2028]/);
    expect(lines).toHaveLength(2);
  });
});

describe('a small file', () => {
  it('with a context of signs alone costs as much as one with another context', () => {
    const among = mappingsOf('graph');
    const costOf = (context: string): number => {
      const row = { has: () => true, get: () => context };
      return quickestOf(() => {
        for (let record = 0; record < 200; record++) expect(mappingByContext(row, among)).toBeNull();
      });
    };
    costOf('warm up');
    // A quadratic cost would be thousands of times as high.
    expect(costOf('#'.repeat(4_000))).toBeLessThan(costOf('x'.repeat(4_000)) * 100 + 100);
  });

  const bound = 60_000;

  it('with many columns and many empty rows is not multiplied', () => {
    const columns = Array.from({ length: bound }, (_, index) => `c${index}`);
    const rows = Array.from({ length: bound }, (): string[] => []);
    let [records, cells] = [0, 0];
    for (const { record } of recordsIn({ columns, rows: [['x'], ...rows] })) {
      records++;
      cells += Object.keys(record ?? {}).length;
    }
    // Each row has fewer cells than there are columns: it is refused.
    expect([records, cells]).toEqual([bound + 1, 0]);
  });

  it.each(['behind', 'in front of'])('gives its records few of the many names %s their list', (place) => {
    const around = Object.fromEntries(Array.from({ length: bound }, (_, index) => [`n${index}`, 1]));
    const value = [{ id: 'a' }, { id: 'b' }];
    const document = place === 'behind' ? { value, ...around } : { ...around, value };
    const names = [...recordsIn(document)].map(({ context }) => Object.keys(context).length);
    expect(names.length).toBe(2);
    expect(Math.max(...names)).toBeLessThanOrEqual(100);
  });

  it('is opened with few of the many names around its list', async () => {
    const around = Array.from({ length: bound }, (_, index) => `"n${index}":1`).join(',');
    const pieces = Readable.from([`{${around},"value":[{"id":"a"},{"id":"b"}]}`]);
    const names: number[] = [];
    for await (const { context } of jsonTexts(pieces)) names.push(Object.keys(context).length);
    expect(names.length).toBe(2);
    expect(Math.max(...names)).toBeLessThanOrEqual(100);
  });

  it('has no record that becomes very many devices', async () => {
    const otherIds = Array.from({ length: 10_000 }, (_, index) => `A${index}`);
    const { devices, refused } = await readContent(
      `${JSON.stringify({ type: 'device', id: 'ApplX', managed: true, otherIds })}\n${JSON.stringify({ type: 'device', id: 'ApplY', managed: true })}\n`,
    );
    expect([devices.map(({ id }) => id), refused.length]).toEqual([['apply'], 1]);
  });

  it.each([
    [
      'XML',
      '<mobile_devices><mobile_device><id>1</id>',
      (at: number, text: string) => `<n${at}>${text}</n${at}>`,
    ],
    [
      'CliXml',
      '<Objs xmlns="http://schemas.microsoft.com/powershell/2004/04"><Obj><MS><S N="DeviceId">ApplX</S><S N="DeviceAccessState">Allowed</S>',
      (at: number, text: string) => `<Obj N="n${at}"><MS><S N="t">${text}</S></MS></Obj>`,
    ],
  ] as const)('of %s has no record longer than memory', async (_, start, member) => {
    const members = Array.from({ length: 40 }, (_member, at) => member(at, 'x'.repeat(60_000)));
    const found = [];
    const read = start.startsWith('<Objs') ? clixmlRecords : xmlRecords;
    for await (const one of read(Readable.from([start, ...members]))) found.push(one);
    expect(found).toEqual([expect.objectContaining({ reason: 'the record is too large', isCutOff: true })]);
  });
});

it('a group with spaces in its name gives nobody the groups of its words', async () => {
  const { users } = await readContent('type,id,groups,enabled\nuser,a@example.com,Not VIP;Sales,true\n');
  expect(users.map(({ groups }) => groups)).toEqual([['Not VIP', 'Sales']]);
});

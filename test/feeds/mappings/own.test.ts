// Owns the promises about tables and JSON lines of one's own, and exports of other products that are read as such: which column is the device
// key, who is the owner, and how unclear words are read.
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent, readJson } from '../read-lines.ts';

const csv = (head: string, ...rows: string[]): string => [head, ...rows, ''].join('\n');

describe('the device key', () => {
  it.each([
    ['EAS Device ID', 'id'],
    ['Exchange ActiveSync ID', 'Device ID'],
    ['ActiveSync ID', 'Device ID'],
    ['Exchange Device ID', 'id'],
    ['activesync_device_id', 'device'],
  ])('is in the column %s, also behind the column %s', async (eas, other) => {
    const text = csv(`${other},${eas},managed,compliant`, '93,ApplX1,yes,no', '7f3a-22,,yes,no');
    const { devices } = await readContent(text, { format: 'csv' });
    // Without an id of Exchange ActiveSync a row has none: no id of the source takes its place.
    expect(devices.map(({ id, sourceId }) => [id, sourceId])).toEqual([
      ['applx1', '93'],
      [null, '7f3a-22'],
    ]);
  });

  it.each([
    [{ id: 17, deviceId: 'ApplX1' }, 'applx1', '17'],
    [{ id: '0d0e0f00-3333-4aaa-8bbb-0000000000d4', deviceId: 'ApplX1' }, 'applx1', '0d0e0f00-3333-4aaa-8bbb-0000000000d4'],
    [{ id: '0d0e0f00-3333-4aaa-8bbb-0000000000d4', activeSyncId: 'ApplX1' }, 'applx1', '0d0e0f00-3333-4aaa-8bbb-0000000000d4'],
    [{ id: 'x', exchangeDeviceId: null, serialNumber: 'S1EXAMPLE' }, null, 'x'],
    [{ id: '4711', serialNumber: 'S1EXAMPLE' }, '4711', null],
    [{ id: 4711, serialNumber: 'S1EXAMPLE' }, null, '4711'],
    [{ id: 4711 }, '4711', null],
    [{ id: 'ApplX1', deviceId: 'ApplX2' }, 'applx1', null],
  ])('of %j is %s', async (fields, id, sourceId) => {
    const device = await onlyDevice(readJson([{ ...fields, managed: true, compliant: false }]));
    expect([device.id, device.sourceId]).toEqual([id, sourceId]);
  }); // prettier-ignore

  it('is no short number of a row that has another name', async () => {
    const text = csv('ID,Name,Serial number,Is managed', '6435,x,M3R0001,true', '6436,y,,true');
    const { devices } = await readContent(text);
    expect(devices.map(({ id, sourceId }) => [id, sourceId])).toEqual([
      [null, '6435'],
      ['d6', null],
    ]);
  });

  it('may be several ids in one cell', async () => {
    const { devices, refused } = await readContent(
      csv('id,managed', '"ApplX1; ApplX2",true', 'ApplX3|applx3,true', 'Appl X4,true'),
    );
    expect([devices.map(({ id, otherIds }) => [id, otherIds]), refused.map(({ line }) => line)]).toEqual([
      [
        ['applx1', ['applx2']],
        ['applx3', []],
      ],
      [4],
    ]);
  });

  it.each(['12345678901234567890', '35000000000000123456'])('is no number of more digits than JSON holds: %s', async (number) => {
    const { refused } = await readContent(`{"id":${number},"managed":true}\n{"id":"x1","managed":true}\n`);
    expect(refused.map(({ line, reason }) => [line, reason])).toEqual([[1, expect.stringContaining('rounded number')]]);
  }); // prettier-ignore
});

it.each([
  'EAS Device ID,Managed,Compliant,User Email',
  'Exchange Device ID,Managed,Compliant,User Email',
  'easDeviceId,isManaged,isCompliant,userPrincipalName',
])('a table is one’s own beside the id of another product: %s', async (head) => {
  const text = csv(head, 'ApplX1,yes,yes,alice@example.com', 'ApplX2,yes,no,bob@example.com');
  const { format, devices } = await readContent(text);
  expect([format, devices.map(({ id, compliant, owner }) => [id, compliant, owner])]).toEqual([
    'csv',
    [
      ['applx1', true, 'alice@example.com'],
      ['applx2', false, 'bob@example.com'],
    ],
  ]);
});

it('JSON of one’s own may have the id of Graph', async () => {
  const { devices } = await readJson([{ easDeviceId: 'ApplX1', isManaged: true, isCompliant: false }]);
  expect(devices).toMatchObject([{ id: 'applx1', managed: true, compliant: false }]);
});

it('a column with the version of the operating system identifies no product', async () => {
  const text = csv(
    'Device Name,Serial Number,Operating System Version,User,Managed,Compliant',
    'x,S1EXAMPLE,17.4,a,yes,no',
  );
  await expect(readContent(text)).rejects.toThrow(/not known for certain/);
  expect(await onlyDevice(readContent(text, { format: 'csv' }))).toMatchObject({
    serialNumber: 'S1EXAMPLE',
    compliant: false,
  });
});

describe('the owner', () => {
  const owner = async (written: string): Promise<string | null> => {
    const { devices } = await readJson([{ id: 'ApplX1', managed: true, owner: written }]);
    return devices[0]?.owner ?? null;
  };

  it.each([
    ['Alice Example <Alice@example.com>', 'alice@example.com'],
    ['"Example, Alice" <alice@example.com>', 'alice@example.com'],
    ['Alice Example (alice@example.com)', 'alice@example.com'],
    ['alice@example.com (Alice Example)', 'alice@example.com'],
    ['mailto:alice@example.com', 'alice@example.com'],
    ['i:0#.f|membership|alice@example.com', 'alice@example.com'],
    ['i:0e.t|membership|alice@example.com', 'alice@example.com'],
    ['CONTOSO\\alice', 'contoso\\alice'],
    ['0d0e0f00-3333-4aaa-8bbb-0000000000d4', null],
    ['{0D0E0F00-3333-4AAA-8BBB-0000000000D4}', null],
    ['S-1-5-21-1004336348-1177238915-682003330-512', null],
    ['Company', null],
    ['Employee owned', null],
    ['alice@example.com; bob@example.com', null],
  ])('of "%s" is %s', async (written, expected) => {
    expect(await owner(written)).toBe(expected);
  });

  it('is the name with a domain, then the address, then a bare name; "Owner" may be about property', async () => {
    const text = csv(
      'id,managed,Owner,User,Email',
      'ApplX1,yes,Company,alice,alice@example.com',
      'ApplX2,yes,e,,',
      'ApplX3,yes,bob,,',
    );
    const { devices } = await readContent(text);
    expect(devices.map(({ owner: user, ownerNames, ownership }) => [user, ownerNames, ownership])).toEqual([
      ['alice@example.com', ['alice@example.com', 'alice'], 'company'],
      ['e', ['e'], 'unknown'],
      ['bob', ['bob'], 'unknown'],
    ]);
  });
});

it.each([
  ['2026-11-20', null, null],
  ['maybe', null, null],
  ['no', true, true],
  ['', true, true],
  ['yes', false, null],
])('a device with "%s" in removed is managed: %s', async (removed, managed, compliant) => {
  const { devices } = await readContent(csv('id,managed,compliant,removed', `ApplX1,true,true,${removed}`));
  expect(devices).toMatchObject([{ managed, compliant }]);
});

it('COPY of PostgreSQL writes t and f', async () => {
  const { devices } = await readContent(csv('id,managed,compliant,encrypted', 'ApplX1,t,t,f', 'ApplX2,t,f,t'));
  expect(devices.map(({ managed, compliant, encrypted }) => [managed, compliant, encrypted])).toEqual([
    [true, true, false],
    [true, false, true],
  ]);
}); // prettier-ignore

it.each([
  ['Personal (User Enrollment)', 'personal'],
  ['Corporate (Shared)', 'company'],
  ['UserEnrollment', 'personal'],
  ['COPE', 'company'],
  ['Lost (Company)', 'unknown'],
])('"%s" is ownership: %s', async (written, ownership) => {
  const device = await onlyDevice(readContent(csv('id,managed,ownership', `ApplX1,true,${written}`)));
  expect(device.ownership).toBe(ownership);
});

describe('a table of another product, with the id in a column of Exchange ActiveSync', () => {
  it.each([
    ['Managed Status', 'Retired'],
    ['Enrollment Status', 'Wipe pending'],
    ['Status', 'WIPED'],
    ['Status', 'Offboarded'],
    ['Device Status', 'Access revoked'],
    ['Selectively wiped', 'True'],
  ])('has a device that left where %s is %s, whatever else is said', async (column, word) => {
    const head = `Device ID,EAS Device Identifier,Managed,Compliance Status,${column}`;
    const device = await onlyDevice(readContent(csv(head, `17,ApplX1,Yes,Compliant,${word}`)));
    expect([device.id, device.managed, device.removed, device.compliant]).toEqual(['applx1', false, true, null]);
  }); // prettier-ignore

  it.each([
    ['Status', 'Active', true],
    ['State', 'Texas', true],
    ['Status', 'Approved', true],
    ['Status', 'Not revoked', true],
    ['Managed Status', 'Pending', true],
  ])('learns nothing else from %s: %s', async (column, word, compliant) => {
    const head = `EAS Device Identifier,Managed,Compliance Status,${column}`;
    const device = await onlyDevice(readContent(csv(head, `ApplX1,Yes,Compliant,${word}`)));
    expect([device.managed, device.compliant]).toEqual([true, compliant]);
  });

  it.each([
    ['Out of compliance', 'True', false],
    ['Out of compliance', 'False', null],
    ['Non-Compliant', 'yes', false],
    ['Compliance Status', 'In compliance', true],
    ['Policy compliance state', 'Out of Compliance', false],
  ])('%s: %s means compliant: %s', async (column, word, compliant) => {
    const text = csv(`ActiveSync ID,Managed,${column},Jailbroken/Rooted`, `ApplX1,Yes,${word},No compromise detected`);
    const device = await onlyDevice(readContent(text, { format: 'csv' }));
    expect([device.compliant, device.compromised]).toEqual([compliant, false]);
  }); // prettier-ignore
});

it('a column type may have the kind of the phone', async () => {
  const { devices, refused } = await readContent(
    csv('id,type,managed,compliant', 'ApplX1,iPhone,yes,no', 'ApplX2,Smartphone,yes,no', 'ApplX3,device,yes,no'),
  );
  expect([devices.map(({ id, platform }) => [id, platform]), refused]).toEqual([
    [
      ['applx1', 'ios'],
      ['applx2', null],
      ['applx3', null],
    ],
    [],
  ]);
  const other = await readContent('{"type":"thing","id":"ApplX1"}\n{"type":"device","id":"ApplX2","managed":true}\n');
  expect(other.refused.map(({ line }) => line)).toEqual([1]);
}); // prettier-ignore

it.each(['iPhone', 'ANDROID', 'Smartphone'])('"%s" is no id: all phones of a kind would be one', async (kind) => {
  const { devices, refused } = await readContent(csv('device,serialNumber,managed', `${kind},S1EXAMPLE,yes`, `${kind},,yes`));
  expect([devices.map(({ id, serialNumber }) => [id, serialNumber]), refused.map(({ line }) => line)]).toEqual([[[null, 'S1EXAMPLE']], [3]]);
}); // prettier-ignore

it('a decision may name its device as a device does', async () => {
  const { decisions } = await readContent(
    csv('type,EAS Device ID,user,action', 'decision,ApplX1,al@example.com,block'),
    { format: 'csv' },
  );
  expect(decisions).toMatchObject([{ device: 'applx1', user: 'al@example.com', action: 'block' }]);
});

it.each(['Total', 'Summe', 'Device ID'])('a row of "%s" names no device', async (word) => {
  const { devices, refused } = await readContent(csv('id,managed,compliant', 'ApplX1,true,true', `${word},1,1`));
  expect([devices.map(({ id }) => id), refused.map(({ line }) => line)]).toEqual([['applx1'], [3]]);
}); // prettier-ignore

it('exports of other products with "Exchange Device ID" and a state of their own are read as such', async () => {
  const { format, devices } = await readContent(
    csv(
      'Device Name,Device ID,Exchange Device ID,Manufacturer,OS Version,Compliance Status,Enrollment Status,User,Is Encrypted,Is Rooted',
      'x,57d9903caadf4b40aef3e1f24302f180,ApplX1,Samsung,14,Non-Compliant,Enrolled,alice@example.com,Yes,No',
    ),
  );
  expect([format, devices]).toMatchObject([
    'csv',
    [{ id: 'applx1', managed: true, compliant: false, encrypted: true, compromised: false, owner: 'alice@example.com' }],
  ]);
}); // prettier-ignore

it.each([
  ['EAS Device ID', 'Managed Status', 'Compliance Status'],
  ['ActiveSync ID', 'Managed', 'Out of compliance'],
])('a table with "%s", "%s" and "%s" is of no product that has one of these', async (...head) => {
  const { format, devices } = await readContent(csv(head.join(','), 'ApplX1,Managed,Noncompliant'));
  expect([format, devices[0]?.managed]).toEqual(['csv', true]);
});

it('a place in a directory is no owner, and what is not understood is noted once', async () => {
  const device = await onlyDevice(
    readContent(csv('id,managed,user', 'ApplX1,perhaps,"CN=Alice,OU=Staff,DC=example,DC=com"')),
  );
  expect([device.owner, device.problems.length]).toEqual([null, 1]);
});

it.each(['Last Contact Time', 'last_seen_at', 'Last Checked-in', 'Last Synced', 'Last Communication', 'Last Reported Date'])(
  'the last check-in may stand in the column "%s"',
  async (column) => {
    const device = await onlyDevice(readContent(csv(`id,managed,${column}`, 'ApplX1,yes,2026-11-20 06:02:10')));
    expect(device.lastCheckIn).toBe('2026-11-20T06:02:10Z');
  },
); // prettier-ignore

it.each([
  ['Verwaltet', true],
  ['Nicht verwaltet', false],
  ['Géré', true],
  ['Non géré', false],
  ['Niet beheerd', false],
  ['管理対象外', false],
  ['Verwaltet?', null],
])('"%s" in the column "Managed" is managed: %s', async (word, managed) => {
  expect((await onlyDevice(readContent(csv('id,managed', `ApplX1,${word}`)))).managed).toBe(managed);
});

it.each([
  ['deviceCompromisedStatus', 'Compromised', 'compromised', true],
  ['deviceCompromisedStatus', 'No compromise detected', 'compromised', false],
  ['Device Encryption Status', 'Not encrypted', 'encrypted', false],
] as const)('a column "%s" of Google Workspace says %s', async (column, word, fact, expected) => {
  const device = await onlyDevice(
    readContent(csv(`id,managed,compliant,${column}`, `ApplX1,yes,yes,${word}`)),
  );
  expect(device[fact]).toBe(expected);
});

it('quotes of SQL around each cell are no part of it', async () => {
  const device = await onlyDevice(readContent(csv("'id','managed','compliant','model'", "'ApplX1','yes','no','iPhone 14'")));
  expect(device).toMatchObject({ id: 'applx1', managed: true, compliant: false, model: 'iPhone 14' });
}); // prettier-ignore

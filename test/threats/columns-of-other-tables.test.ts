// Threat: a table of another product is read as one's own, and what a phone or its user chose (its name, its type, a display name) makes
// another phone managed, hides the phone's own row, or names another user. Or a column that denies is ignored beside one that does not.
// Rule: an id is taken only from a column of ids; where several columns say something, the one that denies counts.
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent, readJson } from '../feeds/read-lines.ts';

const GUID = '0d0e0f00-3333-4aaa-8bbb-0000000000d4';

describe('the name of a phone', () => {
  it.each([
    ['ID,Device,Managed,Compliant,Serial Number', `${GUID},androidc17,yes,yes,S1EXAMPLE`],
    ['ID,Device,Managed,Compliant', '17,"x; androidc17",yes,yes'],
    ['Device,Managed,Compliant,Serial Number', 'androidc17,yes,yes,S1EXAMPLE'],
    ['Device,IMEI,Managed,Compliant', 'androidc17,490154203237518,yes,yes'],
  ])('in a column "device" makes no other phone managed: %s', async (head, row) => {
    const { devices } = await readContent(`${head}\n${row}\n`);
    expect(devices.flatMap(({ id, otherIds }) => [id, ...otherIds])).not.toContain('androidc17');
  });

  it('makes no other phone managed in JSON either', async () => {
    const device = {
      id: 17,
      device: 'androidc17',
      managed: true,
      compliant: true,
      serialNumber: 'S1EXAMPLE',
    };
    expect((await onlyDevice(readJson([device]))).id).toBe(null);
  });

  it('takes no block to another device', async () => {
    const text = 'type,device,EAS Device ID,user,action\ndecision,androidc17,ApplX1,a@example.com,block\n';
    const { decisions } = await readContent(text, { format: 'csv' });
    expect(decisions.map(({ device }) => device)).toEqual(['applx1']);
  });
});

it.each(['User', 'decision', 'refused', 'group'])(
  'a phone whose type is "%s" (MS-ASHTTP: DeviceType) does not hide its own row, and enables no account',
  async (type) => {
    const head = 'Type,EAS Device ID,User,Managed,Compliant,Enabled,Action';
    const { devices, users, decisions, refused } = await readContent(
      `${head}\n${type},ApplX1,bob@example.com,no,no,yes,block\n`,
      { format: 'csv' },
    );
    expect([devices.map(({ id, managed, compliant }) => [id, managed, compliant]), users, decisions, refused]).toEqual(
      [[['applx1', false, false]], [], [], []],
    );
  },
); // prettier-ignore

it('an address in a display name is no owner beside another name of the user', async () => {
  const head = 'EAS Device ID,Managed,Owner,Email';
  const text = `${head}\nApplX1,yes,Mallory <boss@example.com>,mallory@example.com\nApplX2,yes,Alice <alice@example.com>,\n`;
  const { devices } = await readContent(text, { format: 'csv' });
  expect(devices.map(({ ownerNames }) => ownerNames)).toEqual([
    ['mallory@example.com'],
    ['alice@example.com'],
  ]);
});

describe('a device that is managed and compliant in one column', () => {
  const read = async (column: string, word: string): Promise<unknown[]> => {
    const text = `EAS Device ID,Managed,Compliant,${column}\nApplX1,yes,yes,${word}\n`;
    const { managed, compliant } = await onlyDevice(readContent(text, { format: 'csv' }));
    return [managed, compliant];
  };

  it.each([
    ['Status', 'Enterprise Wipe Pending'],
    ['Status', 'Pending Retire'],
    ['Management State', 'Wipe initiated'],
    ['Device State', 'Unenrollment Pending'],
    ['Device Status', 'Delete in progress'],
    ['State', 'Retire failed'],
    ['State', 'No longer managed (removed)'],
    ['Wiped', 'TRUE'],
  ])('left where %s is "%s"', async (column, word) => {
    expect(await read(column, word)).toEqual([false, null]);
  });

  it.each([
    ['Managed Status', 'Not managed'],
    ['Enrollment Status', 'Not enrolled'],
    ['Registration Status', 'Not registered'],
    ['Is Managed', 'no'],
    ['Is Enrolled', 'FALSE'],
  ])('is not managed where %s is "%s"', async (column, word) => {
    expect(await read(column, word)).toEqual([false, true]);
  });

  it.each([
    ['Deleted', '2026-11-20'],
    ['Wiped', '2026-11-20 06:02:10'],
    ['Retired', 'Pending'],
    ['Unenrolled', 'in part'],
  ])('is unknown where %s is "%s"', async (column, word) => {
    expect(await read(column, word)).toEqual([null, null]);
  });

  it.each([
    ['Out of compliance', '3 policies'],
    ['Non-Compliant', '2'],
    ['Out of compliance', '2026-11-20'],
  ])('is not known to comply where %s is "%s"', async (column, word) => {
    expect(await read(column, word)).toEqual([true, null]);
  });

  it.each([
    ['Status', 'Not deleted'],
    ['Status', 'Wipe cancelled'],
    ['Deleted', 'never'],
    ['Retired', 'no'],
  ])('stays so where %s is "%s"', async (column, word) => {
    expect(await read(column, word)).toEqual([true, true]);
  });
});

it.each([
  ['Jailbroken,Rooted', 'no,yes', true],
  ['Jailbroken,Rooted', 'no,perhaps', null],
  ['Jailbroken,Rooted', ',no', false],
])('a device with %s = %s is compromised: %s', async (columns, words, compromised) => {
  const text = `EAS Device ID,Managed,${columns}\nApplX1,yes,${words}\n`;
  expect((await onlyDevice(readContent(text, { format: 'csv' }))).compromised).toBe(compromised);
});

it('a device that one of two columns has as not encrypted is not encrypted', async () => {
  const text = 'EAS Device ID,Managed,Encrypted,Encryption Status\nApplX1,yes,yes,Not encrypted\n';
  expect((await onlyDevice(readContent(text, { format: 'csv' }))).encrypted).toBe(false);
});

it('a time with AM or PM behind its offset is not read as another half of the day', async () => {
  const text = 'id,managed,lastCheckIn\nApplX1,yes,20 Nov 2026 12:05:00 +0200 AM\n';
  expect((await onlyDevice(readContent(text))).lastCheckIn).toBe(null);
});

it('a cell with the ids of many phones makes none of them managed', async () => {
  const ids = (count: number): string => Array.from({ length: count }, (_, at) => `ApplX${at}`).join(';');
  const { devices, refused } = await readContent(
    `id,managed,compliant\n${ids(8)};${ids(8)},true,true\n${ids(9)},true,true\n`,
  );
  expect([devices.length, refused]).toMatchObject([1, [{ line: 3, reason: expect.stringContaining('8 at most') }]]);
}); // prettier-ignore

it.each(['Noncompliant', 'not compliant', 'Out of compliance', 'Quarantined', 'BLOCKED'])(
  'a state "%s" is not outvoted by another column that says that the device complies',
  async (state) => {
    const text = `EAS Device ID,Managed,Compliant,Device State\nApplX1,yes,yes,${state}\nApplX2,yes,yes,Active\n`;
    const { devices } = await readContent(text, { format: 'csv' });
    expect(devices.map(({ managed, compliant }) => [managed, compliant])).toEqual([
      [true, false],
      [true, true],
    ]);
  },
);

it.each(['Not applicable', 'Not available', 'None', 'N/A'])(
  'a column "%s" denies nothing, first or second; one that is not evaluated may',
  async (nothing) => {
    const rows = [
      `ApplX1,yes,${nothing}`,
      `ApplX2,${nothing},Compliant`,
      `ApplX3,no,${nothing}`,
      'ApplX4,yes,Not evaluated',
    ];
    const text = `EAS Device ID,Compliant,Compliance Status\n${rows.join('\n')}\n`;
    const { devices } = await readContent(text, { format: 'csv' });
    expect(devices.map(({ compliant }) => compliant)).toEqual([true, true, false, null]);
  },
);

it.each(['unknown', 'onbekend', 'неизвестно', '不明'])(
  '"%s" leaves open whether a device complies, or left',
  async (open) => {
    const text = `EAS Device ID,Compliant,Compliance Status,Retired\nApplX1,yes,${open},no\nApplX2,yes,,${open}\n`;
    const { devices } = await readContent(text, { format: 'csv' });
    expect(devices.map(({ compliant }) => compliant)).toEqual([null, null]);
  },
);

it.each([
  ['Not retired', [true, true, false]],
  ['no', [true, true, false]],
  ['Never', [true, true, false]],
  ['Active', [null, null, false]],
  ['-1', [null, null, false]],
  ['yes', [false, null, true]],
  ['2026-11-01', [false, null, true]],
])(
  '"%s" in a column Retired of an export of Intune says what it says, and no more',
  async (word, expected) => {
    const text = `Device ID,Device name,Managed by,Compliance,EAS activation ID,Retired\n${GUID},x,Intune,Compliant,ApplX1,${word}\n`;
    const { devices } = await readContent(text);
    expect(devices.map(({ managed, compliant, removed }) => [managed, compliant, removed])).toEqual([
      expected,
    ]);
  },
);

describe('columns of one name that differ, also in two languages,', () => {
  it.each([
    ['csv', 'EAS-ID;Verwaltet;Compliance;Compliancestatus;Compliance State', 'AA11;Ja;Yes;Nicht konform;Compliant'],
    ['csv', 'EAS-ID;Managed;Compliant;Compliance;Compliance', 'AA11;Yes;Yes;Yes;No'],
    ['workspace-one', 'EAS-ID;Seriennummer;Compliance Status;Compliancestatus;Konform;Enrollment Status', 'AA11;SERIAL1;Compliant;Non Compliant;Ja;Enrolled'],
  ] as const)('make no device compliant by a third one (%s: %s)', async (format, head, row) => {
    const { compliant, problems } = await onlyDevice(readContent(`${head}\n${row}\n`, { format }));
    expect([compliant, problems.join()]).toEqual([null, expect.stringContaining('stands there twice')]);
  });

  it.each([
    ['Managed;Managed;Enrolled;Compliant', 'Yes;No;Yes;Yes', { managed: false }],
    ['Managed;Anmeldestatus;Enrollment Status;Compliant', 'Yes;Unenrolled;Enrolled;Yes', { managed: false }],
    ['Managed;Compliant;Encrypted;Encrypted;Encryption', 'Yes;Yes;Yes;No;Yes', { encrypted: false }],
    ['Managed;Compromised;Kompromittierungsstatus;Device Compromised', 'Yes;Yes;No;No', { compromised: true }],
  ])('deny what one of them denies (%s)', async (head, row, expected) => {
    expect(await onlyDevice(readContent(`EAS-ID;${head}\nAA11;${row}\n`, { format: 'csv' }))).toMatchObject(expected);
  });

  it('deny in a column of another product, too, and in JSON', async () => {
    const head = 'Serial Number;EAS ID;Managed;Jailbreak Detected;Jailbreak Status;Jailbreak Status;Device State;Device State';
    const jamf = await onlyDevice(readContent(`${head}\nS1234567;AA11;Managed;No;No;Yes;Retired;Active\n`, { format: 'jamf' }));
    expect([jamf.compromised, jamf.managed]).toEqual([true, null]);
    const record = { easId: 'AA11', managed: true, compliance: 'yes', Compliance: 'no', COMPLIANCE: 'yes', compliant: true };
    expect((await onlyDevice(readJson([record]))).compliant).toBe(null);
  });

  it('leave the check-in unknown, however fresh another time is', async () => {
    const head = 'EAS ID;Managed;Last Check-in;Last check-in (UTC);Last Seen';
    const row = 'AA11;Yes;2025-01-02 10:00;2025-01-02 09:00;2026-11-28 10:00';
    expect((await onlyDevice(readContent(`${head}\n${row}\n`, { format: 'csv' }))).lastCheckIn).toBe(null);
  });
}); // prettier-ignore

describe('what stands around the object with the record', () => {
  const GOOD = { easId: 'AA11', managed: true, compliant: true };
  it.each([
    [
      { properties: GOOD, status: 'wiped' },
      { managed: false, compliant: null },
    ],
    [
      { id: 'x', device: GOOD, state: 'Retired' },
      { managed: false, compliant: null },
    ],
    [{ properties: GOOD, isDeleted: true }, { managed: false }],
    [{ properties: GOOD, managed: 'no' }, { managed: null }],
    [{ properties: GOOD, compliant: false }, { compliant: null }],
    [
      { status: 'Deleted', data: { device: GOOD } },
      { managed: false, compliant: null },
    ],
    [{ properties: { easId: 'AA11', managed: true }, compliant: false }, { compliant: false }],
    [{ properties: GOOD, jailbroken: true }, { compromised: true }],
  ])('counts where it denies: %j', async (record, expected) => {
    expect(await onlyDevice(readJson([record]))).toMatchObject(expected);
  });

  it('does not count where it praises', async () => {
    const record = {
      compliant: 1,
      managed: true,
      status: 'Enrolled',
      device: { easId: 'AA11', encrypted: 'no' },
    };
    const { managed, compliant } = await onlyDevice(readJson([record], { format: 'ndjson' }));
    expect([managed, compliant]).toEqual([null, null]);
  });
});

describe('a column in another language than the others', () => {
  const JAMF = 'Serial Number,EAS ID,Managed';
  it.each([
    ['jamf', `${JAMF},Verwaltet`, 'S1234567,AA11,Managed,Nein', { managed: false }],
    ['jamf', `${JAMF},Kompromittiert`, 'S1234567,AA11,Managed,Ja', { compromised: true }],
    ['jamf', `${JAMF},Verschlüsselt`, 'S1234567,AA11,Managed,Nein', { encrypted: false }],
    [
      'ivanti',
      'EAS-ID,Konform,Compliance,Serial Number',
      'AA11,Nein,Compliant,S1234567',
      { compliant: null },
    ],
    ['csv', 'EAS-ID,Compromised,Kompromittierungsstatus,Managed', 'AA11,No,Yes,Yes', { compromised: true }],
  ] as const)('denies what they say, too (%s: %s)', async (format, head, row, expected) => {
    const device = await onlyDevice(readContent(`${head}\n${row}\n`, { format }));
    expect(device).toMatchObject(expected);
  });
});

describe('a time that is fresher than the check-in', () => {
  it.each([
    ['csv', 'EAS ID;Managed;Last Check-in Time;Last Access', 'AA11;Yes;2025-01-02 10:00;2026-11-28 10:00'],
    ['csv', 'EAS ID;Managed;Last Contacted Time;Last Active', 'AA11;Yes;2025-01-02 10:00;2026-11-28 10:00'],
    ['csv', 'EAS ID;Managed;Last Check-in Date;Last Activity', 'AA11;Yes;2025-01-02 10:00;2026-11-28 10:00'],
  ] as const)('does not count in its place, whatever ends its name (%s: %s)', async (format, head, row) => {
    const { lastCheckIn } = await onlyDevice(readContent(`${head}\n${row}\n`, { format }));
    expect(lastCheckIn).toBe('2025-01-02T10:00:00Z');
  });

  it('does not count where the check-in is not understood', async () => {
    const head = 'Device ID;EAS Device ID;Last check-in;Last Access;Compliance';
    const row = `${GUID};AA11;a while ago;2026-11-28 10:00;Compliant`;
    const { lastCheckIn } = await onlyDevice(readContent(`${head}\n${row}\n`, { format: 'intune' }));
    expect(lastCheckIn).toBe(null);
  });
});

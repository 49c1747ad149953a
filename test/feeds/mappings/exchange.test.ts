// Owns the promises about Exchange: its personal lists, its states, and the forms in which PowerShell writes them.
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent, readJson } from '../read-lines.ts';

const table = (...rows: string[][]): string =>
  rows.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')).join('\r\n');
const DEVICE = [
  'DeviceId',
  'DeviceAccessState',
  'DeviceAccessStateReason',
  'UserPrincipalName',
  'LastSuccessSync',
];

describe('a decision about a device', () => {
  it.each([
    ['Blocked', 'Individual', 'block', true],
    ['Quarantined', 'Individual', 'quarantine', true],
    ['Allowed', 'Individual', 'allow', false],
  ])('%s, %s is %s, applied: %s', async (state, reason, action, applied) => {
    const { decisions } = await readContent(table(DEVICE, ['ApplX', state, reason, 'Al@example.com', '']));
    expect(decisions).toMatchObject([
      { scope: 'partnership', device: 'applx', user: 'al@example.com', action, applied },
    ]);
  });

  it.each(['Global', 'DeviceRule', 'ExternalCompliance', 'Policy', 'Upgrade'])(
    'by %s is none',
    async (reason) => {
      const { decisions } = await readContent(
        table(DEVICE, ['ApplX', 'Blocked', reason, 'al@example.com', '']),
      );
      expect(decisions).toEqual([]);
    },
  );

  it('without a user holds for the device', async () => {
    const { decisions } = await readContent(table(DEVICE.slice(0, 3), ['ApplX', 'Blocked', 'Individual']));
    expect(decisions).toMatchObject([{ scope: 'device', user: null, action: 'block' }]);
  });
});

it('no row of Exchange says that a device is managed or compliant', async () => {
  const device = await onlyDevice(
    readContent(
      table(
        [...DEVICE, 'IsManaged', 'IsCompliant'],
        ['ApplX', 'Allowed', 'Global', 'a@example.com', '', 'True', 'True'],
      ),
    ),
  );
  expect(device).toMatchObject({
    managed: null,
    compliant: null,
    attributes: { exchangeManaged: true, exchangeCompliant: true },
  });
});

describe('the lists of a mailbox', () => {
  const HEAD = [
    'PrimarySmtpAddress',
    'ActiveSyncEnabled',
    'ActiveSyncAllowedDeviceIDs',
    'ActiveSyncBlockedDeviceIDs',
  ];

  it.each([
    'ApplX1;ApplX2',
    'ApplX1, ApplX2',
    'ApplX1 ApplX2',
    '{ApplX1, ApplX2}',
    'ApplX1|ApplX2',
    '@("ApplX1","ApplX2")',
    '["ApplX1","ApplX2"]',
  ])('are read from %s', async (joined) => {
    const { decisions } = await readContent(table(HEAD, ['a@example.com', 'True', '', joined]));
    expect(decisions.map(({ device, action }) => [device, action])).toEqual([
      ['applx1', 'block'],
      ['applx2', 'block'],
    ]);
  });

  it.each([
    'Microsoft.Exchange.Data.MultiValuedProperty`1[System.String]',
    'System.Collections.ArrayList',
    'System.String[]',
    'System.Object[]',
  ])('are lost where %s stands in their place, and that is said', async (type) => {
    const { decisions, users } = await readContent(table(HEAD, ['a@example.com', 'True', type, type]));
    expect(decisions).toEqual([]);
    expect(users[0]?.problems).toHaveLength(2);
  });

  it('that are cut off are read as far as they go, and that is said', async () => {
    const { decisions, users } = await readContent(
      table(HEAD, ['a@example.com', 'True', '', '{ApplX1, ApplX2, Appl...}']),
    );
    expect(decisions.map(({ device }) => device)).toEqual(['applx1', 'applx2']);
    expect(users[0]?.problems).toHaveLength(1);
  });

  it('of ConvertTo-Json are arrays, or objects with a value', async () => {
    const { decisions, users } = await readJson([
      {
        PrimarySmtpAddress: 'a@example.com',
        ActiveSyncEnabled: false,
        ActiveSyncAllowedDeviceIDs: ['ApplQ'],
        ActiveSyncBlockedDeviceIDs: { value: ['ApplR'], Count: 1 },
        EmailAddresses: ['SMTP:a@example.com', 'smtp:b@example.com', 'X400:c=US'],
      },
    ]);
    expect(decisions.map(({ device, action }) => [device, action])).toEqual([
      ['applq', 'allow'],
      ['applr', 'block'],
    ]);
    expect(users).toMatchObject([{ id: 'a@example.com', aliases: ['b@example.com'], enabled: false }]);
  });
});

it('ActiveSync that is switched on says nothing about the account', async () => {
  const { users } = await readContent(
    table(['PrimarySmtpAddress', 'ActiveSyncEnabled', 'OWAEnabled'], ['a@example.com', 'True', 'True']),
  );
  expect(users).toMatchObject([{ enabled: null }]);
});

describe('a device id', () => {
  it('in hex and as text has one key', async () => {
    const hex = Buffer.from('ApplX1').toString('hex').toUpperCase();
    const { devices } = await readContent(
      table(DEVICE, ['ApplX1', 'Allowed', 'Global', '', ''], [hex, 'Allowed', 'Global', '', '']),
    );
    expect(devices.map(({ id, spelling }) => [id, spelling])).toEqual([
      ['applx1', 'ApplX1'],
      ['applx1', hex],
    ]);
  });

  it.each(['1.23457E+31', 'a-b', 'x'.repeat(65), '', 'validate'])('%s refuses its row', async (id) => {
    const { devices, refused } = await readContent(
      table(DEVICE, [id, 'Allowed', 'Global', '', ''], ['ApplY', 'Allowed', 'Global', '', '']),
    );
    expect([devices.length, refused.length, refused[0]?.line]).toEqual([1, 1, 2]);
  });
});

describe('dates of one column', () => {
  it('decide together, and those that cannot be decided are unknown', async () => {
    const rows = (...dates: string[]): string =>
      table(DEVICE, ...dates.map((date) => ['ApplX', 'Allowed', 'Global', '', date]));
    const times = async (...dates: string[]): Promise<(string | null)[]> =>
      (await readContent(rows(...dates))).devices.map(({ lastCheckIn }) => lastCheckIn);
    expect(await times('3/2/2026 8:12:01 AM', '11/20/2026 5:59:00 AM')).toEqual([
      '2026-03-02T08:12:01Z',
      '2026-11-20T05:59:00Z',
    ]);
    expect(await times('03/02/2026 08:12:01', '20/11/2026 05:59:00')).toEqual([
      '2026-02-03T08:12:01Z',
      '2026-11-20T05:59:00Z',
    ]);
    expect(await times('3/2/2026 8:12:01 AM', '')).toEqual([null, null]);
    const told = await readContent(rows('3/2/2026 8:12:01 AM'), { order: 'monthFirst' });
    expect(told.devices[0]?.lastCheckIn).toBe('2026-03-02T08:12:01Z');
  });
});

it('Export-Clixml is read, in UTF-16', async () => {
  const xml = `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><Obj RefId="0"><TN RefId="0"><T>x</T></TN><ToString>y</ToString><Props><S N="DeviceId">ApplQ</S><Obj N="DeviceAccessState" RefId="1"><TN RefId="1"><T>e</T></TN><ToString>Blocked</ToString><I32>2</I32></Obj><S N="DeviceAccessStateReason">Individual</S><DT N="LastSuccessSync">2026-03-02T08:12:01Z</DT><Nil N="DeviceImei"/><S N="DeviceOS">iOS 17.4</S></Props></Obj></Objs>`;
  const { devices, decisions } = await readContent(
    Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(xml, 'utf16le')]),
  );
  expect(devices).toMatchObject([
    { id: 'applq', platform: 'ios', osVersion: '17.4', lastCheckIn: '2026-03-02T08:12:01Z' },
  ]);
  expect(decisions).toMatchObject([{ action: 'block' }]);
});

it('Export-Clixml refers to lists that stood before; one that is not there is noted, not taken for empty', async () => {
  const mailbox = (place: number, list: string): string =>
    `<Obj RefId="${place}"><Props><S N="PrimarySmtpAddress">user${place}@example.com</S><B N="ActiveSyncEnabled">true</B>${list}</Props></Obj>`;
  const xml = `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">${mailbox(0, '<Obj N="ActiveSyncBlockedDeviceIDs" RefId="9"><LST><S>ApplX</S></LST></Obj>')}${mailbox(1, '<Ref N="ActiveSyncBlockedDeviceIDs" RefId="9"/>')}${mailbox(2, '<Ref N="ActiveSyncBlockedDeviceIDs" RefId="77"/>')}</Objs>`;
  const { decisions, users } = await readContent(xml);
  expect(decisions.map(({ user, device }) => [user, device])).toEqual([
    ['user0@example.com', 'applx'],
    ['user1@example.com', 'applx'],
  ]);
  expect(users.map(({ problems }) => problems.length)).toEqual([0, 0, 1]);
});

it('numbers of ConvertTo-Json stand for their words', async () => {
  const { decisions, devices } = await readContent(
    String.raw`[{"DeviceId":"ApplQ","DeviceAccessState":2,"DeviceAccessStateReason":2,"LastSuccessSync":"\/Date(1795154530000)\/","Identity":"a@example.com\\ExchangeActiveSyncDevices\\iPhone§ApplQ"}]`,
  );
  expect(decisions).toMatchObject([{ action: 'block', user: 'a@example.com' }]);
  expect(devices).toMatchObject([
    { lastCheckIn: '2026-11-20T06:02:10Z', attributes: { accessState: 'Blocked' } },
  ]);
});

it('files that were put into one have several headers', async () => {
  const one = `#TYPE X\r\n${table(DEVICE, ['ApplX', 'Allowed', 'Global', '', ''])}\r\n`;
  const other = `#TYPE X\r\n${table([...DEVICE].reverse(), ['', 'b@example.com', 'Global', 'Allowed', 'ApplY'])}\r\n`;
  const { devices } = await readContent(one + other);
  expect(devices.map(({ id, owner }) => [id, owner])).toEqual([
    ['applx', null],
    ['apply', 'b@example.com'],
  ]);
});

it.each(['DeviceWipePending', 'DeviceWipeSucceeded', 'AccountOnlyDeviceWipeSucceeded'])(
  'a device with %s counts as removed; the order itself stays with Exchange',
  async (status) => {
    const { devices, decisions } = await readContent(
      table([...DEVICE, 'Status'], ['ApplX', 'Allowed', 'Global', 'a@example.com', '', status]),
    );
    expect(devices).toMatchObject([{ managed: false, removed: true, attributes: { status } }]);
    expect(decisions).toEqual([]);
  },
);

it('spaces around cells, quoted ones too, are no part of them', async () => {
  const { devices } = await readContent(
    'DeviceId, DeviceAccessState , "DeviceType"\nApplX, "Allowed" , "a, b"\n',
  );
  expect(devices).toMatchObject([
    { id: 'applx', attributes: { deviceType: 'a, b', accessState: 'Allowed' } },
  ]);
});

it.each([
  ['DeviceWipeRequestTime', '3/2/2026 6:00:00 AM', '', false],
  ['DeviceWipeAckTime', '11/20/2026 6:00:00 AM', '', false],
  ['AccountOnlyDeviceWipeRequestTime', '2026-11-20', '', false],
  ['DeviceWipeRequestTime', '', '', null],
  ['DeviceWipeRequestTime', '1/1/0001 12:00:00 AM', '', null],
  // The state is what Exchange makes of the times.
  ['DeviceWipeAckTime', '11/20/2026 6:00:00 AM', 'DeviceOk', null],
])('the time %s = "%s" beside the state "%s" means managed: %s', async (column, time, status, managed) => {
  const { devices } = await readContent(
    table([...DEVICE, column, 'Status'], ['ApplX', 'Allowed', 'Global', 'a@example.com', '', time, status]),
  );
  expect(devices).toMatchObject([{ managed, removed: managed === false }]);
}); // prettier-ignore

it.each(['UserUPN', 'Mailbox UPN', 'MailboxOwner', 'UserMailbox', 'SMTP', 'Mailbox SMTP', 'UserId'])(
  'a script may name the user in a column %s; a display name there is none',
  async (column) => {
    const rows = [
      ['ApplX', 'Blocked', 'Individual', 'Al@example.com'],
      ['ApplY', 'Blocked', 'Individual', 'Al Example'],
    ];
    const { decisions } = await readContent(table([...DEVICE.slice(0, 3), column], ...rows));
    expect(decisions.map(({ scope, user }) => [scope, user])).toEqual([
      ['partnership', 'al@example.com'],
      ['device', null],
    ]);
  },
);

it('the id is found behind AirSync- in the identity of old statistics', async () => {
  const { devices } = await readContent(
    table(
      ['Identity', 'DeviceAccessState', 'DeviceType'],
      [String.raw`al@example.com\AirSync-iPhone-Appl87025CNUA4S`, 'Allowed', 'iPhone'],
      [String.raw`example.com/Users/Al\AirSync-SAMSUNG-SM-A546B-SEC0A1B2`, 'Allowed', 'x'],
    ),
  );
  expect(devices.map(({ id, owner }) => [id, owner])).toEqual([
    ['appl87025cnua4s', 'al@example.com'],
    ['sec0a1b2', null],
  ]);
});

it('number and word of an enumeration of a remote session are one value', async () => {
  const { devices, decisions } = await readJson([
    { DeviceId: 'ApplX', DeviceAccessState: { value: 2, Value: 'Blocked' }, DeviceAccessStateReason: { value: 2, Value: 'Individual' } },
  ]);
  expect(devices).toMatchObject([{ attributes: { accessState: 'Blocked' }, problems: [] }]);
  expect(decisions).toMatchObject([{ action: 'block' }]);
}); // prettier-ignore

it.each(['DeviceWipePending', 'Wipe pending', 'AccountOnlyDeviceWipeSucceeded'])('a device of the status %s is not managed', async (status) => {
  const { devices } = await readContent(table(['DeviceId', 'DeviceAccessState', 'Status'], ['ApplX', 'Allowed', status]));
  expect(devices.map(({ managed, removed }) => [managed, removed])).toEqual([[false, true]]);
}); // prettier-ignore

it('what is no id in a list of ids is refused, and the others are read', async () => {
  const { decisions, refused } = await readContent(
    table(['PrimarySmtpAddress', 'ActiveSyncBlockedDeviceIDs'], ['a@example.com', '*; ApplX; --']),
  );
  expect([decisions.map(({ device }) => device), refused.length]).toEqual([['applx'], 1]);
});

it('a list whose colons stand in different columns is no table, and says so', async () => {
  const text = 'PrimarySmtpAddress : a@example.com\nActiveSyncBlockedDeviceIDs : {}\nHasActiveSyncDevicePartnership : True\n'; // prettier-ignore
  await expect(readContent(text)).rejects.toThrow('its colons do not stand in one column');
});

it('a word that two lines of a record ask for is noted once', async () => {
  const { users } = await readContent(table(['PrimarySmtpAddress', 'ActiveSyncEnabled'], ['a@example.com', 'maybe']));
  expect(users.map(({ enabled, problems }) => [enabled, problems.length])).toEqual([[null, 1]]);
}); // prettier-ignore

it('the device of a mailbox of Exchange Online may be named under MobileSyncDevices', async () => {
  const text = table(['Identity', 'DeviceAccessState'], ['al@example.com\\MobileSyncDevices\\EAS§iPhone§ApplX', 'Allowed']);
  expect(await onlyDevice(readContent(text))).toMatchObject({ id: 'applx', owner: 'al@example.com' });
}); // prettier-ignore

it.each(['DeviceWipePending', 'DeviceWipeRequested', 'DeviceWipeSent', 'AccountOnlyDeviceWipeSucceeded'])(
  'a device with the status %s is not managed',
  async (status) => {
    const text = table(['DeviceId', 'DeviceAccessState', 'Status'], ['ApplX', 'Allowed', status]);
    expect((await onlyDevice(readContent(text))).managed).toBe(false);
  },
);

it('scripts name the last synchronization and the state of a device otherwise', async () => {
  const text = table(['DeviceId', 'DeviceAccessState', 'Last Sync Time', 'Device Status'], ['ApplX', 'Allowed', '2026-11-20 06:02:10', 'DeviceWipePending']);
  expect(await onlyDevice(readContent(text))).toMatchObject({ lastCheckIn: '2026-11-20T06:02:10Z', managed: false });
}); // prettier-ignore

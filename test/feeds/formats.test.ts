// Owns the promises about recognizing formats: by names, whatever their order and case, and not where they are not certain.
import { describe, expect, it } from 'vitest';
import { MAPPINGS, bestMapping } from '../../src/feeds/formats.ts';
import { FORMATS } from '../../src/feeds/format-names.ts';
import { Columns, fieldName } from '../../src/feeds/row.ts';
import { readContent } from './read-lines.ts';

const formatOf = (...columns: string[]): string | null => bestMapping(new Columns(columns), MAPPINGS.filter(({ format }) => format !== 'ndjson'))?.format ?? null; // prettier-ignore

describe('the format', () => {
  it('is known by the names of columns, in any order and case', () => {
    expect(formatOf('primary user upn', 'COMPLIANCE', 'Device Name', 'EAS_activation_ID')).toBe('intune');
    expect(formatOf('EasDeviceId', 'ComplianceState', 'UserPrincipalName')).toBe('graph');
    expect(formatOf('UserPrincipalName', 'proxyAddresses', 'AccountEnabled')).toBe('graph');
    expect(formatOf('DeviceId', 'DeviceAccessState')).toBe('exchange');
    expect(formatOf('Serial Number', 'Exchange Device ID', 'Managed')).toBe('jamf');
    expect(
      formatOf('Friendly Name', 'Last Seen', 'Enrollment Status', 'Compliance Status', 'Compromised'),
    ).toBe('workspace-one');
    expect(formatOf('common.uuid', 'common.status')).toBe('ivanti');
    expect(formatOf('id', 'managed', 'compliant')).toBe('csv');
    expect(formatOf('id', 'compliant')).toBe('csv');
    expect(formatOf('Device ID', 'User', 'Is Compliant')).toBe('csv');
    expect(formatOf('Serial Number', 'Managed', 'Compliant', 'Owner')).toBe('csv');
    // Common names beside those of a product.
    expect(
      formatOf(
        'Device UUID',
        'User ID',
        'Status',
        'Registration Date',
        'Quarantined',
        'Compliant',
        'Owner',
        'Platform',
        'OS Version',
        'Model',
        'Serial Number',
        'Last Check-In',
      ),
    ).toBe('ivanti');
  });

  it.each([
    [['foo', 'bar']],
    [['Serial Number', 'Model', 'User']],
    [['Display Name', 'Email Address']],
    [['id', 'name', 'city']],
    [['id', 'type', 'name']],
    // One name that several products have.
    [['DeviceId', 'LastCheckInTime', 'ComplianceStatus', 'HardwareSerialNumber']],
    [['EventId', 'Time', 'Message']],
    [['Serial Number', 'Operating System Version', 'User']],
    [['Device Name', 'Registration State', 'Serial Number']],
  ])('is not known for certain by %j', (columns) => {
    expect(formatOf(...columns)).toBeNull();
  });

  it('has mappings for every name of the command line', () => {
    expect(new Set(MAPPINGS.map(({ format }) => format))).toEqual(new Set(FORMATS));
  });

  it('has names in the form in which names compare', () => {
    for (const { sure, typical, times } of MAPPINGS)
      for (const name of [...sure, ...typical, ...times]) expect(fieldName(name)).toBe(name);
  });
});

describe('a file that is not known for certain', () => {
  it('is refused with what it has, and what it looks like', async () => {
    await expect(readContent('foo,bar\n1,2\n')).rejects.toThrow(/not known for certain \(found: foo, bar\)/);
    await expect(readContent('Serial Number,Model,Username\nx,y,z\n')).rejects.toThrow(/--format jamf/);
    await expect(readContent('{"a":1}')).rejects.toThrow(/not known for certain \(found: a\)/);
  });

  it('of Format-Table is refused with what to use in its place', async () => {
    const text = '\r\nDeviceId         DeviceAccessState\r\n--------         -----------------\r\nApplX            Blocked\r\n';
    await expect(readContent(text)).rejects.toThrow(/use Export-Csv, or Format-List/);
  }); // prettier-ignore

  it.each(['[{"id":"ApplX","compliant":true,"compliant":false}]', '{"id":"ApplX","compliant":tr'])(
    'without a record that can be read says why: %s',
    async (text) => {
      await expect(readContent(text)).rejects.toThrow(
        /no record of the file can be read; the first, on line 1/,
      );
    },
  );

  it('is read where the format is given and some of its names are there', async () => {
    const { devices } = await readContent('Serial Number,Model\nDMQ123456789,iPhone 14\n', {
      format: 'jamf',
    });
    expect(devices).toMatchObject([{ serialNumber: 'DMQ123456789', model: 'iPhone 14' }]);
    await expect(readContent('foo,bar\n1,2\n', { format: 'jamf' })).rejects.toThrow(/no fields of jamf/);
  });

  it.each([
    ['', 'empty'],
    ['   \n\n', 'empty'],
    ['<!DOCTYPE html><html>', 'web page'],
    ['<devices><device/></devices>', 'ask the interface for JSON'],
    ['[]', 'no records'],
  ])('%j is refused with what to do', async (content, message) => {
    await expect(readContent(content)).rejects.toThrow(message);
  });
});

describe('a table', () => {
  it.each([',', ';', '\t', '|'])('with %j between its cells is read', async (delimiter) => {
    const text = [
      ['DeviceId', 'DeviceAccessState'],
      ['ApplX', 'Allowed'],
    ]
      .map((row) => row.join(delimiter))
      .join('\n');
    expect((await readContent(text)).devices).toMatchObject([{ id: 'applx' }]);
  });

  it('has its header below titles, type lines and the line of Excel that names the delimiter', async () => {
    const head = 'sep=;\r\nDevices of Contoso\r\n\r\n#TYPE X\r\nDeviceId;DeviceAccessState\r\n';
    const { devices } = await readContent(`${head}ApplX;Allowed\r\n`);
    expect(devices).toMatchObject([{ line: 6, id: 'applx' }]);
  });

  it('has rows of another table above its header refused, and titles left out', async () => {
    const titles = 'Devices of Contoso\nExported,2026-11-20\n\n';
    const { lines } = await readContent(
      `${titles}asset,name,site\n17,x,Berlin\n\nid,managed,compliant\nApplX,true,true\n`,
    );
    expect(lines.map(({ type, line }) => [type, line])).toEqual([
      ['refused', 4],
      ['refused', 5],
      ['device', 8],
    ]);
  });

  it('gives each row one outcome: a line, or a refusal with its line', async () => {
    const { lines } = await readContent(
      'DeviceId,DeviceAccessState,DeviceType\nApplX,Allowed,iPhone\nApplY,Allowed\n"bad\nid",Allowed,x\nApplZ,Allowed,iPhone,,\nApplW,Allo',
    );
    expect(lines.map((line) => [line.type, line.line])).toEqual([
      ['device', 2],
      ['refused', 3],
      ['refused', 4],
      // Its end may be a value with a comma in it that shifted the others.
      ['refused', 6],
      ['refused', 7],
    ]);
  });

  it('keeps control characters and endless cells out of what it gives', async () => {
    const { devices } = await readContent(
      `DeviceId,DeviceAccessState,DeviceModel\nApplX,Allowed,"a\u001b[2J${'m'.repeat(5_000)}"\n`,
    );
    expect(devices[0]?.model).toHaveLength(512);
    expect(devices[0]?.model).not.toContain('\u001b');
  });
});

describe('a format that the operator gives', () => {
  it.each([
    ['exchange', 'Device ID,EAS activation ID,Compliance,Managed by\nx,ApplX,Compliant,Intune\n', 'intune'],
    ['csv', 'Device ID,EAS activation ID,Compliance,Managed by\nx,ApplX,Compliant,Intune\n', 'intune'],
    ['intune', 'DeviceId,DeviceType,DeviceAccessState\nApplX,iPhone,Blocked\n', 'exchange'],
    ['ndjson', '{"easDeviceId":"ApplX","id":"x","managementAgent":"mdm"}\n', 'graph'],
    ['graph', 'Device ID,EAS activation ID,Compliance,Managed by\nx,ApplX,Compliant,Intune\n', null],
    ['csv', 'id,managed,compliant\nApplX,true,true\n', null],
    [null, 'DeviceId,DeviceType,DeviceAccessState\nApplX,iPhone,Blocked\n', null],
  ] as const)('(%s) for a file of another product leaves a note: %#', async (format, text, notAsked) => {
    expect((await readContent(text, { format })).notAsked).toBe(notAsked);
  });
});

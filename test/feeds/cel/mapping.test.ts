// Owns the promises of mappings by expressions: what a record becomes, and what an expression that cannot be used is.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mappingOfText, mappingText } from '../../../src/config/feed-mapping.ts';
import { celMapping } from '../../../src/feeds/cel/cel-mapping.ts';
import { mappingFileSchema } from '../../../src/feeds/cel/document.ts';
import { compileExpression } from '../../../src/feeds/cel/expressions.ts';
import type { FieldKind } from '../../../src/feeds/cel/fields.ts';
import { RecordReader } from '../../../src/feeds/mapping.ts';
import type { Mapping } from '../../../src/feeds/mapping.ts';
import type { FeedLine } from '../../../src/feeds/record.ts';
import { ObjectRow } from '../../../src/feeds/row.ts';
import { fixture, onlyDevice, readContent, readPath } from '../read-lines.ts';

const READING = { source: 'mdm', zone: 'UTC', order: () => null };

function map(document: object, record: object, around: object = {}): FeedLine[] {
  const mapping = celMapping(mappingFileSchema.parse(document));
  return mapping.map(new RecordReader(new ObjectRow(1, record, around), READING));
}

const ID = { id: 'record.eas' };

describe('a mapping', () => {
  it('sets our fields from the record', () => {
    const document = {
      id: 'record.ids',
      managed: 'record.state == "enrolled"',
      compliant: 'record.compliance',
      compromised: 'record.rooted',
      platform: '"iOS"',
      owner: '[record.upn, record.mail]',
      lastCheckIn: 'record.seen',
      observedAt: 'timestamp(record.at)',
      unmetRequirements: 'record.checks.map(one, !one.met, one.name)',
      attributes: {
        threat: { value: 'record.risk.lowerAscii()' },
        score: { type: 'number', value: 'record.score' },
        patched: { type: 'date', value: 'record.patch' },
        vip: { type: 'boolean', value: 'record.vip' },
      },
    };
    const record = {
      ids: ['ApplDNPHG6NVDT9V', 'SEC0A1B2C3D4E5F6'],
      state: 'enrolled',
      compliance: 'NonCompliant',
      rooted: 'Jailbroken',
      upn: 'Alice@Contoso.com',
      mail: 'alice.a@contoso.com',
      seen: 1_790_000_000,
      at: '2026-11-20T06:02:10Z',
      checks: [
        { name: 'passcode', met: false },
        { name: 'os', met: true },
      ],
      risk: 'LOW',
      score: 7.5,
      patch: '2026-10-01',
      vip: 'yes',
    };
    expect(map(document, record)).toMatchObject([
      {
        type: 'device',
        id: 'appldnphg6nvdt9v',
        otherIds: ['sec0a1b2c3d4e5f6'],
        managed: true,
        compliant: false,
        compromised: true,
        platform: 'ios',
        owner: 'alice@contoso.com',
        ownerNames: ['alice@contoso.com', 'alice.a@contoso.com'],
        lastCheckIn: '2026-09-21T14:13:20Z',
        observedAt: '2026-11-20T06:02:10Z',
        unmetRequirements: ['passcode'],
        attributes: { threat: 'low', score: 7.5, patched: '2026-10-01T00:00:00Z', vip: true },
        problems: [],
      },
    ]);
  });

  it('makes a field unknown where its expression has no value, and notes why', () => {
    const [line] = map(
      { ...ID, managed: 'record.state.active', compliant: 'record.n + 1 == 2' },
      { eas: 'PHONE1', n: 'x' },
    );
    expect(line).toMatchObject({
      id: 'phone1',
      managed: null,
      compliant: null,
      problems: [
        expect.stringContaining('compliant: "record.n + 1 == 2" has no value: no such overload'),
        'managed: "record.state.active" has no value: there is no state; pick("state") is null then',
      ],
    });
  });

  it('reads true, false and the known words as flags, and notes every other word', () => {
    const words = [true, 'yes', 0, 'maybe'].map((state) => {
      const [line] = map({ ...ID, managed: 'record.state' }, { eas: 'PHONE1', state });
      return line?.type === 'device' ? [line.managed, line.problems.length] : null;
    });
    expect(words).toEqual([[true, 0], [true, 0], [false, 0], [null, 1]]); // prettier-ignore
  });

  it('refuses a record that names no device, with what went wrong', () => {
    expect(map(ID, { other: 1 })).toEqual([
      {
        type: 'refused',
        line: 1,
        reason:
          expect.stringContaining('names no device') &&
          expect.stringContaining('id: "record.eas" has no value'),
      },
    ]);
  });

  it('leaves out the records of which `where` is false, and refuses those of which it has no value', () => {
    const document = { ...ID, where: 'record.type == "phone"' };
    expect(map(document, { eas: 'PHONE1', type: 'phone' })).toMatchObject([{ type: 'device' }]);
    expect(map(document, { eas: 'PHONE1', type: 'laptop' })).toEqual([]);
    expect(map(document, { eas: 'PHONE1' })).toMatchObject([
      { type: 'refused', reason: 'where: there is no type; pick("type") is null then' },
    ]);
  });

  it('takes the first of several names, as tables and pages of an API write them', () => {
    const document = { id: 'pick(["device.eas id", "Device ID"])' };
    expect(map(document, { device: { easId: 'PHONE1' } })).toMatchObject([{ id: 'phone1' }]);
    expect(map(document, { 'Device ID': 'PHONE2', device: { easId: 'n/a' } })).toMatchObject([
      { id: 'phone2' },
    ]);
  });

  it('has the values of the document around the record', () => {
    expect(map({ ...ID, managed: 'around.enrolled' }, { eas: 'PHONE1' }, { enrolled: true })).toMatchObject([
      { managed: true },
    ]);
  });

  it('makes users', () => {
    const document = {
      records: 'users',
      user: '[record.mail, record.login]',
      groups: 'record.groups',
      enabled: 'record.status == "active"',
    };
    const record = { mail: 'Bob@contoso.com', login: 'CONTOSO\\bob', groups: ['staff'], status: 'active' };
    expect(map(document, record)).toMatchObject([
      { type: 'user', id: 'bob@contoso.com', groups: ['staff'], enabled: true },
    ]);
    expect(map(document, { ...record, mail: null, login: null })).toMatchObject([{ type: 'refused' }]);
  });

  it('never throws, whatever the record', () => {
    const document = {
      ...ID,
      where: 'size(pick("where")) >= 0 || true',
      managed: 'record.state',
      owner: 'record.owner',
      lastCheckIn: 'record.seen',
      attributes: { a: { type: 'number', value: 'record.a' }, d: { type: 'date', value: 'record.seen' } },
    };
    const record = fc.dictionary(
      fc.constantFrom('eas', 'state', 'owner', 'seen', 'a', 'where'),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(record, (one) => {
        expect(map(document, one).length).toBeLessThan(2);
      }),
    );
  });

  it('finds the header of a table, and the order of its dates', async () => {
    const mapping = celMapping(
      mappingFileSchema.parse({
        id: 'record["Phone ID"]',
        lastCheckIn: 'record.Seen',
        managed: 'record.State == "in"',
      }),
    );
    const { devices } = await readContent(
      'Report of today\nPhone ID;State;Seen\nPHONE1;in;3/2/2026\nPHONE2;out;3/13/2026\n',
      { mapping, source: 'mdm' },
    );
    expect(devices.map(({ id, managed, lastCheckIn }) => [id, managed, lastCheckIn])).toEqual([
      ['phone1', true, '2026-03-02T00:00:00Z'],
      ['phone2', false, '2026-03-13T00:00:00Z'],
    ]);
  });
});

describe('an expression', () => {
  const problem = (text: string, kind: FieldKind = 'flag'): unknown => {
    const compiled = compileExpression(text, kind);
    return 'message' in compiled ? [compiled.message, compiled.offset] : null;
  };

  it.each<[string, FieldKind, string, number]>([
    ['recrod.managed', 'flag', 'Unknown variable: recrod (did you mean "record"?)', 0],
    [
      'managed',
      'flag',
      'Unknown variable: managed; the values of the record are in record: record.managed',
      0,
    ],
    ['true && pik("a")', 'flag', 'there is no function pik() (did you mean "pick"?)', 8],
    [
      'record.a.matches("(a+)+")',
      'flag',
      'there is no function matches(); use contains(), startsWith() or word()',
      0,
    ],
    ['record.a.all(x, x.all(y, y))', 'flag', 'loops cannot be nested', 16],
    ['record.x > 1', 'time', 'returns bool, and should return a time', 0],
    ['record.a ? "b" : null', 'text', expect.stringContaining('write both as dyn(…)'), 0],
    ['record.a ==', 'flag', expect.any(String), expect.any(Number)],
  ] as [string, FieldKind, string, number][])('%s cannot be used', (text, kind, message, offset) => {
    expect(problem(text, kind)).toEqual([message, offset]);
  });

  it('names the values of the record that it reads', () => {
    expect(compileExpression('record.a["B c"] == pick(["D.e", "f"])', 'flag')).toMatchObject({
      names: expect.arrayContaining(['abc', 'de', 'f']),
    });
  });
});

describe('the mappings of config/feeds', () => {
  const file = (name: string): string =>
    fileURLToPath(new URL(`../../../config/feeds/${name}`, import.meta.url));

  const mappingOf = (name: string): Mapping => mappingOfText(mappingText(file(name)), name);

  it('can all be used', () => {
    const names = readdirSync(file(''));
    expect(names).toEqual(['ivanti.yaml', 'jamf.yaml', 'micromdm.yaml', 'workspace-one.yaml']);
    for (const name of names) expect(() => mappingOf(name)).not.toThrow();
  });

  it.each([
    ['jamf.yaml', 'jamf-classic-mobiledevice.json'],
    ['workspace-one.yaml', 'ws1-devices-search.json'],
  ])('%s reads the same as the built-in format', async (name, records) => {
    const facts = (lines: Awaited<ReturnType<typeof readPath>>): unknown =>
      lines.devices.map(
        ({ id, otherIds, serialNumber, udid, managed, removed, compliant, encrypted, compromised, platform, ownerNames, lastCheckIn }) =>
          ({ id, otherIds, serialNumber, udid, managed, removed, compliant, encrypted, compromised, platform, ownerNames, lastCheckIn }),
      ); // prettier-ignore
    const byMapping = await readPath(fixture(records), { mapping: mappingOf(name) });
    expect(facts(byMapping)).toEqual(facts(await readPath(fixture(records))));
    expect(byMapping.devices.length).toBeGreaterThan(0);
  });

  it.each([
    [{ quarantined: true }, { managed: true, compliant: false }],
    [{ blocked: 'Yes' }, { managed: true, compliant: false }],
    [
      { quarantined: false, blocked: null },
      { managed: true, compliant: true },
    ],
    [{ complianceState: null }, { managed: true, compliant: null }],
    [{ mamOnly: true }, { managed: false }],
    [{ authOnly: true }, { managed: false }],
  ])('ivanti.yaml reads a device of Neurons with %j as %j', async (more, expected) => {
    const device = { guid: 'g1', easDeviceIdentifiers: ['PHONE1'], registrationState: 'ACTIVE', complianceState: true, ...more }; // prettier-ignore
    const text = JSON.stringify({ result: { searchResults: [device] } });
    const mapping = mappingOf('ivanti.yaml');
    expect(await onlyDevice(readContent(text, { mapping }))).toMatchObject(expected);
  });

  it.each([
    ['Hub Registered', false],
    ['Unmanaged', false],
    ['MAM only', false],
    ['MDM', true],
    [1, true],
    [null, true],
  ])('workspace-one.yaml reads an enrolled device that is managed by %j as managed: %s', async (ManagedBy, managed) => {
    const device = { EasIds: { EasId: ['PHONE1'] }, EnrollmentStatus: 'Enrolled', ManagedBy };
    const mapping = mappingOf('workspace-one.yaml');
    const read = readContent(JSON.stringify({ Devices: [device] }), { mapping });
    expect((await onlyDevice(read)).managed).toBe(managed);
  }); // prettier-ignore

  it('ivanti.yaml reads a page of EPMM', async () => {
    const page = {
      results: [
        {
          'common.uuid': 'guid-1',
          'common.status': 'ACTIVE',
          'common.compliant': true,
          'common.platform': 'iOS',
          'user.email_address': 'alice@contoso.com',
          'exchange.active_sync_device_id': 'PHONE1',
        },
      ],
      totalCount: 1,
    };
    const mapping = mappingOf('ivanti.yaml');
    expect(await onlyDevice(readContent(JSON.stringify(page), { mapping }))).toMatchObject({
      id: 'phone1',
      managed: true,
      compliant: true,
      platform: 'ios',
      owner: 'alice@contoso.com',
      problems: [],
    });
  });

  it('micromdm.yaml reads a list of devices', async () => {
    const page = {
      devices: [
        {
          uuid: 'u-1',
          serial_number: 'DNPHG6NVDT9V',
          udid: '00008110-000A1B2C3D4E5F60',
          enrollment_status: true,
        },
      ],
    };
    const mapping = mappingOf('micromdm.yaml');
    expect(await onlyDevice(readContent(JSON.stringify(page), { mapping }))).toMatchObject({
      id: null,
      idFromSerial: 'appldnphg6nvdt9v',
      managed: true,
      removed: false,
      problems: [],
    });
  });
});

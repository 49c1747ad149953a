// Owns docs/reference/import-formats.md: the fields of the lines as their schemas describe them, and for each format which names become
// which field. The names are found by trying: a value under one name alone, and a look at what changes. `npm run import-page`
// writes the page, test/feeds/import-page.test.ts compares it.
import { readFileSync, writeFileSync } from 'node:fs';
import type { z } from 'zod';
import { MAPPINGS } from '../../../src/feeds/formats.ts';
import { RecordReader } from '../../../src/feeds/mapping.ts';
import type { Mapping } from '../../../src/feeds/mapping.ts';
import { LINE_SCHEMAS } from '../../../src/feeds/record.ts';
import type { FeedLine } from '../../../src/feeds/record.ts';
import type { Row } from '../../../src/feeds/row.ts';

const PAGE = new URL('../../../docs/reference/import-formats.md', import.meta.url);

const HEAD = `# Formats of \`easgate import\`

This page is made from the schemas and mappings of src/feeds (\`npm run import-page\`). How to export, and what the values mean:
guide/import.md.

Each record of a file becomes one line of JSON, or several where it stands for several things (a mailbox and its lists). A record that is not
understood becomes a \`refused\` line. Times are ISO 8601 in UTC.
`;

const MIDDLE = `
## Names

Names of columns and fields compare without case, spaces and punctuation: \`Device ID\`, \`device_id\` and \`deviceId\` are \`deviceid\`. The name of a
nested value is its path: \`general.serial_number\` is \`generalserialnumber\`. Of several names the first that has a value counts; of states the worse
one. Names that are not listed are ignored. Names that stand in every format, such as \`isquarantined\`, \`isjailbroken\` and \`isretired\`, only
deny: their no says nothing. A format is recognized by one name that only it has (*certain*), else by four that it usually has.
`;

/** The page as it is, and as it should be. */
export function importPage(): { readonly is: string; readonly shouldBe: string } {
  const fields = Object.entries(LINE_SCHEMAS).flatMap(([type, schema]) => [
    `\n## \`${type}\`\n`,
    ...fieldRows(schema),
  ]);
  const formats = MAPPINGS.flatMap((mapping) => section(mapping));
  return {
    is: read(),
    shouldBe: `${[HEAD, ...fields, MIDDLE, ...formats].join('\n').replaceAll(/\n{3,}/g, '\n\n')}\n`,
  };
}

function read(): string {
  try {
    return readFileSync(PAGE, 'utf8');
  } catch {
    return '';
  }
}

function fieldRows(schema: z.ZodObject): string[] {
  return [
    '| field | meaning |',
    '| --- | --- |',
    ...Object.entries(schema.shape).map(
      ([name, field]) => `| \`${name}\` | ${(field as z.ZodType).description ?? ''} |`,
    ),
  ];
}

function section(mapping: Mapping): string[] {
  const names = namesByField(mapping);
  return [
    `\n### \`${mapping.format}\`: ${mapping.kind}\n`,
    `Certain: ${code(mapping.sure)}.\n`,
    '| becomes | names |',
    '| --- | --- |',
    ...[...names].map(([field, listed]) => `| ${field} | ${code(listed)} |`),
  ];
}

const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

/** Values of which each name gets one after the other. */
const PROBES: readonly unknown[] = [
  'true', 'ApplPROBE1', '2026-11-20T06:02:10Z', 'alice@example.com', 'iPhone 14', 'company', 'compliant', 'noncompliant', 'inGracePeriod', 'enrolled', 'retired', 'active', 'mdm', 'managed', 'retirePending', 'jailbroken', 'false', '17.4', '350000000000001', '00008110-000A1B2C3D4E5F60', String.raw`EXAMPLE\alice`, ['ApplPROBE1'], [{ displayName: 'Staff', userPrincipalName: 'alice@example.com', state: 'noncompliant', CompliantStatus: false, PolicyName: 'PIN' }], { threat: 'low' }, 'smtp:bob@example.com',
]; // prettier-ignore

/** Records in which a mapping finds something to say: with a device, a mailbox, a user, an event. */
const BASES: readonly Readonly<Record<string, unknown>>[] = [
  { serialnumber: 'BASE00001', eventserialnumber: 'BASE00001', webhookwebhookevent: 'MobileDeviceEnrolled', topic: 'mdm.Connect', acknowledgeeventudid: 'BASE-0000-0001', deviceid: 'ApplBASE', id: 'BASE1', primarysmtpaddress: 'base@example.com', userprincipalname: 'base@example.com', displayname: 'Base', members: [] },
  { serialnumber: 'BASE00001', webhookwebhookevent: 'MobileDeviceEnrolled', topic: 'mdm.Connect', acknowledgeeventudid: 'BASE-0000-0001', eventserialnumber: 'BASE00001', deviceid: 'ApplBASE', deviceaccessstate: 'Blocked', deviceaccessstatereason: 'Individual', ingraceperioduntil: '2027-01-01' },
  { type: 'user', id: 'base@example.com', primarysmtpaddress: 'base@example.com' },
  { type: 'decision', device: 'ApplBASE', action: 'block' },
  { complianceState: 'x', serialnumber: 'BASE00001', compliance: 'inGracePeriod', compliancestate: 'inGracePeriod', compliant: 'true', deviceid: 'ApplBASE', id: 'ApplBASE' },
  { serialnumber: 'BASE00001', udid: 'BASE-0000-0001' },
]; // prettier-ignore

class ProbeRow implements Row {
  readonly line = 1;
  readonly record = {};
  readonly around = {};
  readonly contradictions: ReadonlySet<string> = new Set();
  private readonly values: ReadonlyMap<string, unknown>;
  private readonly asked: Set<string> | null;

  /** `asked`: gets the names that the mapping looks for. */
  constructor(values: Readonly<Record<string, unknown>>, asked: Set<string> | null = null) {
    this.values = new Map(Object.entries(values));
    this.asked = asked;
  }

  get(name: string): unknown {
    this.asked?.add(name);
    return this.values.get(name);
  }

  differing(): string[] {
    return [];
  }

  /** A part of a name is none of the names that a page can list. */
  withPart(): string[] {
    return [];
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }
}

function mapped(mapping: Mapping, row: Row): Map<string, string> {
  const lines = mapping.map(new RecordReader(row, { source: 's', zone: 'UTC', order: () => null }));
  return new Map(lines.flatMap((line) => flattened(line)));
}

/** Fields of a line with their values; attributes each for itself. */
function flattened(line: FeedLine): [string, string][] {
  if (line.type === 'refused') return [];
  const prefix = line.type === 'device' ? '' : `${line.type}: `;
  return Object.entries(line).flatMap(([name, value]): [string, string][] => {
    if (['type', 'line', 'source', 'problems', 'spelling', 'ownerNames', 'idFromSerial'].includes(name))
      return [];
    if (name !== 'attributes') return [[`${prefix}${name}`, JSON.stringify(value)]];
    return Object.entries(value as object).map(([one, of]) => [
      `${prefix}attribute ${one}`,
      JSON.stringify(of),
    ]);
  });
}

function namesByField(mapping: Mapping): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const asked = new Set<string>();
  for (const base of BASES) mapped(mapping, new ProbeRow(base, asked));
  for (const name of asked)
    for (const field of changedBy(mapping, name)) {
      const names = found.get(field) ?? [];
      if (!names.includes(name)) names.push(name);
      found.set(field, names);
    }
  return new Map([...found].sort(([one], [other]) => rank(one) - rank(other)));
}

/** The fields that differ when a record has a value under a name, and when it has not. */
function changedBy(mapping: Mapping, name: string): Set<string> {
  const changed = new Set<string>();
  for (const base of BASES) {
    const without = mapped(mapping, new ProbeRow({ ...base, [name]: undefined }));
    for (const probe of PROBES) {
      const lines = mapped(mapping, new ProbeRow({ ...base, [name]: probe }));
      // Without this value the record was refused: it is what the record is found by.
      if (without.size === 0)
        for (const field of KEYS) if ((lines.get(field) ?? 'null') !== 'null') changed.add(field);
      // A record that means something else now says nothing about its fields.
      if (without.size === 0 || Math.abs(lines.size - without.size) > 2) continue;
      for (const [field, value] of lines) if (without.get(field) !== value) changed.add(field);
    }
  }
  return changed;
}

const KEYS = ['id', 'user: id', 'group: id', 'decision: device'];
const ORDER = Object.values(LINE_SCHEMAS).flatMap((schema) => Object.keys(schema.shape));

function rank(field: string): number {
  const [first, second] = field.split(': ');
  const place = ORDER.indexOf(second ?? first ?? '');
  return (second === undefined ? 0 : 1_000) + (place === -1 ? 500 : place);
}

if (import.meta.main) writeFileSync(PAGE, importPage().shouldBe);

// Owns the promises of mappings in the configuration: every problem with its place, and files that they name.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { feedMapping } from '../../src/config/feed-mapping.ts';
import { readConfigText } from '../../src/config/read-text.ts';
import { RecordReader } from '../../src/feeds/mapping.ts';
import { ObjectRow } from '../../src/feeds/row.ts';

function file(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-mapping-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'mapping.yaml');
  writeFileSync(path, text);
  return path;
}

it('each problem of a mapping has the line and column of the wrong part, and a suggestion', () => {
  const { problems } = readConfigText(
    `upstream: { url: "https://mail.example.com" }
feeds:
  - name: mdm
    kind: files
    path: in
    mapping:
      id: record.id
      managd: "true"
      compliant: record.ok && recrod.fine
      user: record.user
      attributes:
        risk: { type: textt, value: 'size()' }
`,
    '/etc/easgate.yaml',
  );
  expect(problems.map(({ line, column, text }) => [line, column, text])).toEqual([
    [8, 7, 'there is no such setting; did you mean managed?'],
    [9, 31, 'is no expression that can be used: Unknown variable: recrod (did you mean "record"?)'],
    [12, 23, 'must be text, number, boolean or date, not "textt"; did you mean text?'],
    [12, expect.any(Number), expect.stringContaining('is no expression that can be used')],
  ]);
});

it('a field of users in a mapping of devices, and a mapping without a name, are problems', () => {
  const { problems } = readConfigText(
    `upstream: { url: "https://mail.example.com" }
feeds:
  - { name: a, kind: files, path: in, mapping: { id: record.id, user: record.user } }
  - { name: b, kind: files, path: in, mapping: { managed: record.managed } }
`,
    '/etc/easgate.yaml',
  );
  expect(problems.map(({ line, text }) => [line, text])).toEqual([
    [3, 'is a field of users: this mapping is for devices (records: devices)'],
    [4, expect.stringContaining('must have id, serialNumber, udid or imei')],
  ]);
});

it('fields beside the file of a mapping replace those of the file', () => {
  const path = file('id: record.id\nmanaged: record.a\ncompliant: record.b\n');
  const mapping = feedMapping({ file: path, compliant: 'record.c' }, 'feeds.0.mapping');
  const row = new ObjectRow(1, { id: 'PHONE1', a: true, b: false, c: true });
  expect(mapping?.map(new RecordReader(row, { source: 's', zone: 'UTC', order: () => null }))).toMatchObject([
    { managed: true, compliant: true },
  ]);
});

it('problems in the file of a mapping have its lines and columns', () => {
  const path = file('id: record.id\nmanagd: "true"\ncompliant: true && recrod.x\n');
  expect(() => feedMapping({ file: path }, 'feeds.0.mapping')).toThrow(
    /line 3, column 20: compliant is no expression .*did you mean "record"\?[\s\S]*line 2, column 1: there is no field managd \(did you mean "managed"\?\)/,
  );
  expect(() => feedMapping({ file: `${path}.missing` }, 'feeds.0.mapping')).toThrow('cannot be read');
});

it('the examples of config/feeds.example.yaml can be used', () => {
  const path = fileURLToPath(new URL('../../config/feeds.example.yaml', import.meta.url));
  const { config, problems } = readConfigText(readFileSync(path, 'utf8'), path);
  expect(problems).toEqual([]);
  expect(config?.feeds.map(({ kind }) => kind)).toEqual(['graph', 'ldap', 'http', 'http', 'files', 'files']);
  for (const feed of config?.feeds ?? [])
    if ('mapping' in feed) expect(() => feedMapping(feed.mapping, feed.name)).not.toThrow();
});

it('a mapping beside a format, and moving files that are read again, are problems', () => {
  const { problems } = readConfigText(
    `upstream: { url: "https://mail.example.com" }
feeds:
  - { name: a, kind: files, path: in, format: jamf, mapping: { id: record.id } }
  - { name: b, kind: files, path: in, moveRead: true }
  - { name: c, kind: http, url: "https://mdm.example.com/", format: jamf, mapping: { id: record.id } }
  - { name: d, kind: http, url: "https://mdm.example.com/" }
`,
    '/etc/easgate.yaml',
  );
  expect(problems.map(({ line, place }) => [line, place])).toEqual([
    [3, 'feeds.0.mapping'],
    [4, 'feeds.1.moveRead'],
    [5, 'feeds.2.mapping'],
    [6, 'feeds.3.mapping'],
  ]);
});

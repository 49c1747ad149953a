// Owns the promises of the warnings about names in the policy in use: groups that no user is in, attributes that nobody reported.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addVersion, readPolicies } from '../../src/app/policy-versions.ts';
import { unknownNameWarnings } from '../../src/app/unknown-names.ts';
import { loadConfig } from '../../src/config/load.ts';
import { openReadModel } from '../../src/app/read-model.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { UNAUDITED, deviceReport, userReport } from '../support/servers/directory-records.ts';

checkLeaks();

const DOCUMENT = `
targets:
  include: { groups: [Sales, staf, "dep-*"] }
rules:
  - name: contractors
    match: { groups: { not: contractors } }
    action: block
compliance:
  - name: pilot
    groups: [STAFF, pilot]
    require: { encrypted: true }
`;

/** The warnings of a directory whose users are in these groups. */
async function warningsOf(
  groups: readonly (readonly string[] | null)[],
  {
    file = DOCUMENT,
    live = null,
    rolledOutTo = null,
    attributes = {},
    userAttributes = {},
    feeds = '',
  }: {
    readonly file?: string | null;
    readonly live?: string | null;
    readonly rolledOutTo?: readonly string[] | null;
    /** Attributes of a device, and of a user; configured feeds. */
    readonly attributes?: Readonly<Record<string, string>>;
    readonly userAttributes?: Readonly<Record<string, string>>;
    readonly feeds?: string;
  } = {},
): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-groups-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const store = new EmbeddedStore(':memory:');
  onTestFinished(() => store.close());
  await store.putUsers(groups.map((of, at) => userReport(`user${at}` as UserKey, { groups: of })));
  await store.putDevices([deviceReport('phone1' as DeviceKey, { attributes })]);
  if (Object.keys(userAttributes).length > 0)
    await store.putUsers([userReport('someone' as UserKey, { attributes: userAttributes })]);
  if (live !== null) {
    const texts = { document: live, parsed: null, lists: {} };
    const author = { by: 'carol', via: 'test', at: 1 };
    const to =
      rolledOutTo === null
        ? ({ place: 'live' } as const)
        : ({ place: 'rollout', rollout: { groups: rolledOutTo, share: 0 } } as const);
    const added = { texts, name: null, comment: null, ...to };
    await addVersion(store, await readPolicies(store), added, author, UNAUDITED);
  }
  const path = join(folder, 'easgate.yaml');
  writeFileSync(
    path,
    `upstream: { url: "http://127.0.0.1" }\n${feeds}${file === null ? '' : 'policy: { file: policy.yaml }\n'}`,
  );
  if (file !== null) writeFileSync(join(folder, 'policy.yaml'), file);
  const config = loadConfig(path);
  const model = await openReadModel(store, config, Date.now());
  try {
    const lines = await unknownNameWarnings(store, config, model.reader);
    return lines.map((line) => line.replace(folder, ''));
  } finally {
    model.close();
  }
}

describe('groups of the policy without users', () => {
  it('are named with their place in the file and the nearest group', async () => {
    expect(await warningsOf([['sales', 'Staff'], null, ['contractors']])).toEqual([
      expect.stringContaining('/policy.yaml:3:'),
      expect.stringContaining('/policy.yaml:10:'),
    ]);
    const [first, second] = await warningsOf([['sales', 'Staff'], null, ['contractors']]);
    expect(first).toContain('no feed has a group "staf" (did you mean "staff"?)');
    expect(second).toContain('no feed has a group "pilot"');
  });

  it('are named for a version that is rolled out: those of its document, and those it is rolled out to', async () => {
    const live = 'compliance: [{ name: pilot, groups: [boards], require: {} }]';
    expect(
      await warningsOf([['board', 'Pilot']], { file: null, live, rolledOutTo: ['PILOT', 'Bord'] }),
    ).toEqual([
      expect.stringMatching(/^version 1:.*no feed has a group "boards"/),
      'version 1 is rolled out to group Bord, in which no user is (did you mean "board"?)',
    ]);
  });

  it('are none when each has a user, in any case of letters; a pattern is not compared', async () => {
    expect(await warningsOf([['SALES', 'staf', 'contractors', 'staff', 'Pilot']])).toEqual([]);
  });

  it('are all of them while no feed reports groups', async () => {
    expect(await warningsOf([null, null])).toHaveLength(5);
    expect(await warningsOf([])).toHaveLength(5);
  });

  it('are found in the version that the directory keeps', async () => {
    const live = 'targets: { include: { groups: [staf] } }';
    expect(await warningsOf([['staff']], { file: null, live })).toEqual([
      expect.stringContaining('version 1:1:'),
    ]);
  });

  it('are none where no policy document decides', async () => {
    expect(await warningsOf([['staff']], { file: null })).toEqual([]);
  });

  it('are twenty lines and the number of the others at most', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `group${index}`);
    const lines = await warningsOf([], { file: `targets: { include: { groups: [${names.join(', ')}] } }` });
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe('10 more names are not known');
  });
});

describe('attributes of the policy that nobody reported', () => {
  const file = `
rules:
  - { name: risky, match: { attributes: { Thret: high } }, action: block }
  - { name: contractors, match: { userAttributes: { employeeType: contractor } }, action: quarantine }
compliance:
  - { name: patched, require: { attributes: { patch: ">= 2026-01-01" } } }
`;

  it('are named with their place and the nearest attribute', async () => {
    const lines = await warningsOf([], {
      file,
      attributes: { threat: 'low' },
      userAttributes: { cost: '1' },
    });
    expect(lines).toEqual([
      expect.stringMatching(
        /policy.yaml:3:.*no feed reports an attribute "thret" \(did you mean "threat"\?\)/i,
      ),
      expect.stringMatching(/policy.yaml:4:.*no feed reports an attribute "employeeType"/i),
      expect.stringMatching(/policy.yaml:6:.*no feed reports an attribute "patch"/),
    ]);
  });

  it('are found in expressions', async () => {
    const when =
      'rules: [{ name: a, when: \'has(device.attributes.thret) && user.attributes["team"] == "x" && device.attributes.threat == "low"\', action: block }]\n';
    expect(await warningsOf([], { file: when, attributes: { threat: 'low' } })).toEqual([
      expect.stringContaining('no feed reports an attribute "thret" (did you mean "threat"?)'),
      expect.stringContaining('no feed reports an attribute "team"'),
    ]);
  });

  it('are none where each was ever reported, or a feed of the configuration declares it', async () => {
    const reported = { file, attributes: { thret: 'low', PATCH: '2026-05-05' } };
    expect(await warningsOf([], { ...reported, userAttributes: { employeetype: 'x' } })).toEqual([]);
    const feeds =
      'feeds:\n  - { name: mdm, kind: files, path: x, mapping: { id: record.id, attributes: { thret: { value: record.t }, patch: { type: date, value: record.p } } } }\n' +
      '  - { name: ad, kind: ldap, urls: ["ldaps://127.0.0.1"], bindDn: x, password: y, baseDn: z, attributes: { employeeType: employeeType } }\n';
    expect(await warningsOf([], { file, feeds })).toEqual([]);
  });
});

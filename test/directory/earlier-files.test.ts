// Owns the promises of bringing SQLite files of earlier versions over when they are opened.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { stricterDecision } from '../../src/directory/earlier-records.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { readDecisionRecord } from '../../src/model/decision.ts';
import { BY_TEST, decision, deviceReport, seenPartnership } from '../support/servers/directory-records.ts';
import { allDevices, allUsers } from './contract/handles.ts';

const TEXT = 'appl1' as DeviceKey;
const HEX = '6170706c31' as DeviceKey;
const OTHER = 'phone9' as DeviceKey;
const alice = 'alice' as UserKey;
const smtp = 'a.smith@eas.test' as UserKey;

const report = (compliant: boolean, observedAt: number, more: object = {}): object => ({
  managed: true,
  compliant,
  model: null,
  source: 'mdm',
  version: observedAt,
  observedAt,
  stateSince: observedAt,
  ...more,
});
const decided = (action: string, expiresAt: number | null = null): object => ({
  action,
  owner: 'admin',
  reason: null,
  decidedAt: 5,
  expiresAt,
});
/** A wipe as version 1 wrote it: it names no partnerships. */
const wipe = (requestedAt: number, state = 'pending'): object => ({
  ...decided('wipe'),
  wipe: { requestedAt, state, acknowledgedAt: null, deviceStatus: null },
});
const seen = (firstSeen: number, lastSeen: number, more: object = {}): object => ({
  firstSeen,
  lastSeen,
  deviceType: 'iPhone',
  userAgent: null,
  protocolVersion: '16.1',
  lastVerdict: 'allow',
  lastReason: 'compliant',
  ...more,
});

interface Former {
  readonly devices?: readonly (readonly [DeviceKey, object | string])[];
  readonly users?: readonly (readonly [UserKey, object | string])[];
  readonly aliases?: readonly (readonly [UserKey, UserKey])[];
  readonly decisions?: readonly (readonly [DeviceKey, string, object | string])[];
  readonly partnerships?: readonly (readonly [DeviceKey, string, object | string])[];
}
const textOf = (record: object | string): string =>
  typeof record === 'string' ? record : JSON.stringify(record);

const folder = mkdtempSync(join(tmpdir(), 'easgate-earlier-'));
let count = 0;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a file as an earlier version left it. */
function write(version: 1 | 2, former: Former): string {
  const path = join(folder, `directory${count++}.db`);
  const database = new DatabaseSync(path);
  database.exec(`
    CREATE TABLE devices (key TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE users (key TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE aliases (alias TEXT PRIMARY KEY, user TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE partnerships (user TEXT NOT NULL, device TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (user, device)) WITHOUT ROWID;
    CREATE TABLE decisions (device TEXT NOT NULL, user TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (device, user)) WITHOUT ROWID;
    CREATE TABLE changes (id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT, user TEXT);
    INSERT INTO changes (device, user) VALUES ('before', NULL);
    PRAGMA user_version = ${version};`);
  const { devices = [], users = [], aliases = [], decisions = [], partnerships = [] } = former;
  for (const [key, record] of devices)
    database.prepare('INSERT INTO devices VALUES (?, ?)').run(key, textOf(record));
  for (const [key, record] of users)
    database.prepare('INSERT INTO users VALUES (?, ?)').run(key, textOf(record));
  for (const [alias, user] of aliases) database.prepare('INSERT INTO aliases VALUES (?, ?)').run(alias, user);
  for (const [device, user, record] of decisions)
    database.prepare('INSERT INTO decisions VALUES (?, ?, ?)').run(device, user, textOf(record));
  for (const [device, user, record] of partnerships)
    database.prepare('INSERT INTO partnerships VALUES (?, ?, ?)').run(user, device, textOf(record));
  database.close();
  return path;
}

async function opened(path: string, work: (store: EmbeddedStore) => Promise<void>): Promise<void> {
  const store = new EmbeddedStore(path);
  try {
    await work(store);
  } finally {
    await store.close();
  }
}

describe('a file of version 2', () => {
  it('keeps reports, users, names, decisions and partnerships', async () => {
    const path = write(2, {
      devices: [[TEXT, report(false, 20, { os: 'iOS 18', unmetRequirements: ['passcode'], stateSince: 10 })]],
      users: [[alice, { aliases: [smtp], groups: [] }]],
      aliases: [[smtp, alice]],
      decisions: [
        [TEXT, '', decided('block')],
        [TEXT, alice, decided('quarantine')],
      ],
      partnerships: [[TEXT, alice, seen(3, 9, { spellings: [TEXT, HEX] })]],
    });
    await opened(path, async (store) => {
      const found = await store.lookup(smtp, TEXT);
      expect(found).toMatchObject({
        user: alice,
        // It named no groups, as it could not: that is not the same as no groups.
        userRecord: { aliases: [smtp], groups: null, enabled: null },
        userDevices: [{ device: TEXT, firstSeen: 3, lastAllowed: 9 }],
        device: {
          source: 'mdm',
          compliant: false,
          os: 'iOS 18',
          unmetRequirements: ['passcode'],
          observedAt: 20,
        },
        deviceDecision: { action: 'block' },
        partnershipDecision: { action: 'quarantine' },
        partnership: { firstSeen: 3, lastSeen: 9, lastAllowed: 9, spellings: [TEXT, HEX] },
      });
      // Nobody gets a new time of grace.
      expect(found.device).toMatchObject({
        reportedSince: 10,
        managedUnmetSince: null,
        compliantUnmetSince: 10,
        encryptedUnmetSince: 10,
      });
      expect(await store.putDevices([deviceReport(TEXT, { observedAt: 30, compliant: false })])).toEqual([
        'news',
      ]);
      expect((await store.lookup(alice, TEXT)).device).toMatchObject({
        reportedSince: 10,
        compliantUnmetSince: 10,
      });
    });
  });

  it('goes on with its change log', async () => {
    await opened(write(2, { devices: [[TEXT, report(true, 1)]] }), async (store) => {
      expect(await store.position()).toBe('1');
      await store.decide({ device: TEXT, user: null }, decision('block'), BY_TEST);
      expect(await store.changesAfter('1')).toMatchObject({ changes: [{ device: TEXT }], trimmed: false });
    });
  });

  it('keeps records that are not understood: they still deny, and the next write ends them', async () => {
    const path = write(2, {
      devices: [
        [TEXT, '{"source":"jamf","managed":"yes"}'],
        [OTHER, 'nonsense'],
      ],
      users: [[alice, 'nonsense']],
      decisions: [[TEXT, '', 'nonsense']],
      partnerships: [[TEXT, alice, 'nonsense']],
    });
    await opened(path, async (store) => {
      expect((await store.lookup(alice, TEXT)).unreadable).toHaveLength(3);
      expect((await store.lookup('bob' as UserKey, OTHER)).unreadable).toHaveLength(1);
      await store.putDevices([deviceReport(TEXT, { source: 'jamf' }), deviceReport(OTHER)]);
      await store.putUsers([{ key: alice, source: 'import', observedAt: 1 }]);
      await store.decide({ device: TEXT, user: null }, null, BY_TEST);
      await store.recordSeen([seenPartnership(alice, TEXT, 5)]);
      expect(await store.unreadable()).toEqual([]);
    });
  });
});

describe('a file of version 1', () => {
  it('has everything under one key of each device, and nothing under the others', async () => {
    const path = write(1, {
      devices: [[HEX, report(false, 10, { model: 'iPhone' })]],
      decisions: [
        [HEX, '', decided('block')],
        [HEX, alice, decided('quarantine')],
        [OTHER, alice, decided('allow')],
      ],
      partnerships: [
        [HEX, alice, seen(3, 9)],
        [OTHER, alice, seen(4, 4)],
      ],
    });
    await opened(path, async (store) => {
      expect(await store.lookup(alice, TEXT)).toMatchObject({
        device: { compliant: false, model: 'iPhone' },
        deviceDecision: { action: 'block' },
        partnershipDecision: { action: 'quarantine' },
        partnership: { firstSeen: 3, spellings: [HEX] },
      });
      expect((await store.lookup(alice, OTHER)).partnershipDecision?.action).toBe('allow');
      expect((await allDevices(store)).map(({ key }) => key)).toEqual([TEXT, OTHER]);
      expect((await allUsers(store)).map(({ key }) => key)).toEqual([alice]);
      const { changes } = await store.changesAfter('1');
      expect(changes).toHaveLength(2);
      expect(changes).toEqual(
        expect.arrayContaining([
          { device: HEX, user: null },
          { device: TEXT, user: null },
        ]),
      );
    });
  });

  it('keeps the strictest decision that did not expire, the latest report and the first sight', async () => {
    const path = write(1, {
      devices: [
        [TEXT, report(true, 20, { model: 'iPhone' })],
        [HEX, report(false, 30)],
      ],
      decisions: [
        [TEXT, '', decided('allow')],
        [HEX, '', decided('block')],
        [TEXT, alice, decided('quarantine')],
        [HEX, alice, decided('block', 1)],
      ],
      partnerships: [
        [TEXT, alice, seen(5, 50, { model: 'new' })],
        [HEX, alice, seen(2, 40, { os: 'iOS' })],
      ],
    });
    await opened(path, async (store) => {
      expect(await store.lookup(alice, TEXT)).toMatchObject({
        device: { compliant: false, observedAt: 30, model: 'iPhone' },
        deviceDecision: { action: 'block' },
        partnershipDecision: { action: 'quarantine' },
        partnership: { firstSeen: 2, lastSeen: 50, model: 'new', os: 'iOS', spellings: [HEX, TEXT] },
      });
    });
  });

  it('keeps the reports of different sources apart', async () => {
    const path = write(1, {
      devices: [
        [TEXT, report(true, 20)],
        [HEX, report(false, 30, { source: 'jamf' })],
      ],
    });
    await opened(path, async (store) => {
      expect((await store.getDevice(TEXT))?.reports.map(({ source }) => source)).toEqual(['jamf', 'mdm']);
    });
  });

  it('names in a wipe who was seen under its spelling before it, and nobody as told', async () => {
    const path = write(1, {
      decisions: [
        [HEX, '', wipe(100)],
        [OTHER, alice, wipe(100)],
      ],
      partnerships: [
        [HEX, alice, seen(10, 20)],
        [HEX, 'late', seen(100, 200)],
        [TEXT, 'bob', seen(1, 1)],
        [OTHER, alice, seen(10, 20)],
        [OTHER, 'bob', seen(10, 20)],
      ],
    });
    await opened(path, async (store) => {
      const { deviceDecision } = await store.lookup(alice, TEXT);
      expect(deviceDecision).toMatchObject({
        wipe: { state: 'pending', partnerships: [{ user: 'alice', spellings: [HEX], toldAt: null }] },
      });
      expect(deviceDecision).not.toHaveProperty('wipe.suspended');
      expect((await store.lookup(alice, OTHER)).partnershipDecision).toMatchObject({
        wipe: { partnerships: [{ user: 'alice', spellings: [OTHER], toldAt: null }] },
      });
    });
  });

  it('loses no decision that it does not understand: the device is kept out', async () => {
    const path = write(1, {
      decisions: [
        [HEX, '', 'nonsense'],
        [TEXT, '', decided('allow')],
      ],
    });
    await opened(path, async (store) => {
      const { deviceDecision, unreadable } = await store.lookup(alice, TEXT);
      expect([deviceDecision, unreadable]).toEqual([null, [expect.stringContaining(TEXT)]]);
    });
  });

  it('is brought over once: what is written later stays as it is', async () => {
    const path = write(1, { decisions: [[HEX, '', decided('block')]] });
    await opened(path, async (store) => {
      await store.decide({ device: TEXT, user: null }, null, BY_TEST);
      await opened(path, async (again) => {
        expect((await again.lookup(alice, TEXT)).deviceDecision).toBeNull();
        expect(await again.position()).toBe(await store.position());
      });
    });
  });

  it('that cannot be brought over stays as it was', async () => {
    const path = write(1, { decisions: [[HEX, '', decided('block')]] });
    const database = new DatabaseSync(path);
    database.exec('DROP TABLE changes');
    database.close();
    expect(() => new EmbeddedStore(path)).toThrow(/changes/);
    const after = new DatabaseSync(path);
    expect(after.prepare('SELECT device FROM decisions').all()).toEqual([{ device: HEX }]);
    expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 });
    after.close();
  });
});

describe('the decision that is kept of several', () => {
  const action = fc.constantFrom('allow', 'quarantine', 'block', 'wipe');
  const made = fc.tuple(action, fc.constantFrom(null, 50, 5_000)).map(([kind, expiresAt]) => ({
    kind,
    live: kind === 'wipe' || expiresAt === null || expiresAt > 1_000,
    text: textOf(kind === 'wipe' ? wipe(7) : decided(kind, expiresAt)),
  }));

  it('is never less strict than any that was live under a spelling', () => {
    const order = ['allow', 'quarantine', 'block', 'wipe'];
    const seenBefore = { spelled: TEXT, partnerships: [] };
    fc.assert(
      fc.property(fc.array(made, { minLength: 1, maxLength: 4 }), (decisions) => {
        let kept: string | null = null;
        for (const { kind, text } of decisions)
          kept = stricterDecision(kept, text, {
            epoch: 1,
            now: 1_000,
            seen: kind === 'wipe' ? seenBefore : null,
          });
        const { decision } = readDecisionRecord(kept ?? '', 'kept', 1);
        for (const { kind, live } of decisions)
          if (live) expect(order.indexOf(decision?.action ?? '')).toBeGreaterThanOrEqual(order.indexOf(kind));
      }),
    );
  });
});

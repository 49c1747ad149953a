// Owns `easgate store migrate` for Redis: brings the layout with one key for each record (version 1) into the one with a hash for
// each device, and JSON records (version 2) into lines (record-rewrite.ts).
// Nothing is taken away before all is written, each step can be repeated, and the store gets its new identity last: a run that was
// interrupted is continued by the next.
import { deviceKey } from '../../identity/device.ts';
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { seenPartnership } from '../../model/partnership.ts';
import {
  userReportOf,
  joinedPartnership,
  laterReport,
  namesNobody,
  reportOf,
  stricterDecision,
} from '../earlier-records.ts';
import type { SeenBefore } from '../earlier-records.ts';
import { STORE_SCHEMA } from '../store-identity.ts';
import type { Migration } from '../store-keeper.ts';
import { joinUserDevices } from '../user-devices.ts';
import { commitValues } from './commit-values.ts';
import { byPartition, inParallel, updateHashes } from './hash-writer.ts';
import type { HashAccess, HashUpdate } from './hash-writer.ts';
import { readValues } from './lookup-batch.ts';
import { unpackHashes } from './packed-reply.ts';
import { isCluster } from './redis-cluster.ts';
import type { RedisClient } from './redis-cluster.ts';
import { identityText, readIdentity, replaceIdentity } from './redis-identity.ts';
import {
  PARTITIONS,
  decodeName,
  deviceField,
  encodeUser,
  partitionOfDevice,
  partitionOfUsers,
  userField,
} from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { rewriteDevices, rewriteUsers } from './record-rewrite.ts';
import { COMMIT, READ } from './record-scripts.ts';
import { runScript } from './run-script.ts';
import { keysOf, nameIn } from './scan.ts';
import { userDevicesIn, userDevicesText } from './stored-hashes.ts';

const SCAN_COUNT = 1_000;
/** The version since which devices are hashes. */
const HASHES_SINCE = 2;
/** A gateway of the earlier layout beats once a second. */
const QUIET_MS = 2_500;

/** Kinds of keys of the earlier layout, in the order in which they are brought over. */
const KINDS = ['device', 'decision', 'partnership', 'user', 'alias'] as const;
/** Keys of the earlier layout, without the records. */
const OTHERS = ['index:*', 'records-version', 'changes'];

/** A text under its name without prefix and kind. */
interface Earlier {
  readonly names: readonly string[];
  readonly text: string;
}

/** One run. */
export class RedisMigration {
  private readonly client: RedisClient;
  private readonly keys: RedisKeys;
  /** The epoch before; its wipes are suspended in the new one. */
  private epoch = 0;
  /** The text of the identity to be. */
  private known = '';

  constructor(client: RedisClient, keys: RedisKeys) {
    this.client = client;
    this.keys = keys;
  }

  /** `wait` waits for milliseconds. */
  async run(wait: (ms: number) => Promise<unknown>): Promise<Migration> {
    const { client, keys } = this;
    const { identity, text } = await readIdentity(client, keys);
    if (identity === null || identity.schema >= STORE_SCHEMA) {
      // An interrupted run may have left some.
      if (identity !== null) await this.removeEarlier();
      return { kind: 'done' };
    }
    const beat = await client.get(keys.beat);
    await wait(QUIET_MS);
    if ((await client.get(keys.beat)) !== beat) return { kind: 'inUse' };
    const next = { ...identity, schema: STORE_SCHEMA, epoch: identity.epoch + 1 };
    this.epoch = identity.epoch;
    if (identity.schema >= HASHES_SINCE) {
      this.known = text;
      const records = await this.rewriteAll();
      const isReplaced = await replaceIdentity(client, keys, text, next);
      return isReplaced ? { kind: 'migrated', records, identity: next } : { kind: 'changed' };
    }
    this.known = identityText(next);
    await client.mset(PARTITIONS.flatMap((partition) => [keys.schemaCopy(partition), this.known]));
    const migrated = { device: 0, decision: 0, partnership: 0, user: 0, alias: 0 };
    for (const kind of KINDS)
      for await (const batch of this.earlier(`${kind}:*`)) {
        await this.bringOver(kind, batch);
        migrated[kind] += batch.length;
      }
    if (!(await replaceIdentity(client, keys, text, next))) return { kind: 'changed' };
    await this.removeEarlier();
    return { kind: 'migrated', records: migrated, identity: next };
  }

  /** Returns how many hashes there are. */
  private async rewriteAll(): Promise<{ readonly devices: number; readonly users: number }> {
    const count = { devices: 0, users: 0 };
    for await (const found of keysOf(this.client, this.keys, 'd')) {
      const devices = found.map((key) => ({ key, device: nameIn(key) as DeviceKey }));
      const parts = byPartition(this.access, devices, ({ device }) => partitionOfDevice(device));
      await inParallel(this.access, parts, ({ items }) => rewriteDevices(this.access, items));
      count.devices += found.length;
    }
    for await (const found of keysOf(this.client, this.keys, 'u')) {
      const users = found.map((key) => ({ key, local: decodeName(nameIn(key)) ?? nameIn(key) }));
      const parts = byPartition(this.access, users, ({ local }) => partitionOfUsers(local));
      await inParallel(this.access, parts, ({ items }) => rewriteUsers(this.access, items));
      count.users += found.length;
    }
    return count;
  }

  private async bringOver(kind: (typeof KINDS)[number], batch: readonly Earlier[]): Promise<void> {
    if (kind === 'device' || kind === 'decision' || kind === 'partnership') {
      const seen = kind === 'decision' ? await this.seenBefore(batch) : new Map<string, SeenBefore>();
      const ofDevices = Map.groupBy(batch, ({ names }) => deviceKey(this.deviceIn(kind, names)));
      const parts = byPartition(this.access, ofDevices, ([device]) => partitionOfDevice(device));
      await inParallel(this.access, parts, ({ items }) =>
        updateHashes(
          this.access,
          items.flatMap(([device, records]) => this.updatesOf(kind, device, records, seen)),
          'd',
        ),
      );
    }
    if (kind !== 'device' && kind !== 'decision') {
      const fields = batch.flatMap((record) => userFieldOf(kind, record));
      const ofLocals = Map.groupBy(fields, ({ local }) => local);
      const parts = byPartition(this.access, ofLocals, ([local]) => partitionOfUsers(local));
      await inParallel(this.access, parts, ({ items }) =>
        updateHashes(
          this.access,
          items.map(([local, ofLocal]) => update(this.keys.users(local), joined(ofLocal))),
          'u',
        ),
      );
    }
  }

  private deviceIn(kind: 'device' | 'decision' | 'partnership', names: readonly string[]): string {
    return (kind === 'partnership' ? names[1] : names[0]) ?? '';
  }

  private updatesOf(
    kind: 'device' | 'decision' | 'partnership',
    device: DeviceKey,
    records: readonly Earlier[],
    seen: ReadonlyMap<string, SeenBefore>,
  ): HashUpdate[] {
    const key = this.keys.device(device);
    const joins = new Map<string, (before: string | null) => string | null>();
    const add = (field: string, join: (before: string | null) => string | null): void => {
      const first = joins.get(field);
      joins.set(field, first === undefined ? join : (before) => join(first(before)));
    };
    for (const { names, text } of records) {
      const spelled = this.deviceIn(kind, names);
      if (kind === 'device') {
        const report = reportOf(spelled, text);
        add(deviceField.report(report.source), (before) =>
          laterReport(device, report.source, before, report.text),
        );
      } else if (kind === 'decision') {
        const user = (names[1] ?? '') === '' ? null : earlierUser(names[1]);
        const context = {
          epoch: this.epoch,
          now: Date.now(),
          seen: seen.get(JSON.stringify(names)) ?? null,
        };
        add(deviceField.decision(user), (before) => stricterDecision(before, text, context));
      } else {
        const user = earlierUser(names[0]);
        add(deviceField.partnership(user), (before) => joinedPartnership(user, spelled, before, text));
      }
    }
    return [update(key, joins)];
  }

  /** For wipes that name no partnerships, by the names of the decision: the partnerships under the same spelling. */
  private async seenBefore(batch: readonly Earlier[]): Promise<Map<string, SeenBefore>> {
    const seen = new Map<string, SeenBefore>();
    for (const { names, text } of batch) {
      if (!namesNobody(text)) continue;
      const [spelled = '', user = ''] = names;
      const partnerships: SeenBefore['partnerships'][number][] = [];
      for await (const records of this.earlier(`partnership:${user === '' ? '*' : user}:${spelled}`))
        for (const { names: of, text: record } of records)
          partnerships.push({ user: earlierUser(of[0]), record });
      seen.set(JSON.stringify(names), { spelled, partnerships });
    }
    return seen;
  }

  /** Records of the earlier layout; keys that are no text are left out, but decisions and reports: these still deny. */
  private async *earlier(pattern: string): AsyncGenerator<readonly Earlier[]> {
    for await (const found of this.scan(pattern)) {
      const pipeline = this.client.pipeline();
      for (const key of found) pipeline.get(key);
      const replies = (await pipeline.exec()) ?? [];
      yield found.flatMap((key, index) => {
        const [error = null, text = null] = replies[index] ?? [];
        if (error !== null && !error.message.startsWith('WRONGTYPE')) throw error;
        const [kind = '', ...names] = key.slice(this.keys.prefix.length).split(':');
        if (typeof text === 'string') return [{ names, text }];
        return kind === 'device' || kind === 'decision' ? [{ names, text: NO_TEXT }] : [];
      });
    }
  }

  /** The earlier layout was never on a Cluster. */
  private async *scan(pattern: string): AsyncGenerator<readonly string[]> {
    const match = `${this.keys.prefix.replaceAll(/[\\*?[\]]/g, '\\$&')}${pattern}`;
    if (isCluster(this.client)) return;
    let cursor = '0';
    do {
      const [next, found] = await this.client.scan(cursor, 'MATCH', match, 'COUNT', SCAN_COUNT);
      cursor = next;
      if (found.length > 0) yield found;
    } while (cursor !== '0');
  }

  private async removeEarlier(): Promise<void> {
    for (const pattern of [...KINDS.map((kind) => `${kind}:*`), ...OTHERS])
      for await (const found of this.scan(pattern)) await this.client.unlink(...found);
  }

  /** On a Cluster with all keys that the scripts use (RedisGuard.script). */
  private named(names: readonly string[]): readonly string[] {
    return isCluster(this.client) ? [...names, ...this.keys.support(names[0] ?? '')] : names;
  }

  private readonly access: HashAccess = {
    read: async (wanted) => {
      const names = this.named(wanted.map(({ key }) => key));
      return unpackHashes(await runScript(this.client, READ, names, [this.known, ...readValues(wanted)]));
    },
    commit: async (changes, log) => {
      const names = this.named(changes.map(({ key }) => key));
      const values = [this.known, ...commitValues(changes, log)];
      return (await runScript(this.client, COMMIT, names, values)) as number[];
    },
  };
}

/** In place of a record whose key holds no text. */
const NO_TEXT = '"no text"';

/** Names of users were base64url of UTF-8. */
function earlierUser(encoded = ''): UserKey {
  return Buffer.from(encoded, 'base64url').toString('utf8') as UserKey;
}

function update(
  key: string,
  joins: ReadonlyMap<string, (before: string | null) => string | null>,
): HashUpdate {
  const fields = [...joins.keys()];
  return {
    key,
    fields,
    join: (stored) => ({
      fields: fields.map((field, index) => {
        const expected = stored?.[index] ?? null;
        return { field, expected, next: joins.get(field)?.(expected) ?? null };
      }),
      news: '',
    }),
  };
}

interface UserField {
  readonly local: string;
  readonly field: string;
  readonly join: (before: string | null) => string | null;
}

/** Users came from imports; a record that is not understood is kept. A partnership is a device of its user, too. */
function userFieldOf(kind: 'user' | 'alias' | 'partnership', { names, text }: Earlier): UserField[] {
  const name = earlierUser(names[0]);
  const local = foldedLocalPart(name);
  if (kind === 'alias') {
    const target = encodeUser(local, earlierUser(text));
    return [{ local, field: userField.alias(local, name), join: () => target }];
  }
  if (kind === 'user') {
    const report = userReportOf(name, text);
    return [{ local, field: userField.report(local, report.source, name), join: () => report.text }];
  }
  const device = deviceKey(names[1] ?? '');
  const seen = seenPartnership(name, device, joinedPartnership(name, names[1] ?? '', null, text));
  if (seen === null) return [];
  const join = (before: string | null): string =>
    userDevicesText(joinUserDevices([...(before === null ? [] : userDevicesIn(before)), seen]));
  return [{ local, field: userField.devices(local, name), join }];
}

/** Several of one field, one after the other. */
function joined(fields: readonly UserField[]): ReadonlyMap<string, UserField['join']> {
  const joins = new Map<string, UserField['join']>();
  for (const { field, join } of fields) {
    const first = joins.get(field);
    joins.set(field, first === undefined ? join : (before) => join(first(before)));
  }
  return joins;
}

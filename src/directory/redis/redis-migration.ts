// Owns the migration of older records in Redis, at the first start of any gateway. Each step rewrites the records of
// one device if they are unchanged. So several gateways may migrate at once, and an interrupted run is continued by the
// next.
import type { Redis } from 'ioredis';
import { deviceKey } from '../../identity/device.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { needsOneKey, underOneKey } from '../one-key.ts';
import type { StoredDevice } from '../one-key.ts';
import type { RedisGuard } from './redis-guard.ts';
import { decodeUser, encodeUser } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { REWRITE } from './redis-scripts.ts';

/** Version 2: one key per device, a set of the users with decisions per device, wipes that name their partnerships. */
const VERSION = 2;
const SCAN_COUNT = 1_000;
/** Most attempts to rewrite one device against other writers. */
const MAX_ATTEMPTS = 10;
const MAX_CHANGES = 100_000;

/** Users with records under one key of a device. */
interface Holders {
  readonly decisions: Set<UserKey>;
  readonly partnerships: Set<UserKey>;
}

/** One run. */
export class RedisMigration {
  private readonly client: Redis;
  private readonly guard: RedisGuard;
  private readonly keys: RedisKeys;
  private readonly holders = new Map<DeviceKey, Holders>();

  constructor(client: Redis, guard: RedisGuard, keys: RedisKeys) {
    this.client = client;
    this.guard = guard;
    this.keys = keys;
  }

  /** Does nothing when already done. Rejects when Redis does not answer, or a later version wrote the records. */
  async run(): Promise<void> {
    const version = Number((await this.client.get(this.keys.recordsVersion)) ?? 1);
    if (version > VERSION)
      throw new Error(
        `Redis: the records were written by a newer version of easgate (schema version ${version}): use that version`,
      );
    if (version === VERSION) return;
    await this.findHolders();
    for (const spelled of Map.groupBy(this.holders.keys(), deviceKey).values()) await this.bringOver(spelled);
    await this.client.set(this.keys.recordsVersion, VERSION);
  }

  private async findHolders(): Promise<void> {
    for await (const device of this.members(this.keys.deviceIndex)) this.holdersOf(device);
    for await (const member of this.members(this.keys.partnershipIndex)) {
      const [user = '', device = ''] = member.split(':');
      this.holdersOf(device).partnerships.add(decodeUser(user));
    }
    const begin = `${this.keys.prefix}decision:`;
    let cursor = '0';
    do {
      const pattern = `${begin.replaceAll(/[\\*?[\]]/g, '\\$&')}*`;
      const [next, found] = await this.client.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
      for (const name of found) {
        const [device = '', user = ''] = name.slice(begin.length).split(':');
        this.holdersOf(device).decisions.add(decodeUser(user));
      }
      cursor = next;
    } while (cursor !== '0');
  }

  private async *members(set: string): AsyncGenerator<string> {
    let cursor = '0';
    do {
      const [next, found] = await this.client.sscan(set, cursor, 'COUNT', SCAN_COUNT);
      yield* found;
      cursor = next;
    } while (cursor !== '0');
  }

  private holdersOf(device: string): Holders {
    const key = device as DeviceKey;
    let holders = this.holders.get(key);
    if (holders === undefined) {
      holders = { decisions: new Set(), partnerships: new Set() };
      this.holders.set(key, holders);
    }
    return holders;
  }

  private async bringOver(spelled: readonly DeviceKey[]): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      if (await this.rewrite(spelled)) return;
    }
    throw new Error(
      `the records of device ${spelled[0]} changed during every attempt to migrate them: start again`,
    );
  }

  /** False when another writer changed the records. */
  private async rewrite(spelled: readonly DeviceKey[]): Promise<boolean> {
    const canonical = deviceKey(spelled[0] ?? '');
    const alone = spelled.length === 1 && spelled[0] === canonical;
    if (alone && this.holdersOf(canonical).decisions.size === 0) return true;
    const before = new Map<string, string>();
    const stored: StoredDevice[] = [];
    // Includes what another gateway has already written under the one key.
    for (const key of new Set([...spelled, canonical])) stored.push(await this.read(key, spelled, before));
    const after = underOneKey(stored, Date.now(), this.guard.guard.epoch);
    const texts = new Map([...before.keys()].map((name) => [name, '']));
    if (after.record !== null) texts.set(this.keys.device(canonical), after.record);
    for (const { user, record } of after.decisions) texts.set(this.decisionName(canonical, user), record);
    for (const { user, record } of after.partnerships)
      texts.set(this.keys.partnership(user as UserKey, canonical), record);
    const moved = needsOneKey(stored);
    const changes = [...texts].filter(([name, text]) => text !== (before.get(name) ?? ''));
    const writes = moved
      ? changes.flatMap(([name, text]) => [this.short(name), before.get(name) ?? '', text])
      : [];
    const members = this.membersAfter(spelled, canonical, after);
    const values = [
      String(writes.length / 3),
      ...writes,
      String(members.length),
      ...members.flat(),
      String(MAX_CHANGES),
      ...(moved ? new Set([...spelled, canonical]) : []),
    ];
    return (await this.guard.script(REWRITE, values)) === 1;
  }

  private async read(
    key: DeviceKey,
    spelled: readonly DeviceKey[],
    before: Map<string, string>,
  ): Promise<StoredDevice> {
    const get = async (name: string): Promise<string | null> => {
      const text = await this.client.get(name);
      before.set(name, text ?? '');
      return text;
    };
    const record = await get(this.keys.device(key));
    const holders = [...new Set([...spelled, key])].map((spelling) => this.holdersOf(spelling));
    const listed = async (kind: keyof Holders, nameOf: (user: UserKey) => string) => {
      const rows: { user: string; record: string }[] = [];
      for (const user of new Set(holders.flatMap((one) => [...one[kind]]))) {
        const text = await get(nameOf(user));
        if (text !== null) rows.push({ user, record: text });
      }
      return rows;
    };
    return {
      key,
      record,
      decisions: await listed('decisions', (user) => this.decisionName(key, user)),
      partnerships: await listed('partnerships', (user) => this.keys.partnership(user, key)),
    };
  }

  private membersAfter(spelled: readonly DeviceKey[], canonical: DeviceKey, after: StoredDevice): string[][] {
    const { deviceIndex, partnershipIndex } = this.keys;
    const [devices, partnerships] = [this.short(deviceIndex), this.short(partnershipIndex)];
    const members: string[][] = [];
    if (after.record !== null || after.decisions.length > 0) members.push([devices, 'SADD', canonical]);
    for (const { user } of after.decisions)
      if (user !== '') members.push([`index:decisions:${canonical}`, 'SADD', encodeUser(user)]);
    for (const { user } of after.partnerships)
      members.push([partnerships, 'SADD', `${encodeUser(user)}:${canonical}`]);
    for (const key of spelled) {
      if (key === canonical) continue;
      members.push([devices, 'SREM', key]);
      for (const user of this.holdersOf(key).partnerships)
        members.push([partnerships, 'SREM', `${encodeUser(user)}:${key}`]);
    }
    return members;
  }

  private decisionName(device: DeviceKey, user: string): string {
    return this.keys.decision(user === '' ? null : (user as UserKey), device);
  }

  private short(name: string): string {
    return name.slice(this.keys.prefix.length);
  }
}

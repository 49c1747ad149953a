// Owns the names of the Redis keys. The schema is public: docs/reference/directory.md.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';

/**
 * User names may contain any character, so they are encoded as base64url: no name can produce another key. Device keys
 * are letters and digits.
 */
export function encodeUser(user: string): string {
  return Buffer.from(user, 'utf8').toString('base64url');
}

/** Reverses {@link encodeUser}. */
export function decodeUser(encoded: string): UserKey {
  return Buffer.from(encoded, 'base64url').toString('utf8') as UserKey;
}

/** All keys under one prefix. */
export class RedisKeys {
  readonly changes: string;
  readonly deviceIndex: string;
  readonly partnershipIndex: string;
  /** Version, id and epoch of the store; and its beat. */
  readonly schema: string;
  readonly beat: string;
  /** Version of the records. */
  readonly recordsVersion: string;
  readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
    this.schema = `${prefix}schema`;
    this.beat = `${prefix}beat`;
    this.changes = `${prefix}changes`;
    this.deviceIndex = `${prefix}index:devices`;
    this.partnershipIndex = `${prefix}index:partnerships`;
    this.recordsVersion = `${prefix}records-version`;
  }

  device(key: DeviceKey): string {
    return `${this.prefix}device:${key}`;
  }

  user(key: UserKey): string {
    return `${this.prefix}user:${encodeUser(key)}`;
  }

  alias(alias: string): string {
    return `${this.prefix}alias:${encodeUser(alias)}`;
  }

  partnership(user: UserKey, device: DeviceKey): string {
    return `${this.prefix}partnership:${encodeUser(user)}:${device}`;
  }

  secret(name: string): string {
    return `${this.prefix}secret:${name}`;
  }

  /** Encoded users of the device with decisions on their partnerships. */
  decisionIndex(device: DeviceKey): string {
    return `${this.prefix}index:decisions:${device}`;
  }

  /** `user` null = for every user of the device. */
  decision(user: UserKey | null, device: DeviceKey): string {
    return `${this.prefix}decision:${device}:${user === null ? '' : encodeUser(user)}`;
  }
}

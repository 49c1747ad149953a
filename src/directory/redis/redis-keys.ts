// Owns the names of the Redis keys and of the fields in their hashes. They are public: docs/reference/directory-schema.md.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { localPart } from '../../identity/user-names.ts';
import { crc16 } from './crc16.ts';

/** Partitions of devices: 0 to 15; and of users: 16 to 31. Part of the layout, like the hash. */
const FOR_DEVICES = 16;
const FOR_USERS = 16;

/** All partitions. */
export const PARTITIONS: readonly number[] = [...Array(FOR_DEVICES + FOR_USERS).keys()];
/** Those of devices. */
export const DEVICE_PARTITIONS: readonly number[] = PARTITIONS.slice(0, FOR_DEVICES);

/** The partition of a device, and of its partnerships and decisions. */
export function partitionOfDevice(device: DeviceKey): number {
  return crc16(device) % FOR_DEVICES;
}

/** The partition of the users whose names have this local part, folded (identity/user-names.ts). */
export function partitionOfUsers(local: string): number {
  return FOR_DEVICES + (crc16(encodeName(local)) % FOR_USERS);
}

/** Anything but printable ASCII, and what has a meaning in names: `%`, `:`, `~` and space. */
const ENCODED = /[^!-$&-9;-}]+/gu;
const PLAIN = /^[!-$&-9;-}]*$/;

/**
 * A name of a user or a source as it stands in keys and fields. Percent-encoded (RFC 3986 section 2.1) are `%`, `:`, `~`, space,
 * control characters and what is not ASCII, so that no name can produce another key or field.
 */
export function encodeName(name: string): string {
  return PLAIN.test(name) ? name : name.toWellFormed().replaceAll(ENCODED, percentEncoded);
}

/** `~` is encoded here, too. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text).replaceAll('~', '%7E');
}

/** Reverses {@link encodeName}; null = no name is encoded so. */
export function decodeName(encoded: string): string | null {
  if (!encoded.includes('%')) return PLAIN.test(encoded) ? encoded : null;
  try {
    const name = decodeURIComponent(encoded);
    return encodeName(name) === encoded ? name : null;
  } catch {
    return null;
  }
}

/** A user in the hash of a folded local part: `~` stands for that part, where the name has it as it is. */
export function encodeUser(local: string, user: UserKey): string {
  if (localPart(user) !== local) return encodeName(user);
  const at = user.length - local.length;
  return user.endsWith(local) && (at === 0 || user[at - 1] === '\\')
    ? `${encodeName(user.slice(0, at))}~`
    : `~${encodeName(user.slice(local.length))}`;
}

/** Whether a user is encoded as nearly all are: `~` alone, or with a domain behind it, and nothing in the name that is encoded. */
function beginsPlain(local: string, encoded: string): boolean {
  if (!encoded.startsWith('~') || !PLAIN.test(local) || local.includes('\\') || local.includes('@'))
    return false;
  const domain = encoded.slice(1);
  return domain === '' || (domain.lastIndexOf('@') === 0 && PLAIN.test(domain) && !domain.includes('\\'));
}

/** Reverses {@link encodeUser}; null = no user is encoded so. */
export function decodeUser(local: string, encoded: string): UserKey | null {
  if (beginsPlain(local, encoded)) return (local + encoded.slice(1)) as UserKey;
  const name = decodeName(encoded.replace('~', () => encodeName(local)));
  return name !== null && encodeUser(local, name as UserKey) === encoded ? (name as UserKey) : null;
}

/** Fields of the hash of a device. */
export const deviceField = {
  report: (source: string): string => `r:${encodeName(source)}`,
  partnership: (user: UserKey): string => `p:${encodeName(user)}`,
  /** `user` null = the decision on the device. */
  decision: (user: UserKey | null): string => (user === null ? 'm' : `m:${encodeName(user)}`),
  imported: (source: string, user: UserKey | null): string =>
    user === null ? `m@${encodeName(source)}` : `m@${encodeName(source)}:${encodeName(user)}`,
} as const;

/** Fields of the hash of the users with one folded local part. */
export const userField = {
  report: (local: string, source: string, user: UserKey): string =>
    `r:${encodeName(source)}:${encodeUser(local, user)}`,
  alias: (local: string, name: UserKey): string => `a:${encodeUser(local, name)}`,
  decision: (local: string, user: UserKey): string => `m:${encodeUser(local, user)}`,
  imported: (local: string, source: string, user: UserKey): string =>
    `m@${encodeName(source)}:${encodeUser(local, user)}`,
  devices: (local: string, user: UserKey): string => `d:${encodeUser(local, user)}`,
} as const;

/** The partition whose log says that the policy changed. */
const POLICY_PARTITION = 0;
/** The partition of the identity on a Cluster. */
export const IDENTITY_PARTITION = 0;
/** The partition of the lease, of the locks, of the deliveries and of the notes. */
const LEASE_PARTITION = 0;

/** All keys under one prefix. */
export class RedisKeys {
  readonly prefix: string;
  /** Version, id and epoch of the store; and its beat. */
  readonly schema: string;
  readonly beat: string;
  /** What the names of the keys in each partition begin with. */
  private readonly bases: readonly string[];

  /** On a Cluster, what is written together must be in one slot: there the identity is in that of the first partition. */
  constructor(prefix: string, onCluster = false) {
    this.prefix = prefix;
    const identity = onCluster ? `${prefix}{${IDENTITY_PARTITION}}:store:` : prefix;
    this.schema = `${identity}schema`;
    this.beat = `${identity}beat`;
    // The braces keep a partition in one slot of a Redis Cluster (Redis Cluster specification, hash tags).
    this.bases = PARTITIONS.map((partition) => `${prefix}{${partition}}:`);
  }

  base(partition: number): string {
    return this.bases[partition] ?? '';
  }

  /** The change stream of a partition. */
  changes(partition: number): string {
    return `${this.base(partition)}changes`;
  }

  /** A partition's copy of `schema`. */
  schemaCopy(partition: number): string {
    return `${this.base(partition)}schema`;
  }

  device(key: DeviceKey, partition = partitionOfDevice(key)): string {
    return `${this.base(partition)}d:${key}`;
  }

  /** The users whose names have this local part, folded. */
  users(local: string, partition = partitionOfUsers(local)): string {
    return `${this.base(partition)}u:${encodeName(local)}`;
  }

  /** Keys of a partition that scripts use besides those they are called with. */
  support(key: string): readonly string[] {
    const base = key.slice(0, key.indexOf('}:') + 2);
    return [`${base}schema`, `${base}changes`];
  }

  /** The versions of the policy. */
  get policies(): string {
    return `${this.base(POLICY_PARTITION)}policy`;
  }

  /** The lease of the leader, and how many leaders there were. */
  get lease(): string {
    return `${this.base(LEASE_PARTITION)}lease`;
  }

  get leaseCount(): string {
    return `${this.base(LEASE_PARTITION)}leases`;
  }

  /** Tokens, sessions and set-up links of the admin API. */
  get accounts(): string {
    return `${this.base(LEASE_PARTITION)}accounts`;
  }

  /** A lock by name. */
  lock(name: string): string {
    return `${this.base(LEASE_PARTITION)}lock:${encodeName(name)}`;
  }

  /** Deliveries to a feed that were carried out. */
  deliveries(feed: string): string {
    return `${this.base(LEASE_PARTITION)}deliveries:${encodeName(feed)}`;
  }

  /** Answers to pushes of a feed, and their ends. */
  pushes(feed: string): readonly [answers: string, ends: string] {
    const base = `${this.base(LEASE_PARTITION)}pushes:${encodeName(feed)}`;
    return [base, `${base}:ends`];
  }

  /** Notes about changed decisions. */
  get notes(): string {
    return `${this.base(LEASE_PARTITION)}notes`;
  }

  /** Writes of earlier leaders than this one are refused in a partition. */
  fence(partition: number): string {
    return `${this.base(partition)}fence`;
  }

  secret(name: string): string {
    return `${this.prefix}secret:${name}`;
  }
}

// Owns what the directory notices when it records that a partnership was seen: signs that an operator asks about later.
import type { DeviceKey, UserKey } from '../identity/keys.ts';

interface OfPartnership {
  readonly user: UserKey;
  readonly device: DeviceKey;
}

/** A partnership that was known came under another spelling of its device id. */
interface NewSpelling extends OfPartnership {
  readonly kind: 'device_respelled';
  /** All its spellings. */
  readonly spellings: readonly string[];
}

/** The verdict on a known partnership is another one than when it was last recorded, by any gateway. */
interface VerdictChange extends OfPartnership {
  readonly kind: 'verdict_changed';
  readonly before: { readonly action: string; readonly reason: string };
  readonly after: { readonly action: string; readonly reason: string };
}

/** A known device has a further user, under a name that none of the others can be. */
interface SharedDevice extends OfPartnership {
  readonly kind: 'device_shared';
  /** How many names were seen with it. */
  readonly users: number;
}

/** The User-Agent of a known partnership changed once more, and {@link OFTEN} times or more within a day. */
interface AgentChange extends OfPartnership {
  readonly kind: 'agent_changed';
  /** Changes within a day; no more are counted than are remembered. */
  readonly changes: number;
  readonly userAgent: string | null;
}

/** A user came with a new device, and has {@link MANY_DEVICES} or more. */
interface ManyDevices extends OfPartnership {
  readonly kind: 'many_devices';
  readonly devices: number;
}

/** What the directory noticed about a partnership. */
export type PartnershipSignal = NewSpelling | VerdictChange | SharedDevice | AgentChange | ManyDevices;

/** A phone whose mail app is updated changes its User-Agent once; so many changes in a day are two clients in turn. */
export const OFTEN = 3;
/** Few people have so many devices; a user who invents ids soon has more. */
export const MANY_DEVICES = 10;

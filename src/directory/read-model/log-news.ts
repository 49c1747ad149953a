// Owns what the change log says while a read model is built: names of devices and users to read again, bounded in number.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { DirectoryStore, LogPosition } from '../store.ts';

/** More names than this are not kept: another build is faster than reading them one by one. */
const MAX_NAMES = 50_000;
/** Reads of the log at once; writers may be faster. */
const MAX_READS = 50;

/** Collects names from a position on. */
export class LogNews {
  readonly users = new Set<UserKey>();
  readonly devices = new Set<DeviceKey>();
  position: LogPosition;
  /** Some changes are not known any more. */
  isLost = false;
  private readonly store: DirectoryStore;

  constructor(store: DirectoryStore, position: LogPosition) {
    this.store = store;
    this.position = position;
  }

  /** Takes what is in the log; does not wait for changes. */
  async take(): Promise<void> {
    for (let reads = 0; reads < MAX_READS && !this.isLost; reads++) {
      if (!this.store.isBefore(this.position, await this.store.position())) return;
      const { changes, position, trimmed } = await this.store.changesAfter(this.position);
      this.position = position;
      for (const { device, user } of changes) {
        if (device !== null) this.devices.add(device);
        else if (user !== null) this.users.add(user);
      }
      if (trimmed || this.devices.size + this.users.size > MAX_NAMES) this.lose();
    }
  }

  private lose(): void {
    this.isLost = true;
    this.devices.clear();
    this.users.clear();
  }
}

// Owns the memory of which phones have the quarantine mailbox, for the requests that do not tell: a Ping or Sync without a
// body repeats the last one (MS-ASCMD 2.2.1.13, 2.2.1.21), and the mail server's last one is of the time before quarantine.
import { LRUCache } from 'lru-cache';
import type { DeviceKey, UserKey } from '../identity/keys.ts';

/** A phone that is forgotten, or was shown it by another worker, is led to start over by its next request with a body. */
const MAX_PHONES = 20_000;

/** Phones that were shown the quarantine mailbox and have not asked for their folders since. */
export class ShownMailboxes {
  private readonly phones = new LRUCache<string, true>({ max: MAX_PHONES });

  /** The phone was answered from the quarantine mailbox. */
  add(user: UserKey, device: DeviceKey): void {
    this.phones.set(`${user}\0${device}`, true);
  }

  /** Whether the phone has to start over. */
  has(user: UserKey, device: DeviceKey): boolean {
    return this.phones.size > 0 && this.phones.has(`${user}\0${device}`);
  }

  /** The phone starts over. */
  delete(user: UserKey, device: DeviceKey): void {
    if (this.phones.size > 0) this.phones.delete(`${user}\0${device}`);
  }
}

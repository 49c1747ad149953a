// Owns one look-up under way: the changes that were applied meanwhile and may make its answer outdated.
import { foldedLocalPart } from '../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { ChangeBatch, DirectoryStore, LogPosition, LookupResult } from './store.ts';

/** A look-up of a user with a device. */
export class LookupFlight {
  readonly user: UserKey;
  readonly device: DeviceKey;
  readonly deviceType: string | null;
  /** Nobody waits for it any more. */
  over = false;
  /** The store is asked. Before, changes do not matter: tens of thousands may wait for a place while a feed writes hundreds of batches a second. */
  private isAsked = false;
  /** Changes were lost: everything read before is invalid, at any position of the log. */
  private dropped = false;
  /** Position up to which the change log was applied when the look-up began; null = nothing was applied yet. */
  private appliedBefore: LogPosition | null = null;
  /** The end of the latest changes that were applied while the look-up was under way, and may concern it. */
  private changedAt: LogPosition | null = null;
  /** The device is among them. */
  private deviceChanged = false;
  /** Folded local parts of the users among them: whose user the login is, is known only when the look-up ends. */
  private changedUsers: ReadonlySet<string>[] | null = null;

  constructor(user: UserKey, device: DeviceKey, deviceType: string | null) {
    this.user = user;
    this.device = device;
    this.deviceType = deviceType;
  }

  /** The store is asked from now on: changes before this moment do not matter. `applied`: position up to which the change log was applied. */
  begin(applied: LogPosition | null): void {
    this.isAsked = true;
    this.appliedBefore = applied;
    this.changedAt = null;
    this.deviceChanged = false;
    this.changedUsers = null;
    this.dropped = false;
  }

  /** Changes were applied while the look-up is under way; `users` are folded local parts. */
  noteChanges(devices: ReadonlySet<string>, users: ReadonlySet<string>, batch: ChangeBatch): void {
    if (!this.isAsked) return;
    const concernsDevice = devices.has(this.device);
    if (concernsDevice) this.deviceChanged = true;
    if (users.size > 0) (this.changedUsers ??= []).push(users);
    if (concernsDevice || users.size > 0) this.changedAt = batch.position;
    if (batch.trimmed) this.dropped = true;
  }

  /**
   * Whether the result is older than a change that was applied, so that it must not be cached: its log position is compared. A replica or a
   * new primary may also return facts older than what was applied when the look-up began.
   */
  isOvertaken(result: LookupResult, store: Pick<DirectoryStore, 'isBefore'>): boolean {
    const { appliedBefore } = this;
    const { position } = result;
    if (this.dropped || (appliedBefore !== null && store.isBefore(position, appliedBefore))) return true;
    const changedAt = this.changeOf(result);
    return changedAt !== null && store.isBefore(position, changedAt);
  }

  /** The end of the latest changes that concern the device, or a name of its user; null = there were none. */
  private changeOf(result: LookupResult): LogPosition | null {
    if (this.deviceChanged) return this.changedAt;
    if (this.changedUsers === null) return null;
    const names = [this.user, result.user, ...(result.userRecord?.aliases ?? [])].map(foldedLocalPart);
    return this.changedUsers.some((users) => names.some((name) => users.has(name))) ? this.changedAt : null;
  }
}

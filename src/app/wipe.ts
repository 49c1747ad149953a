// Owns the use case of a wipe: what would be erased and which devices get the order (the plan), and the order, which names exactly
// what the plan showed and needs the device id once more.
import { MAX_WIPE_PARTNERSHIPS } from '../directory/earlier-records.ts';
import type { PartnershipRecord } from '../model/partnership.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { deviceListing, partnershipListings } from './device-views.ts';
import type { DeviceListing, PartnershipListing } from './device-views.ts';
import { clientFamily } from '../eas/refusals.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { deviceKey } from '../identity/device.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { WipeDecision } from '../model/decision.ts';
import type { Subject } from './decide.ts';
import { decidedBefore, overwrite, overwritten } from './write-decision.ts';
import type { Decided } from './write-decision.ts';
import { deviceNotFound } from './device-details.ts';
import { canonicalUser, parseDevice, target } from './names.ts';

/** The only protocol version with an account-only wipe (MS-ASPROV 2.2.2.1). */
export const ACCOUNT_ONLY_VERSION = '16.1';

/** A request for a wipe. */
export interface WipeRequest extends Subject {
  readonly reason: string;
  /** Erase only the mail account of one user. */
  readonly accountOnly: boolean;
  /** For a device id with several users: send the order to each of them. */
  readonly allUsers: boolean;
}

/** The effect of a wipe; nothing is written yet. */
export interface WipePlan {
  readonly device: DeviceKey;
  /** The user whose partnership gets the wipe; null = the device, for all users. */
  readonly user: UserKey | null;
  readonly accountOnly: boolean;
  readonly reason: string;
  readonly listing: DeviceListing | null;
  /** All partnerships of the device. */
  readonly partnerships: readonly PartnershipListing[];
  /** Partnerships that get the order, in the order of their first contact. */
  readonly named: readonly PartnershipListing[];
  /** The decisions that it replaces. */
  readonly replaces: readonly Decided[];
  /** Outlook mobile is among the clients: it carries out only account-only wipes. */
  readonly hasOutlookMobile: boolean;
}

/** The wipe is ambiguous: `missing` says what the caller must specify. */
export class WipeUserError extends ProgramError {
  /** `user`: whose device; `account`: whose account; null = the user was never seen with the device. */
  readonly missing: 'user' | 'account' | null;
  constructor(message: string, missing: 'user' | 'account' | null) {
    super('EASGATE_WIPE_USER', message);
    this.missing = missing;
  }
}

/** Plans a wipe. @throws ProgramError when it cannot be ordered */
export async function planWipe(store: DirectoryStore, request: WipeRequest): Promise<WipePlan> {
  const { reason, accountOnly } = request;
  const device = parseDevice(request.device);
  if (reason.trim() === '') throw new ProgramError('EASGATE_REASON', 'a wipe needs a reason');
  const entry = await store.getDevice(device);
  if (entry === null) throw await deviceNotFound(store, device);
  const partnerships = partnershipListings(entry);
  const user = await chooseUser(store, device, partnerships, request);
  const { replaced } = await overwritten(store, device, user);
  return {
    device,
    user,
    accountOnly,
    reason,
    listing: deviceListing(entry),
    partnerships,
    named: namedBy(store, partnerships, user),
    replaces: replaced,
    hasOutlookMobile: partnerships.some(({ record }) => isOutlookMobile(record)),
  };
}

/**
 * Orders the planned wipe. `confirmation`: the device id, typed again in any spelling. @throws ProgramError when it is another
 * id, or the decision changed since the plan was made
 */
export async function orderWipe(
  store: DirectoryStore,
  plan: WipePlan,
  {
    owner,
    via,
    confirmation,
  }: { readonly owner: string; readonly via: string; readonly confirmation: string },
  audit: AuditSink,
): Promise<WipeDecision> {
  const { device, user, accountOnly, reason, named, replaces } = plan;
  if (deviceKey(confirmation.trim()) !== device)
    throw new ProgramError('EASGATE_WIPE_CONFIRM', `not confirmed: that is not ${device}; nothing was done`);
  const now = Date.now();
  const decision: WipeDecision = {
    action: accountOnly ? 'accountWipe' : 'wipe',
    owner,
    reason,
    decidedAt: now,
    expiresAt: null,
    wipe: {
      requestedAt: now,
      partnerships: named.map(({ record }) => ({
        user: record.user,
        spellings: record.spellings,
        toldAt: null,
      })),
      state: 'pending',
      acknowledgedAt: null,
      deviceStatus: null,
      acknowledgedBy: null,
    },
  };
  const origin = { by: owner, via, at: now };
  await overwrite(store, device, user, replaces, decision, origin, (before) =>
    audit.record({
      ...origin,
      operation: 'wipe',
      device,
      user,
      before: decidedBefore(before),
      after: decision,
      comment: reason,
    }),
  );
  return decision;
}

/** The partnerships of the wipe: those known now, in the order of their first contact. */
function namedBy(
  store: DirectoryStore,
  partnerships: readonly PartnershipListing[],
  user: UserKey | null,
): PartnershipListing[] {
  return partnerships
    .filter(({ record }) => user === null || store.names.same(record.user, user))
    .sort((a, b) => a.record.firstSeen - b.record.firstSeen)
    .slice(0, MAX_WIPE_PARTNERSHIPS);
}

/** The user whose partnership gets the wipe; null = the device, for all users. */
async function chooseUser(
  store: DirectoryStore,
  device: DeviceKey,
  partnerships: readonly PartnershipListing[],
  { user: name, accountOnly, allUsers }: WipeRequest,
): Promise<UserKey | null> {
  const users = partnerships.map(({ record }) => record.user);
  if (name === undefined && users.length > 1 && (accountOnly || !allUsers))
    throw new WipeUserError(
      `${device} is used by ${users.join(', ')}: whose ${accountOnly ? 'account' : 'phone'}?`,
      accountOnly ? 'account' : 'user',
    );
  if (name === undefined && !accountOnly) return null;
  const user = (await canonicalUser(store, device, name)) ?? users[0];
  const seen = partnerships.filter(({ record }) => user !== undefined && store.names.same(record.user, user));
  if (user === undefined || seen.length === 0) {
    const who = user === undefined ? 'no user was ever' : `${user} was never`;
    const alike = users.filter((other) => user !== undefined && store.names.mayBeSame(other, user));
    const hint = alike.length === 0 ? '' : `; ${alike.join(', ')} was: a wipe is for exact names`;
    throw new WipeUserError(`${who} seen with ${device}${hint}`, null);
  }
  if (accountOnly) for (const { record } of seen) requireAccountOnly(record);
  return user;
}

function requireAccountOnly({ user, device, protocolVersion }: PartnershipRecord): void {
  if (protocolVersion === ACCOUNT_ONLY_VERSION) return;
  const version = protocolVersion === null ? 'an unknown protocol version' : `version ${protocolVersion}`;
  throw new ProgramError(
    'EASGATE_WIPE_VERSION',
    `${target(device, user)} was last seen with ${version}: only clients of ${ACCOUNT_ONLY_VERSION} know an account-only ` +
      'wipe, older ones ignore it; block the device, or wipe all of it',
  );
}

function isOutlookMobile({ userAgent, deviceType }: PartnershipRecord): boolean {
  return clientFamily(userAgent, deviceType) === 'outlook';
}

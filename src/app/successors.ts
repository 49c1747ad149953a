// Owns the devices that look like one phone before and after a reset, and the copying of decisions from the older to the newer.
import type { DeviceEntry, DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { EventSink } from '../journal/event-sink.ts';
import type { AccessDecision, DecisionOrigin } from '../model/decision.ts';
import type { PartnershipRecord } from '../model/partnership.ts';
import { isWipe } from '../model/wipe.ts';
import { write } from './write-decision.ts';
import { deviceNotFound } from './device-details.ts';
import { parseDevice } from './names.ts';

/** Most other devices of a user that are compared: somebody with more is no case of one reset phone. */
const MAX_DEVICES = 50;

/** Another device of a user that may be the same phone. Times: milliseconds since the epoch. */
export interface Relative {
  readonly device: DeviceKey;
  readonly user: UserKey;
  readonly deviceType: string;
  readonly model: string | null;
  readonly firstSeen: number;
  readonly lastSeen: number;
}

/** What a phone may have been, and what it may have become. */
export interface Succession {
  /** Not seen any more since this device was first seen; the one seen last is first. */
  readonly predecessors: readonly Relative[];
  /** First seen after this device was last seen; the one seen first is first. */
  readonly successors: readonly Relative[];
}

/** The relatives of a device by its key; none where it is not known. */
export async function successionAt(store: DirectoryStore, device: DeviceKey): Promise<Succession> {
  const entry = await store.getDevice(device);
  return entry === null ? { predecessors: [], successors: [] } : successionOf(store, entry);
}

/** The relatives of a device: same user, type and model, one not seen since the other was first seen. */
export async function successionOf(store: DirectoryStore, entry: DeviceEntry): Promise<Succession> {
  const [predecessors, successors]: [Relative[], Relative[]] = [[], []];
  for (const own of entry.partnerships) {
    const model = own.model ?? entry.record?.model ?? null;
    if (model === null) continue;
    for (const other of await otherDevices(store, own)) {
      const found = other.partnerships.find(({ user }) => user === own.user);
      if (found === undefined || found.deviceType !== own.deviceType) continue;
      if ((found.model ?? other.record?.model ?? null) !== model) continue;
      const { device, user, deviceType, firstSeen, lastSeen } = found;
      const relative = { device, user, deviceType, model, firstSeen, lastSeen };
      if (lastSeen < own.firstSeen) predecessors.push(relative);
      else if (firstSeen > own.lastSeen) successors.push(relative);
    }
  }
  return {
    predecessors: predecessors.sort((a, b) => b.lastSeen - a.lastSeen),
    successors: successors.sort((a, b) => a.firstSeen - b.firstSeen),
  };
}

async function otherDevices(
  store: DirectoryStore,
  { user, device }: PartnershipRecord,
): Promise<readonly DeviceEntry[]> {
  const devices = (await store.getUser(user))?.devices ?? [];
  if (devices.length > MAX_DEVICES) return [];
  const others = devices.map((one) => one.device).filter((one) => one !== device);
  return (await Promise.all(others.map((one) => store.getDevice(one)))).filter((entry) => entry !== null);
}

/** A decision of the older device, and what was done with it. */
export interface CopiedDecision {
  /** Null = on the device, for every user. */
  readonly user: UserKey | null;
  readonly decision: AccessDecision;
}

/** What was copied. */
export interface AcceptResult {
  readonly device: DeviceKey;
  readonly from: DeviceKey;
  readonly copied: readonly CopiedDecision[];
  /** Left as they are, because the newer device has a decision of its own there. */
  readonly kept: readonly CopiedDecision[];
}

/**
 * Copies the decisions on a phone before its reset to the device that it is now: those in force, on the device and on the user
 * they share. Wipes are never copied. `from` null = the only predecessor. `dryRun` writes nothing. @throws ProgramError
 */
export async function acceptSuccessor(
  store: DirectoryStore,
  id: string,
  from: string | null,
  { dryRun, ...origin }: DecisionOrigin & { readonly dryRun: boolean },
  sinks: { readonly audit: AuditSink; readonly events: EventSink },
): Promise<AcceptResult> {
  const device = parseDevice(id);
  const entry = await store.getDevice(device);
  if (entry === null) throw await deviceNotFound(store, device);
  const before = predecessorOf(device, await successionOf(store, entry), from);
  const old = await store.getDevice(before.device);
  const copied: CopiedDecision[] = [];
  const kept: CopiedDecision[] = [];
  for (const one of old === null ? [] : decisionsInForce(old, before.user, origin.at)) {
    const own = one.user === null ? entry.decided : entry.decidedByUser.get(one.user);
    if ((own?.decision ?? null) !== null) {
      kept.push(one);
      continue;
    }
    const decision = { ...one.decision, owner: origin.by, decidedAt: origin.at };
    if (!dryRun)
      await write(store, device, one.user, decision, origin, () =>
        sinks.audit.record({
          ...origin,
          operation: 'decision_accept',
          device,
          user: one.user,
          subject: `from ${before.device}`,
          after: decision,
          comment: decision.reason,
        }),
      );
    copied.push({ user: one.user, decision });
  }
  if (!dryRun && copied.length > 0)
    await sinks.events.happened({
      at: origin.at,
      kind: 'successor_accepted',
      user: before.user,
      device,
      facts: { from: before.device, decisions: copied.length, by: origin.by },
    });
  return { device, from: before.device, copied, kept };
}

/** @throws ProgramError when there is none, or more than one to choose from */
function predecessorOf(
  device: DeviceKey,
  { predecessors, successors }: Succession,
  from: string | null,
): Relative {
  const wanted = from === null ? null : parseDevice(from);
  const found = predecessors.filter((one) => wanted === null || one.device === wanted);
  const [first] = found;
  if (first === undefined) {
    const [next] = successors;
    const hint =
      next === undefined
        ? 'same user, type and model, and not seen since this one was first seen'
        : `${next.device} may be what it is now: easgate decisions accept ${next.device}`;
    const which = wanted === null ? 'no device' : `${wanted} is no device that`;
    throw new ProgramError('EASGATE_NOT_FOUND', `${which} looks like ${device} before a reset: ${hint}`);
  }
  if (found.some((one) => one.device !== first.device))
    throw new ProgramError(
      'EASGATE_NOT_FOUND',
      `several devices look like ${device} before a reset: name one with --from ` +
        `(${[...new Set(found.map((one) => one.device))].join(', ')})`,
    );
  return first;
}

function decisionsInForce(
  { decided, decidedByUser }: DeviceEntry,
  user: UserKey,
  now: number,
): CopiedDecision[] {
  const all = [
    { user: null, decision: decided.decision },
    { user, decision: decidedByUser.get(user)?.decision ?? null },
  ];
  return all.flatMap(({ user: name, decision }) =>
    decision === null || isWipe(decision) || (decision.expiresAt !== null && decision.expiresAt <= now)
      ? []
      : [{ user: name, decision }],
  );
}

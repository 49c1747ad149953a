// Owns the facts of the engine as far as today's records hold them. Pure.
import { parseVersion } from './compile/version.ts';
import type {
  Attributes,
  DecisionFacts,
  DecisionScope,
  DeviceFacts,
  Facts,
  PartnershipFacts,
  RequestFacts,
  Text,
  ToldFacts,
  VersionText,
} from './engine/facts.ts';
import { textOf } from './engine/read-facts.ts';
import { isWipe } from '../model/wipe.ts';
import type { ManualDecision } from '../model/decision.ts';
import type { AccessRecords, DeviceState, NamedDecision, SeenState } from './model.ts';
import { describeWipe } from './wipe.ts';

/** Who asks, and for which device. */
export interface Login {
  readonly user: string;
  readonly device: string;
  /** What the request calls the device; serves until the partnership is recorded. Null = unknown. */
  readonly deviceType: string | null;
}

/** What stays the same from request to request. */
export type StandingFacts = Omit<Facts, 'now' | 'request'>;

/** A decision that the engine weighs, and the record it was made from. */
export interface DecisionOrigin {
  readonly decision: ManualDecision;
  /** The other name it is stored under, which may be the same user; null = it is this user's or the device's. */
  readonly namesake: string | null;
}

/** Everything an access is decided from, kept so that it can be decided again without a look-up. */
export interface Access {
  readonly records: AccessRecords;
  readonly facts: StandingFacts;
  readonly origins: ReadonlyMap<DecisionFacts, DecisionOrigin>;
  /** When the records were read, milliseconds since the epoch. */
  readonly readAt: number;
}

/** Nothing is known of the request. */
export const NO_REQUEST: RequestFacts = Object.freeze({
  userAgent: null,
  protocolVersion: null,
  address: null,
  addressText: null,
  command: null,
  auth: null,
  certificateIssuer: null,
});

/** Reads the records of one look-up. */
export function readAccess(records: AccessRecords, login: Login, readAt: number): Access {
  const origins = new Map<DecisionFacts, DecisionOrigin>();
  for (const [scope, origin] of decisionsOf(records)) origins.set(decisionFacts(scope, origin), origin);
  const names = new Set([login.user, records.user ?? login.user]);
  return {
    records,
    facts: {
      user: {
        names: [...names].flatMap((name) => textOf(name) ?? []),
        groups: null,
        enabled: null,
        attributes: NO_ATTRIBUTES,
      },
      device: records.device === null ? null : deviceFacts(records.device),
      partnership: partnershipFacts(records.partnership ?? null, login),
      decisions: [...origins.keys()],
    },
    origins,
    readAt,
  };
}

const NO_ATTRIBUTES: Attributes = new Map();

function decisionsOf(records: AccessRecords): (readonly [DecisionScope, DecisionOrigin])[] {
  const { deviceDecision, partnershipDecision, exactDecisions, namesakeDecisions } = records;
  const exact = exactDecisions?.map(({ decision }) => decision) ?? [partnershipDecision];
  return [
    ...[deviceDecision].flatMap((decision) => entry('device', decision)),
    ...exact.flatMap((decision) => entry('partnership', decision)),
    ...namesakeDecisions.flatMap(namesake),
  ];
}

function entry(
  scope: DecisionScope,
  decision: ManualDecision | null,
): (readonly [DecisionScope, DecisionOrigin])[] {
  return decision === null ? [] : [[scope, { decision, namesake: null }]];
}

/**
 * A name that may be the same user: mail servers take both for one mailbox, so what keeps one out keeps out the other. An
 * allow does not hold here, and what the other name is to have erased is kept out only: that it is the same user is likely,
 * not certain.
 */
function namesake({ user, decision }: NamedDecision): (readonly [DecisionScope, DecisionOrigin])[] {
  return decision.action === 'allow' ? [] : [['partnership', { decision, namesake: user }]];
}

function decisionFacts(scope: DecisionScope, { decision, namesake: onName }: DecisionOrigin): DecisionFacts {
  const { action, owner, reason, decidedAt, expiresAt } = decision;
  const wipes = isWipe(decision);
  return {
    scope,
    action: wipes && onName !== null ? 'block' : action,
    by: owner,
    source: null,
    reason,
    decidedAt,
    expiresAt,
    acknowledged: wipes && decision.wipe.state === 'acknowledged',
    ...(onName !== null && { onName }),
    ...(wipes && { progress: describeWipe(decision.wipe) }),
  };
}

/** The records do not hold yet since when each value is as it is: compliance has `stateSince`, the others are since always. */
function deviceFacts(device: DeviceState): DeviceFacts {
  const since = device.stateSince ?? null;
  const { managed, compliant } = device;
  return {
    managed,
    compliant,
    encrypted: device.encrypted ?? null,
    compromised: device.compromised ?? null,
    managedMailProfile: null,
    ...systemFacts(device.os ?? null),
    model: textOf(device.model),
    manufacturer: null,
    ownership: null,
    lastCheckIn: device.lastCheckIn ?? null,
    graceUntil: null,
    reportedSince: managed === true ? null : since,
    unmetSince: {
      compliant: compliant === true ? null : since,
      encrypted: null,
      compromised: null,
      managedMailProfile: null,
    },
    attributes: NO_ATTRIBUTES,
  };
}

function partnershipFacts(seen: SeenState | null, { device, deviceType }: Login): PartnershipFacts {
  return {
    deviceId: textOf(device),
    deviceType: textOf(seen?.deviceType ?? deviceType),
    told: { ...systemFacts(seen?.os ?? null), model: textOf(seen?.model), manufacturer: null },
    firstSeen: seen?.firstSeen ?? null,
    lastAllowed: seen?.lastVerdict === 'allow' ? (seen.lastSeen ?? null) : null,
    rank: null,
    devicesOfUser: null,
    usersOnDevice: null,
    userAgentChanges: null,
  };
}

/** How systems are named at the beginning of a text, and the platform that policies call so. */
const PLATFORMS: readonly (readonly [beginning: string, platform: string])[] = [
  ['iphone os', 'ios'],
  ['ios', 'ios'],
  ['ipados', 'ios'],
  ['ipad', 'ios'],
  ['iphone', 'ios'],
  ['android', 'android'],
  ['windows', 'windows'],
  ['macos', 'macos'],
  ['mac os', 'macos'],
];

/** Platform and version from a text such as `iOS 17.4.1 21E236`. */
function systemFacts(written: string | null): Pick<ToldFacts, 'os' | 'osVersion' | 'platform'> {
  const os = textOf(written);
  if (os === null) return { os, osVersion: null, platform: null };
  const found = PLATFORMS.find(([beginning]) => os.lower.startsWith(beginning));
  return { os, osVersion: versionText(os), platform: found === undefined ? null : textOf(found[1]) };
}

function versionText(text: Text): VersionText | null {
  const version = parseVersion(text.as);
  return version === null ? null : { ...text, version };
}

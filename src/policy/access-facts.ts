// Owns the facts of the policy engine, read from the records of a look-up. Pure.
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

/** The user and device of a request. */
export interface Login {
  readonly user: string;
  readonly device: string;
  /** DeviceType of the query, used until the partnership is recorded. Null = unknown. */
  readonly deviceType: string | null;
}

/** Facts that do not depend on the single request. */
export type StandingFacts = Omit<Facts, 'now' | 'request'>;

/** A decision for the engine, and the record it was made from. */
export interface DecisionOrigin {
  readonly decision: ManualDecision;
  /** Another name, possibly of the same user, under which it is stored; null = stored for this user or for the device. */
  readonly namesake: string | null;
}

/** All inputs of a decision, kept so that it can be repeated without a look-up. */
export interface Access {
  readonly records: AccessRecords;
  readonly facts: StandingFacts;
  readonly origins: ReadonlyMap<DecisionFacts, DecisionOrigin>;
  /** When the records were read, milliseconds since the epoch. */
  readonly readAt: number;
}

/** Facts of an unknown request. */
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
 * A decision on a name that may be the same user. Mail servers may use one mailbox for both, so a denial of one name also denies
 * the other. An allow does not apply, and a wipe only blocks, because the names are likely, but not certainly, the same user.
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

/** The records have no time of the last change per value: compliance uses `stateSince`, other values count as unchanged. */
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

/** Beginnings of reported operating systems, and the platform names of policies. */
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

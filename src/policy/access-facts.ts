// Owns turning the records of a look-up into the facts of the engine. Pure.
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
  UserFacts,
  VersionText,
} from './engine/facts.ts';
import { attributesOf, folded, textOf } from './engine/read-facts.ts';
import { Repeated, repeatedText, repeatedVersion } from './engine/repeated-texts.ts';
import { isWipe } from '../model/wipe.ts';
import type { ManualDecision } from '../model/decision.ts';
import type { AccessRecords, DeviceState, ImportedState, NamedDecision } from './access-records.ts';
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
export interface RecordedDecision {
  readonly decision: ManualDecision;
  /** Another name, possibly of the same user, under which it is stored; null = stored for this user or for the device. */
  readonly namesake: string | null;
}

/** All inputs of a decision, kept so that it can be repeated without a look-up. */
export interface Access {
  readonly records: AccessRecords;
  readonly facts: StandingFacts;
  readonly origins: ReadonlyMap<DecisionFacts, RecordedDecision>;
  /** The device that the facts are about. */
  readonly device: string;
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
  const origins = hasDecisions(records) ? originsOf(records) : NO_ORIGINS;
  const imported = records.importedDecisions ?? [];
  const isDecided = origins.size > 0 || imported.length > 0;
  return {
    records,
    facts: {
      user: new UserOfRecords(records, login.user),
      device: records.device === null ? null : deviceFacts(records.device),
      partnership: partnershipFacts(records, login),
      decisions: isDecided ? [...origins.keys(), ...imported.map(importedFacts)] : NO_DECISIONS,
    },
    origins,
    device: login.device,
    readAt,
  };
}

/** Names and groups are read when a policy asks for them: many policies look at neither, and there are several of each. */
class UserOfRecords implements UserFacts {
  readonly enabled: boolean | null;
  readonly attributes: Attributes;
  private readonly records: AccessRecords;
  private readonly login: string;
  private readNames: readonly Text[] | null = null;
  private readGroups: readonly Text[] | null = null;

  constructor(records: AccessRecords, login: string) {
    const { userRecord } = records;
    this.enabled = userRecord?.enabled ?? null;
    this.attributes = attributesOf(userRecord?.attributes ?? null);
    this.records = records;
    this.login = login;
  }

  /** As the user signed in, as the directory calls it, and its aliases. */
  get names(): readonly Text[] {
    return (this.readNames ??= namesOf(this.records, this.login));
  }

  get groups(): readonly Text[] | null {
    const groups = this.records.userRecord?.groups ?? null;
    return groups === null ? null : (this.readGroups ??= groups.map((group) => repeatedText(group)));
  }
}

function namesOf({ user, userRecord }: AccessRecords, login: string): readonly Text[] {
  const names = [folded(login)];
  if (user !== undefined && user !== login) names.push(folded(user));
  for (const alias of userRecord?.aliases ?? [])
    if (alias !== login && alias !== user) names.push(folded(alias));
  return names;
}

const NO_ORIGINS: ReadonlyMap<DecisionFacts, RecordedDecision> = new Map();
const NO_DECISIONS: readonly DecisionFacts[] = Object.freeze([]);

/** Most phones have none. */
function hasDecisions(records: AccessRecords): boolean {
  const { deviceDecision, partnershipDecision, exactDecisions, namesakeDecisions } = records;
  const { userDecisions, namesakeUserDecisions } = records;
  return (
    deviceDecision !== null ||
    partnershipDecision !== null ||
    namesakeDecisions.length > 0 ||
    (exactDecisions?.length ?? 0) > 0 ||
    (userDecisions?.length ?? 0) > 0 ||
    (namesakeUserDecisions?.length ?? 0) > 0
  );
}

function originsOf(records: AccessRecords): ReadonlyMap<DecisionFacts, RecordedDecision> {
  const origins = new Map<DecisionFacts, RecordedDecision>();
  for (const [scope, origin] of decisionsOf(records)) origins.set(decisionFacts(scope, origin), origin);
  return origins;
}

function decisionsOf(records: AccessRecords): (readonly [DecisionScope, RecordedDecision])[] {
  const { deviceDecision, partnershipDecision, exactDecisions, namesakeDecisions } = records;
  const { userDecisions = [], namesakeUserDecisions = [] } = records;
  const exact = exactDecisions?.map(({ decision }) => decision) ?? [partnershipDecision];
  return [
    ...[deviceDecision].flatMap((decision) => entry('device', decision)),
    ...exact.flatMap((decision) => entry('partnership', decision)),
    ...namesakeDecisions.flatMap((named) => namesake('partnership', named)),
    ...userDecisions.flatMap(({ decision }) => entry('user', decision)),
    ...namesakeUserDecisions.flatMap((named) => namesake('user', named)),
  ];
}

function entry(
  scope: DecisionScope,
  decision: ManualDecision | null,
): (readonly [DecisionScope, RecordedDecision])[] {
  return decision === null ? [] : [[scope, { decision, namesake: null }]];
}

/**
 * A decision on a name that may be the same user. Mail servers may use one mailbox for both, so a denial of one name also denies
 * the other. An allow does not apply, and a wipe only blocks, because the names are likely, but not certainly, the same user.
 */
function namesake(
  scope: DecisionScope,
  { user, decision }: NamedDecision,
): (readonly [DecisionScope, RecordedDecision])[] {
  return decision.action === 'allow' ? [] : [[scope, { decision, namesake: user }]];
}

function decisionFacts(
  scope: DecisionScope,
  { decision, namesake: onName }: RecordedDecision,
): DecisionFacts {
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

/** Decisions of feeds: they count only where no operator's is in force (engine/decisions.ts). */
function importedFacts({ source, device, user, decision }: ImportedState): DecisionFacts {
  return {
    scope: device === null ? 'user' : user === null ? 'device' : 'partnership',
    action: decision.action,
    by: decision.owner,
    source,
    reason: decision.reason,
    decidedAt: decision.decidedAt,
    expiresAt: decision.expiresAt,
    acknowledged: false,
  };
}

function deviceFacts(device: DeviceState): DeviceFacts {
  const system = systemFacts(device.os ?? null);
  return {
    managed: device.managed,
    compliant: device.compliant,
    encrypted: device.encrypted ?? null,
    compromised: device.compromised ?? null,
    managedMailProfile: device.managedMailProfile ?? null,
    os: system.os,
    platform: repeatedText(device.platform) ?? system.platform,
    osVersion: repeatedVersion(device.osVersion) ?? system.osVersion,
    model: repeatedText(device.model),
    manufacturer: repeatedText(device.manufacturer),
    ownership: repeatedText(device.ownership),
    lastCheckIn: device.lastCheckIn ?? null,
    graceUntil: device.graceUntil ?? null,
    // Of a device that is not managed, the engine says since when it is so.
    reportedSince:
      (device.managed === false ? device.managedUnmetSince : null) ?? device.reportedSince ?? null,
    unmetSince: {
      compliant: device.compliantUnmetSince ?? null,
      encrypted: device.encryptedUnmetSince ?? null,
      compromised: device.compromisedUnmetSince ?? null,
      managedMailProfile: device.mailProfileUnmetSince ?? null,
    },
    attributes: attributesOf(device.attributes ?? null),
  };
}

/** Those that change with time and policy are added by {@link countedFacts}. */
function partnershipFacts(records: AccessRecords, { device, deviceType }: Login): PartnershipFacts {
  const seen = records.partnership ?? null;
  const { usersOnDevice = null } = records;
  return {
    deviceId: textOf(device),
    deviceType: repeatedText(seen?.deviceType ?? deviceType),
    told: { ...systemFacts(seen?.os ?? null), model: repeatedText(seen?.model), manufacturer: null },
    firstSeen: seen?.firstSeen ?? null,
    lastAllowed: seen?.lastAllowed ?? null,
    rank: null,
    devicesOfUser: null,
    // A partnership that is not recorded yet counts too.
    usersOnDevice: usersOnDevice === null ? null : usersOnDevice + (seen === null ? 1 : 0),
    // Of most phones it never changed: for these {@link countedFacts} makes no other object.
    userAgentChanges: seen?.agentChanges === undefined ? null : 0,
  };
}

const DAY_MS = 86_400_000;

/**
 * The facts that change with time: the place of the device among those of its user that were allowed within `activeWithinMs`,
 * and how often its User-Agent changed within a day. A device that was not allowed in that time comes after the others.
 */
export function countedFacts(
  facts: PartnershipFacts,
  { partnership = null, userDevices, user }: AccessRecords,
  device: string,
  now: number,
  activeWithinMs: number,
): PartnershipFacts {
  const userAgentChanges = changesSince(partnership?.agentChanges, now - DAY_MS);
  if (userDevices === undefined || user === undefined)
    return userAgentChanges === facts.userAgentChanges ? facts : { ...facts, userAgentChanges };
  let active = 0;
  let rank: number | null = null;
  let isRecorded = false;
  for (const own of userDevices) {
    const isActive = (own.lastAllowed ?? -Infinity) > now - activeWithinMs;
    if (isActive) active += 1;
    if (own.device !== device) continue;
    isRecorded = true;
    if (isActive) rank ??= active;
  }
  return {
    ...facts,
    rank: rank ?? active + 1,
    devicesOfUser: userDevices.length + (isRecorded ? 0 : 1),
    userAgentChanges,
  };
}

/** How often the User-Agent changed after a time; null = unknown. */
function changesSince(changes: readonly number[] | undefined, time: number): number | null {
  if (changes === undefined) return null;
  let count = 0;
  for (const at of changes) if (at > time) count += 1;
  return count;
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

type SystemFacts = Pick<ToldFacts, 'os' | 'osVersion' | 'platform'>;

const NO_SYSTEM: SystemFacts = { os: null, osVersion: null, platform: null };
const systems = new Repeated(readSystem);

/** Platform and version from a text such as `iOS 17.4.1 21E236`. */
function systemFacts(written: string | null): SystemFacts {
  return written === null ? NO_SYSTEM : systems.at(written);
}

function readSystem(written: string): SystemFacts {
  const os = folded(written);
  const found = PLATFORMS.find(([beginning]) => os.lower.startsWith(beginning));
  return { os, osVersion: versionText(os), platform: found === undefined ? null : textOf(found[1]) };
}

function versionText(text: Text): VersionText | null {
  const version = parseVersion(text.as);
  return version === null ? null : { ...text, version };
}

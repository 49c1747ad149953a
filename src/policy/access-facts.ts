// Owns turning the records of a look-up into the facts of the engine. Pure.
import type {
  Attributes,
  DecisionFacts,
  DecisionScope,
  Facts,
  RequestFacts,
  Text,
  UserFacts,
} from './engine/facts.ts';
import { attributesOf, folded } from './engine/read-facts.ts';
import { repeatedText } from './engine/repeated-texts.ts';
import { isWipe } from '../model/wipe.ts';
import type { ManualDecision } from '../model/decision.ts';
import type { AccessRecords, ImportedState, NamedDecision } from './access-records.ts';
import { DeviceOfRecord, PartnershipOfRecords } from './record-facts.ts';
import { describeWipe } from './wipe.ts';

/** The user and device of a request. */
export interface Login {
  readonly user: string;
  readonly device: string;
  /** DeviceType of the query, used until the partnership is recorded. Null = unknown. */
  readonly deviceType: string | null;
}

/** Facts that do not depend on the single request. */
export interface StandingFacts extends Omit<Facts, 'now' | 'request'> {
  readonly partnership: PartnershipOfRecords;
}

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
      device: records.device === null ? null : new DeviceOfRecord(records.device),
      partnership: new PartnershipOfRecords(records, login.device, login.deviceType),
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

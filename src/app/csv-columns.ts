// Owns the columns of CSV files: phones, users, decisions, pairs of devices, phones that a policy would decide otherwise.
import type { Duplicate, NearMiss } from '../directory/read-model/similar-devices.ts';
import type { ModelRow } from '../directory/read-model/model-row.ts';
import type { ModelUser } from '../directory/read-model/model-users.ts';
import type { CsvColumn } from './csv.ts';
import type { DecisionRow } from './decision-list.ts';
import type { ChangedPhone } from './policy-diff.ts';
import { isoTime } from './times.ts';

type Csv<Row> = readonly CsvColumn<Row>[];

const yesNo = (value: boolean | null): string | null => (value === null ? null : value ? 'yes' : 'no');

/** Of users on devices. */
export const PHONE_CSV: Csv<ModelRow> = [
  ['user', ({ user }) => user],
  ['device', ({ device }) => device],
  ['state', ({ state }) => state],
  ['reason', ({ reason }) => reason],
  ['deviceType', ({ deviceType }) => deviceType],
  ['model', ({ model }) => model],
  ['os', ({ os }) => os],
  ['osVersion', ({ osVersion }) => osVersion],
  ['managed', ({ managed }) => yesNo(managed)],
  ['compliant', ({ compliant }) => yesNo(compliant)],
  ['encrypted', ({ encrypted }) => yesNo(encrypted)],
  ['ownership', ({ ownership }) => ownership],
  ['owner', ({ owner }) => owner],
  ['groups', ({ groups }) => groups?.join(' ') ?? null],
  ['firstSeen', ({ firstSeen }) => isoTime(firstSeen)],
  ['lastSeen', ({ lastSeen }) => isoTime(lastSeen)],
  ['lastAllowed', ({ lastAllowed }) => isoTime(lastAllowed)],
  ['decision', ({ decision }) => decision],
  ['decisionExpiresAt', ({ decisionExpiresAt }) => isoTime(decisionExpiresAt)],
  ['userDecision', ({ userDecision }) => userDecision],
  ['userDecisionExpiresAt', ({ userDecisionExpiresAt }) => isoTime(userDecisionExpiresAt)],
];

/** Of users. */
export const USER_CSV: Csv<ModelUser> = [
  ['user', ({ user }) => user],
  ['devices', ({ devices }) => String(devices)],
  ['allowed', ({ states }) => String(states.allowed)],
  ['quarantined', ({ states }) => String(states.quarantined)],
  ['blocked', ({ states }) => String(states.blocked)],
  ['wiping', ({ states }) => String(states.wiping)],
  ['reported', ({ reported }) => yesNo(reported)],
  ['enabled', ({ enabled }) => yesNo(enabled)],
  ['groups', ({ groups }) => groups?.join(' ') ?? null],
  ['decision', ({ decision }) => decision],
  ['decisionExpiresAt', ({ decisionExpiresAt }) => isoTime(decisionExpiresAt)],
  ['firstSeen', ({ firstSeen }) => isoTime(firstSeen)],
  ['lastSeen', ({ lastSeen }) => isoTime(lastSeen)],
];

/** Of decisions. */
export const DECISION_CSV: Csv<DecisionRow> = [
  ['device', ({ device }) => device],
  ['user', ({ user }) => user],
  ['action', ({ decision }) => decision.action],
  ['state', ({ state }) => state],
  ['source', ({ source }) => source],
  ['by', ({ decision }) => decision.owner],
  ['reason', ({ decision }) => decision.reason],
  ['decidedAt', ({ decision }) => isoTime(decision.decidedAt)],
  ['expiresAt', ({ decision }) => isoTime(decision.expiresAt)],
];

/** Of phones that a policy would decide otherwise. */
export const CHANGED_CSV: Csv<ChangedPhone> = [
  ['user', ({ user }) => user],
  ['device', ({ device }) => device],
  ['model', ({ model }) => model],
  ['groups', ({ groups }) => groups.join(' ')],
  ['lastSeen', ({ lastSeen }) => isoTime(lastSeen)],
  ['before', ({ before }) => before.action],
  ['beforeReason', ({ before }) => before.reason],
  ['after', ({ after }) => after.action],
  ['afterReason', ({ after }) => after.reason],
  ['afterRule', ({ after }) => after.rule],
];

/** Of what looks like one phone twice. */
export const DUPLICATE_CSV: Csv<Duplicate> = [
  ['user', ({ user }) => user],
  ['device', ({ device }) => device],
  ['lastSeen', ({ lastSeen }) => isoTime(lastSeen)],
  ['older', ({ other }) => other],
  ['olderLastSeen', ({ otherLastSeen }) => isoTime(otherLastSeen)],
  ['olderState', ({ otherState }) => otherState],
  ['afterReset', ({ isSuccessor }) => (isSuccessor ? 'likely' : null)],
  ['deviceType', ({ deviceType }) => deviceType],
  ['model', ({ model }) => model],
];

/** Of reported devices that may be phones which no feed reports. */
export const NEAR_MISS_CSV: Csv<NearMiss> = [
  ['reported', ({ reported }) => reported],
  ['owner', ({ owner }) => owner],
  ['device', ({ device }) => device],
  ['user', ({ user }) => user],
  ['lastSeen', ({ lastSeen }) => isoTime(lastSeen)],
  ['by', ({ by }) => by],
  ['model', ({ model }) => model],
];

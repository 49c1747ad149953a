// Owns what the gateway decides now about users on devices, whatever it answered their last requests; and what would keep an exception
// from taking effect. It asks the policy itself, so that lists of possible actions agree with what decides.
import { ConfigError } from '../config/problems.ts';
import type { DirectoryStore, LookupResult, Pair } from '../directory/store.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { CorruptRecordError } from '../model/corrupt-record.ts';
import type { AccessDecision } from '../model/decision.ts';
import type { UserRecord } from '../model/user.ts';
import type { Verdict } from '../model/verdict.ts';
import { isOpenWipe } from '../model/wipe.ts';
import { readAccess } from '../policy/access-facts.ts';
import { decideActive, explainActive } from '../policy/active-policies.ts';
import type { ActivePolicies } from '../policy/active-policies.ts';
import type { DecisionScope } from '../policy/engine/facts.ts';
import type { DecisionTrace, TraceNode } from '../policy/engine/trace.ts';
import type { DeviceDetails } from './device-details.ts';
import { policiesInUse } from './policy-versions.ts';
import type { UserDetails } from './users.ts';
import { decidedOn, wipeInTheWay } from './write-decision.ts';
import type { Decided } from './write-decision.ts';

/** Most phones of one device or user that are decided: those seen last. */
const MOST_DECIDED = 100;

/** Why an exception would be refused, or have no effect. */
export interface Hindrance {
  /** A wipe makes the directory refuse it; `userDisabled`, `decision` and `unreadableRecord` outweigh it. */
  readonly by: 'openWipe' | 'wiped' | 'userDisabled' | 'decision' | 'unreadableRecord';
  /** What the wipe or the decision is on; null = it is neither. */
  readonly scope: DecisionScope | null;
  /** The name that it is stored under; null = for every user of the device, or neither. */
  readonly user: string | null;
  /** The feed that imported the decision; null = an operator made it. */
  readonly source: string | null;
}

/** What the gateway decides now about a user on a device. */
export interface VerdictNow extends Pair, Pick<Verdict, 'action' | 'reason' | 'rule'> {
  /** Of an exception for this user on this device; null = it would let the phone pass. */
  readonly hindrance: Hindrance | null;
}

/** How a device or a user stands. */
export interface Standing {
  /** {@link MOST_DECIDED} at most; empty where the policy cannot be read. */
  readonly verdicts: readonly VerdictNow[];
  /** Of an exception for every user of the device, or for the user with every device. */
  readonly hindrance: Hindrance | null;
}

type Settings = Parameters<typeof policiesInUse>[1];

/** How a device stands at `now`, milliseconds since the epoch. */
export async function standingOfDevice(
  store: DirectoryStore,
  config: Settings,
  { key, partnerships }: DeviceDetails,
  now: number,
): Promise<Standing> {
  const onDevice = await decidedOn(store, key);
  const wipe = wipeInTheWay(store, { user: null, onDevice, ofUser: null });
  return {
    verdicts: await verdictsNow(store, await readablePolicies(store, config), partnerships, now),
    hindrance: wipe === null ? null : byWipe(wipe),
  };
}

/** Likewise, a user. */
export async function standingOfUser(
  store: DirectoryStore,
  config: Settings,
  { partnerships, record }: UserDetails,
  now: number,
): Promise<Standing> {
  const active = await readablePolicies(store, config);
  return {
    verdicts: await verdictsNow(store, active, partnerships, now),
    hindrance: active !== null && isKeptOut(active, record) ? withoutDecision('userDisabled') : null,
  };
}

/** The policies that decide; null = there is none that can be read, which the gateway reports in many other places. */
async function readablePolicies(store: DirectoryStore, config: Settings): Promise<ActivePolicies | null> {
  try {
    return await policiesInUse(store, config);
  } catch (error) {
    if (error instanceof ProgramError || error instanceof ConfigError || error instanceof CorruptRecordError)
      return null;
    throw error;
  }
}

async function verdictsNow(
  store: DirectoryStore,
  active: ActivePolicies | null,
  partnerships: DeviceDetails['partnerships'] | UserDetails['partnerships'],
  now: number,
): Promise<VerdictNow[]> {
  if (active === null) return [];
  const seenLast = partnerships
    .map(({ record }) => record)
    .toSorted((a, b) => b.lastSeen - a.lastSeen)
    .slice(0, MOST_DECIDED);
  return Promise.all(
    seenLast.map(async ({ user, device }) => {
      const found = await store.lookup(user, device);
      const access = readAccess(found, { user, device, deviceType: null }, now);
      const { action, reason, rule } = decideActive(active, access, now);
      const hindrance = hindranceOf(store, active, found, { user, device }, now);
      return { user, device, action, reason, rule, hindrance };
    }),
  );
}

/** Puts an exception in the place of the decisions on the partnership, and asks the policy what it would do. */
function hindranceOf(
  store: DirectoryStore,
  active: ActivePolicies,
  found: LookupResult,
  { user, device }: Pair,
  now: number,
): Hindrance | null {
  const { deviceDecision } = found;
  const onDevice = deviceDecision === null ? [] : [{ user: null, decision: deviceDecision }];
  const wipe = wipeInTheWay(store, { user: found.user, onDevice, ofUser: found });
  if (wipe !== null) return byWipe(wipe);
  const decision: AccessDecision = {
    action: 'allow',
    owner: '',
    reason: null,
    decidedAt: now,
    expiresAt: null,
  };
  const records = {
    ...found,
    partnershipDecision: decision,
    decidedFor: found.user,
    exactDecisions: [{ user: found.user, decision }],
  };
  const access = readAccess(records, { user, device, deviceType: null }, now);
  const { verdict, steps } = explainActive(active, access, now);
  return verdict.action === 'allow' ? null : hindering(steps, found.user);
}

function byWipe({ user, decision }: Decided): Hindrance {
  return {
    by: isOpenWipe(decision) ? 'openWipe' : 'wiped',
    scope: user === null ? 'device' : 'partnership',
    user,
    source: null,
  };
}

function withoutDecision(by: Hindrance['by']): Hindrance {
  return { by, scope: null, user: null, source: null };
}

/** What stands in the way, by the step that decided. Only steps before the rules can outweigh a decision. */
function hindering(steps: readonly TraceNode[], user: string): Hindrance {
  const step = steps.find(({ outcome }) => outcome === 'decides');
  switch (step?.step) {
    case 'openWipe':
    case 'acknowledgedWipe':
      return byDecision(step.step === 'openWipe' ? 'openWipe' : 'wiped', step.decisions, user);
    case 'blockByHand':
    case 'otherDecision':
      return byDecision('decision', step.decisions, user);
    case 'disabledUser':
      return withoutDecision('userDisabled');
    default:
      return withoutDecision('unreadableRecord');
  }
}

function byDecision(by: Hindrance['by'], decisions: readonly DecisionTrace[], user: string): Hindrance {
  const deciding = decisions.find(({ state, action }) => state === 'inForce' && action !== 'allow');
  if (deciding === undefined) return withoutDecision(by);
  const { scope, onName = user, source } = deciding;
  return { by, scope, user: scope === 'device' ? null : onName, source };
}

/** Whether whichever policy decides keeps the user out for the account alone. */
function isKeptOut({ live, rollout }: ActivePolicies, record: UserRecord | null): boolean {
  return (
    record?.enabled === false &&
    live.policy.blocksDisabledUsers &&
    (rollout === null || rollout.policy.blocksDisabledUsers)
  );
}

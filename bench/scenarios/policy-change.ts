// Owns the scenario of a policy change: cached verdicts and held polls are decided again, in this process only.
import { patientCache } from '../core/patient-cache.ts';
import { monotonicNow } from '../../src/clock.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import type { DirectoryStore, LookupResult } from '../../src/directory/store.ts';
import { MassChange } from '../../src/gateway/access/mass-change.ts';
import type { Concerned } from '../../src/gateway/access/mass-change.ts';
import { Releases } from '../../src/gateway/access/releases.ts';
import { RevalidationQueue } from '../../src/gateway/access/revalidation.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { workerPolicy } from '../../src/config/served-policy.ts';
import { forEverybody } from '../../src/policy/active-policies.ts';
import type { CompiledPolicy } from '../../src/policy/compile/compiled-policy.ts';
import { atOnce, inTurns } from '../../src/in-turns.ts';
import { compliancePolicies, rules } from '../core/large-policy.ts';
import type { Sample } from '../core/report.ts';
import { PLAIN } from './scenario.ts';
import type { Effort, Scenario } from './scenario.ts';

const VERDICTS = 100_000;
const POLLS = 9_000;
/** Verdicts of phones that ask in one turn of the event loop: a worker decides anew what is asked for, never all at once. */
const SLICE = 50;
const USER = 'alice' as UserKey;

/** As the primary hands it to a worker. */
function policyOf(compliant: 'quarantine' | 'block'): Generator<undefined, CompiledPolicy> {
  const document = {
    rules: rules(),
    compliance: [...compliancePolicies(), { require: { encrypted: true }, action: compliant }],
  };
  return workerPolicy({ policy: { file: '/policy.yaml', releaseRate: 200 } }, { texts: {}, document });
}

function resultOf(index: number): LookupResult {
  return {
    user: USER,
    device: {
      key: `device${index}` as DeviceKey,
      managed: true,
      compliant: true,
      model: `Phone${index % 500}`,
      os: 'Android 14',
      encrypted: index % 2 === 0,
      compromised: false,
      owner: null,
      lastCheckIn: null,
      source: 'bench',
      observedAt: 1,
      unmetRequirements: [],
      reportedSince: 1,
      managedUnmetSince: null,
      compliantUnmetSince: null,
      encryptedUnmetSince: null,
      compromisedUnmetSince: null,
      mailProfileUnmetSince: null,
      managedMailProfile: null,
      platform: null,
      osVersion: null,
      ownership: null,
      manufacturer: null,
      serialNumber: null,
      graceUntil: null,
      attributes: {},
      udid: null,
      imei: null,
    },
    deviceDecision: null,
    partnershipDecision: null,
    decidedFor: null,
    exactDecisions: [],
    namesakeDecisions: [],
    userDecisions: [],
    namesakeUserDecisions: [],
    importedDecisions: [],
    userRecord: null,
    userDevices: [],
    usersOnDevice: 1,
    deviceWipe: null,
    partnershipWipe: null,
    partnership: null,
    position: '0',
  };
}

/** Fills a cache, changes the policy, and measures the time until all is decided, and the longest pause of other work. */
async function measureChange({ rounds }: Effort): Promise<Record<string, Sample[]>> {
  let asked = 0;
  const store = { lookup: async () => resultOf(asked++), isBefore: () => false } as unknown as DirectoryStore;
  const cache = new VerdictCache(store, atOnce(policyOf('quarantine')), patientCache(VERDICTS));
  const devices = Array.from({ length: VERDICTS }, (_, index) => `device${index}` as DeviceKey);
  for (const device of devices) await cache.decide(USER, device);
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++)
    samples.push(await changeOnce(cache, devices, policyOf(round % 2 === 0 ? 'block' : 'quarantine')));
  return { easgate: samples };
}

async function changeOnce(
  cache: VerdictCache,
  devices: readonly DeviceKey[],
  policy: Generator<undefined, CompiledPolicy>,
): Promise<Sample> {
  let decided = 0;
  const before = devices.slice(0, POLLS).map((device) => cache.peek(USER, device));
  const polls = before.map((verdict, index): Concerned => {
    const device = devices[index] as DeviceKey;
    return {
      weigh: () => {
        const found = cache.peek(USER, device);
        if (found === verdict) decided++;
        return found === verdict ? 'same' : 'restricts';
      },
      onChange: () => true,
      revalidate: async () => {
        decided++;
        return true;
      },
    };
  });
  let longest = 0;
  let last = monotonicNow();
  const began = last;
  let isOver = false;
  const look = (): void => {
    const now = monotonicNow();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  cache.usePolicies(forEverybody(await inTurns(policy)));
  new MassChange(new RevalidationQueue(), new Releases(200)).begin(polls);
  for (let at = POLLS; at < devices.length || decided < POLLS; at += SLICE) {
    for (const device of devices.slice(at, at + SLICE)) cache.peek(USER, device);
    await new Promise((resolve) => setImmediate(resolve));
  }
  isOver = true;
  return { changeMs: last - began, pauseMs: longest };
}

export const POLICY_CHANGE_SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    name: 'policy-change',
    text: 'another policy of 200 rules and 51 compliance policies: compiled, 100,000 verdicts in memory and 9,000 held polls decided anew, in ms until the last',
    figure: 'changeMs',
    rivals: [],
    alone: measureChange,
    measure: () => Promise.resolve(),
  },
];

// Owns a reference implementation of the policy engine, as simple as possible: no index, no compilation, every step in the
// order of docs/guide/policy.md. It shares no code with the engine; tests compare the two.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type Obj = { readonly [key: string]: Json };
type Would = { action: string; reason: string; rule: string | null };
interface Outcome {
  action: string;
  reason: string;
  rule: string | null;
  requirement: string | null;
  wouldBe: Would | null;
  validUntil: string | null;
}

/** What the expressions of the generated policies mean; null = cannot be evaluated. */
export type Expressions = Readonly<Record<string, (facts: Obj, now: number) => boolean | null>>;

const obj = (value: Json | undefined): Obj =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Obj) : {};
const list = (value: Json | undefined): readonly Json[] =>
  Array.isArray(value) ? (value as readonly Json[]) : [];
const text = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);
const str = (value: Json | undefined): string =>
  typeof value === 'string' ? value : JSON.stringify(value ?? null);
const known = (value: Json | undefined): boolean => value !== null && value !== undefined;
const at = (value: Json | undefined): number | null => (typeof value === 'string' ? Date.parse(value) : null);
const iso = (time: number | null): string | null =>
  time === null ? null : new Date(time).toISOString().replace('.000Z', 'Z');
const UNIT: Readonly<Record<string, number>> = { m: 60e3, h: 3600e3, d: 86400e3 };
const span = (value: Json | undefined): number =>
  Number(str(value).slice(0, -1)) * (UNIT[str(value).slice(-1)] ?? Number.NaN);
const refusing = (action: string): boolean => action === 'block' || action === 'quarantine';

/** Matches patterns with `*` and `?` by exhaustive search. */
export function like(pattern: string, word: string): boolean {
  if (pattern === '') return word === '';
  if (pattern.startsWith('*')) {
    for (let cut = 0; cut <= word.length; cut++) if (like(pattern.slice(1), word.slice(cut))) return true;
    return false;
  }
  return (
    word !== '' && (pattern[0] === '?' || pattern[0] === word[0]) && like(pattern.slice(1), word.slice(1))
  );
}

const same = (pattern: string, word: string): boolean => like(pattern.toLowerCase(), word.toLowerCase());
const numbers = (version: string): number[] =>
  (/[0-9]+(\.[0-9]+)*/.exec(version)?.[0] ?? '').split('.').map(Number);
const order = (a: string, b: string): number => {
  const [x, y] = [numbers(a), numbers(b)];
  for (let part = 0; part < 9; part++)
    if ((x[part] ?? 0) !== (y[part] ?? 0)) return (x[part] ?? 0) - (y[part] ?? 0);
  return 0;
};
const against = (operator: string, difference: number): boolean =>
  operator === '<'
    ? difference < 0
    : operator === '<='
      ? difference <= 0
      : operator === '>'
        ? difference > 0
        : difference >= 0;
const inBlock = (address: string, block: string): boolean => {
  const [network = '', bits = '32'] = block.split('/');
  const binary = (ip: string): string =>
    ip
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  return binary(address).slice(0, Number(bits)) === binary(network).slice(0, Number(bits));
};

export function oracle(doc: Obj, facts: Obj, expressions: Expressions, lists: Obj): Outcome {
  const now = at(facts['now']) ?? 0;
  const user = obj(facts['user']);
  const device = obj(facts['device']);
  const partnership = obj(facts['partnership']);
  const told = obj(partnership['told']);
  const request = obj(facts['request']);
  const reported = known(facts['device']);

  // --- values ---
  const expand = (value: Json): Json =>
    typeof value === 'string' && value.startsWith('@')
      ? (lists[value.slice(1)] ?? [])
      : Array.isArray(value)
        ? (value as readonly Json[]).flatMap((one): readonly Json[] => {
            const expanded = expand(one);
            return Array.isArray(expanded) ? (expanded as readonly Json[]) : [expanded];
          })
        : value;
  const graceOver =
    device['compliant'] === true && known(device['graceUntil']) && (at(device['graceUntil']) ?? 0) <= now;
  const compliant = graceOver ? false : device['compliant'];
  const fallBack = (name: string): Json | undefined => (known(device[name]) ? device[name] : told[name]);
  const groups = known(user['groups']) ? list(user['groups']) : null;
  const names = list(user['names']);
  const field = (name: string): Json | undefined => {
    switch (name) {
      case 'user':
        return names.length === 0 ? null : names;
      case 'groups':
        return groups;
      case 'targeted':
        return targeted;
      case 'model':
      case 'manufacturer':
      case 'platform':
      case 'os':
      case 'osVersion':
        return fallBack(name);
      case 'compliant':
        return compliant ?? null;
      case 'managed':
      case 'encrypted':
      case 'ownership':
        return device[name];
      case 'network':
        return request['address'];
      case 'userAgent':
      case 'protocolVersion':
      case 'auth':
      case 'certificateIssuer':
      case 'command':
        return request[name];
      default:
        return partnership[name];
    }
  };

  /** Whether a known value matches a condition that is not negated. */
  const matchesKnown = (name: string, wish: Json, value: Json): boolean => {
    if (Array.isArray(value)) return (value as readonly Json[]).some((one) => matchesKnown(name, wish, one));
    if (name === 'network') return inBlock(str(value), str(wish));
    if (typeof wish === 'boolean') return value === wish || str(value).toLowerCase() === str(wish);
    if (typeof wish === 'number')
      return value === wish || (typeof value === 'string' && Number(value) === wish);
    const [, operator, operand] = /^(<=|>=|<|>) ?(.*)$/.exec(str(wish)) ?? [];
    if (operator === undefined || operand === undefined) {
      const version = name === 'osVersion' || name === 'protocolVersion';
      if (version && /^[0-9.]+$/.test(str(wish))) return order(str(value), str(wish)) === 0;
      return same(str(wish), str(value));
    }
    if (name === 'osVersion' || name === 'protocolVersion')
      return against(operator, order(str(value), operand));
    if (/^[0-9]+[mhd]$/.test(operand)) return against(operator, now - (at(value) ?? 0) - span(operand));
    if (/^[0-9]{4}-/.test(operand)) return against(operator, (at(value) ?? 0) - Date.parse(operand));
    return against(operator, Number(value) - Number(operand));
  };
  /** Whether two values are comparable. */
  const comparable = (name: string, wish: Json, value: Json): boolean => {
    if (!name.startsWith('attribute')) return true;
    const [, operand] = /^[<>]=? ?(.*)$/.exec(str(wish)) ?? [];
    if (operand === undefined) return true;
    if (/^[0-9]+[mhd]$|^[0-9]{4}-/.test(operand))
      return typeof value === 'string' && !Number.isNaN(Date.parse(value)) && /^\d{4}-/.test(value);
    return typeof value === 'number' || (typeof value === 'string' && /^[0-9.]+$/.test(value));
  };

  const valueHolds = (name: string, wish: Json, value: Json | undefined, refuses: boolean): boolean => {
    const wishes = expand(wish);
    if (Array.isArray(wishes))
      return (wishes as readonly Json[]).some((one) => valueHolds(name, one, value, refuses));
    if (wishes === 'unknown') return !known(value);
    if (typeof wishes === 'object' && wishes !== null) {
      const inner = expand((wishes as Obj)['not'] ?? null);
      const all = Array.isArray(inner) ? (inner as readonly Json[]) : [inner];
      if (!known(value)) return refuses && !all.includes('unknown');
      const plain = all.filter((one) => one !== 'unknown');
      if (plain.some((one) => comparable(name, one, value as Json) && matchesKnown(name, one, value as Json)))
        return false;
      return plain.every((one) => comparable(name, one, value as Json)) || refuses;
    }
    return (
      known(value) && comparable(name, wishes, value as Json) && matchesKnown(name, wishes, value as Json)
    );
  };
  const mapHolds = (map: Obj, refuses: boolean): boolean =>
    Object.entries(map).every(([name, wish]) => {
      if (name === 'attributes' || name === 'userAttributes') {
        const attributes = obj((name === 'attributes' ? device : user)['attributes']);
        return Object.entries(obj(wish)).every(([key, one]) =>
          valueHolds('attribute', one, attributes[key], refuses),
        );
      }
      return valueHolds(name, wish, field(name), refuses);
    });
  const mapsHold = (maps: Json | undefined, refuses: boolean, absent: boolean): boolean => {
    if (maps === undefined) return absent;
    return (Array.isArray(maps) ? (maps as readonly Obj[]) : [maps as Obj]).some((map) =>
      mapHolds(map, refuses),
    );
  };

  // --- targets ---
  const oneOf = (wanted: Json | undefined, have: readonly Json[]): boolean => {
    const wishes = wanted === undefined ? [] : expand(wanted);
    return (Array.isArray(wishes) ? (wishes as readonly Json[]) : [wishes]).some((wish) =>
      have.some((one) => same(str(wish), str(one))),
    );
  };
  const isTargeted = (): boolean => {
    if (doc['targets'] === undefined) return true;
    const include = obj(doc['targets'])['include'];
    const exclude = obj(obj(doc['targets'])['exclude']);
    if (groups === null) {
      const wishes = exclude['users'] === undefined ? [] : list(expand(exclude['users']));
      return !wishes.some((wish) => names.some((one) => str(wish).toLowerCase() === str(one).toLowerCase()));
    }
    if (oneOf(exclude['users'], names) || oneOf(exclude['groups'], groups)) return false;
    if (include === undefined) return true;
    return oneOf(obj(include)['users'], names) || oneOf(obj(include)['groups'], groups);
  };
  const targeted: boolean = isTargeted();

  let wouldBe: Would | null = null;
  const would = (action: string, reason: string, rule: string | null): void => {
    wouldBe ??= { action, reason, rule };
  };
  const verdict = (action: string, reason: string, more: Partial<Outcome> = {}): Outcome => ({
    action,
    reason,
    rule: null,
    requirement: null,
    validUntil: null,
    ...more,
    wouldBe,
  });

  // --- steps 1 to 5 ---
  const decisions = list(facts['decisions']).map(obj);
  const wipe = (one: Obj): boolean => one['action'] === 'wipe' || one['action'] === 'accountWipe';
  const live = decisions.filter(
    (one) =>
      (!known(one['expiresAt']) || (at(one['expiresAt']) ?? 0) > now) &&
      // Wipes are ordered by operators only, on devices and partnerships.
      (!wipe(one) || (!known(one['source']) && one['scope'] !== 'user')),
  );
  const severity = ['allow', 'quarantine', 'block', 'accountWipe', 'wipe'];
  const strictest = (some: readonly Obj[]): Obj | null =>
    [...some].sort(
      (a, b) =>
        severity.indexOf(str(b['action'])) - severity.indexOf(str(a['action'])) ||
        (at(b['expiresAt']) ?? Infinity) - (at(a['expiresAt']) ?? Infinity) ||
        0,
    )[0] ?? null;
  const acknowledged = (one: Obj): boolean => obj(one['wipe'])['state'] === 'acknowledged';
  for (const scope of ['device', 'partnership']) {
    const open = strictest(live.filter((one) => one['scope'] === scope && wipe(one) && !acknowledged(one)));
    if (open !== null)
      return verdict(str(open['action']), 'wipeRequested', { validUntil: iso(at(open['expiresAt'])) });
  }
  for (const scope of ['device', 'partnership']) {
    const done = strictest(live.filter((one) => one['scope'] === scope && wipe(one)));
    if (done !== null) return verdict('block', 'wiped', { validUntil: iso(at(done['expiresAt'])) });
  }
  if (user['enabled'] === false && doc['disabledUsers'] !== 'ignore') return verdict('block', 'userDisabled');
  const inScope = (scope: string): Obj | null => {
    const here = live.filter((one) => one['scope'] === scope);
    return strictest(here.filter((one) => !known(one['source']))) ?? strictest(here);
  };
  const byHand = (one: Obj): Outcome =>
    verdict(str(one['action']), 'individualRule', { validUntil: iso(at(one['expiresAt'])) });
  for (const scope of ['user', 'device', 'partnership']) {
    const one = inScope(scope);
    if (one?.['action'] === 'block') return byHand(one);
  }
  for (const scope of ['partnership', 'device', 'user']) {
    const one = inScope(scope);
    if (one !== null) return byHand(one);
  }

  const decided = fromRules();
  if (doc['mode'] === 'reportOnly' && decided.action !== 'allow') {
    wouldBe = { action: decided.action, reason: decided.reason, rule: decided.rule };
    return verdict('allow', 'reportOnly');
  }
  return { ...decided, wouldBe };

  // --- step 6 ---
  function fromRules(): Outcome {
    for (const rule of list(doc['rules']).map(obj)) {
      const action = str(rule['action']);
      if (known(rule['until']) && (at(rule['until']) ?? 0) <= now) continue;
      if (!mapsHold(rule['match'], action !== 'allow', true)) continue;
      if (mapsHold(rule['except'], false, false)) continue;
      if (rule['when'] !== undefined) {
        const answer = expressions[str(rule['when'])]?.(facts, now) ?? null;
        if (answer === null ? action === 'allow' : !answer) continue;
      }
      const reason = text(rule['reason']) ?? 'deviceRule';
      const name = text(rule['name']);
      const future = known(rule['from']) && (at(rule['from']) ?? 0) > now;
      if (!future && rule['mode'] !== 'reportOnly') return verdict(action, reason, { rule: name });
      if (refusing(action)) would(action, reason, name);
    }
    return untargeted();
  }

  // --- step 7 ---
  function untargeted(): Outcome {
    const item = obj(doc['untargeted'] ?? { action: 'allow' });
    const action = str(item['action']);
    if (!targeted) {
      if (action === 'allow' || item['mode'] !== 'reportOnly') return verdict(action, 'notTargeted');
      would(action, 'notTargeted', null);
    }
    const access = unknownDevice();
    return access.action === 'allow' ? limit(access) : access;
  }

  function grandfathered(): string | null {
    const rule = doc['grandfather'];
    if (rule === undefined) return null;
    const { firstSeenBefore, activeWithin, until } = rule as Obj;
    if ((at(until) ?? 0) <= now) return null;
    const first = at(partnership['firstSeen']);
    const last = at(partnership['lastAllowed']);
    if (first === null || first >= (at(firstSeenBefore) ?? 0)) return null;
    if (
      activeWithin !== undefined &&
      (last === null || last < (at(firstSeenBefore) ?? 0) - span(activeWithin))
    )
      return null;
    return iso(at(until));
  }
  function stand(item: Obj, action: string, reason: string, own: string, validUntil: string | null): Outcome {
    if (!refusing(action)) return verdict('allow', own);
    const until = grandfathered();
    if (item['mode'] === 'reportOnly') {
      if (until === null) would(action, reason, null);
      return verdict('allow', own);
    }
    if (until !== null) return verdict('allow', 'grandfathered', { validUntil: until });
    return verdict(action, reason, { validUntil });
  }

  // --- steps 8 and 9 ---
  function unknownDevice(): Outcome {
    if (reported && known(device['managed'])) return notEnrolled();
    const item = obj(doc['unknownDevice'] ?? { action: 'quarantine' });
    const action = str(item['action']);
    if (item['hold'] !== undefined && refusing(action)) {
      const end = (at(partnership['firstSeen']) ?? now) + span(item['hold']);
      if (now < end) return stand(item, 'quarantine', 'awaitingReport', 'unknownDevice', iso(end));
    }
    return stand(item, action, 'unknownDevice', 'unknownDevice', null);
  }
  function notEnrolled(): Outcome {
    if (device['managed'] === true) return compliance();
    const item = obj(doc['notEnrolled'] ?? { action: 'quarantine' });
    return stand(item, str(item['action']), 'notEnrolled', 'notEnrolled', null);
  }

  // --- step 10 ---
  function compliance(): Outcome {
    const policies = list(
      doc['compliance'] ?? [{ name: 'default', require: { compliant: true }, action: 'quarantine' }],
    ).map(obj);
    const deployed = policies.filter((policy) => {
      const wanted = policy['groups'];
      const toUser = wanted === undefined ? targeted : groups === null || oneOf(wanted, groups);
      return toUser && mapsHold(policy['match'], true, true) && !mapsHold(policy['except'], false, false);
    });
    if (targeted && deployed.length === 0) {
      const item = obj(doc['noCompliancePolicy'] ?? { action: 'quarantine' });
      const action = str(item['action']);
      if (item['mode'] !== 'reportOnly' || !refusing(action)) return verdict(action, 'noCompliancePolicy');
      would(action, 'noCompliancePolicy', null);
      return verdict('allow', 'compliant');
    }
    interface Found {
      policy: Obj;
      key: string;
      action: string;
      next: number | null;
      reportOnly: boolean;
    }
    const unmet: Found[] = [];
    for (const policy of deployed)
      for (const { key, since, unreported } of unmetOf(policy)) {
        if (unreported && policy['unreported'] === 'pass') continue;
        const steps = stepsOf(policy);
        const from = at(policy['from']);
        const start = Math.max(since ?? -Infinity, from ?? -Infinity);
        // A value that is unmet has been so since now at the latest, whatever a report says.
        const dueAt = ({ after }: { after: number }): number =>
          after === 0 ? (from ?? -Infinity) : start + after;
        const due = steps.filter((step) => dueAt(step) <= now).at(-1);
        const next = steps.find((step) => dueAt(step) > now);
        const nextAt = next === undefined ? null : dueAt(next);
        const future = from !== null && from > now;
        const reportOnly = future || policy['mode'] === 'reportOnly' || due?.reportOnly === true;
        const shown = future ? steps.find((step) => refusing(step.action)) : due;
        unmet.push({ policy, key, action: shown?.action ?? 'warn', next: nextAt, reportOnly });
      }
    const first = (action: string, reportOnly: boolean): Found | undefined =>
      unmet.find((one) => one.action === action && one.reportOnly === reportOnly);
    const until = grandfathered();
    const shadow = first('block', true) ?? first('quarantine', true);
    if (shadow !== undefined && until === null)
      would(shadow.action, reasonOf(shadow.key), text(shadow.policy['name']));
    const refusal = first('block', false) ?? first('quarantine', false);
    if (refusal !== undefined) {
      const more = { rule: text(refusal.policy['name']), requirement: refusal.key };
      if (until !== null) return verdict('allow', 'grandfathered', { ...more, validUntil: until });
      return verdict(refusal.action, reasonOf(refusal.key), { ...more, validUntil: iso(refusal.next) });
    }
    const graces = unmet.filter((one) => !one.reportOnly);
    const soonest = Math.min(...graces.map((one) => one.next ?? Infinity));
    const grace = graces.find((one) => (one.next ?? Infinity) === soonest);
    if (grace === undefined) return verdict('allow', 'compliant');
    return verdict('allow', 'inGracePeriod', {
      rule: text(grace.policy['name']),
      requirement: grace.key,
      validUntil: iso(grace.next),
    });
  }

  function stepsOf(policy: Obj): { after: number; action: string; reportOnly: boolean }[] {
    if (policy['steps'] !== undefined)
      return list(policy['steps'])
        .map(obj)
        .map((step) => ({
          after: span(step['after']),
          action: str(step['action']),
          reportOnly: step['mode'] === 'reportOnly',
        }))
        .sort((a, b) => a.after - b.after);
    const action = text(policy['action']) ?? 'quarantine';
    if (policy['grace'] === undefined) return [{ after: 0, action, reportOnly: false }];
    return [
      { after: 0, action: 'warn', reportOnly: false },
      { after: span(policy['grace']), action, reportOnly: false },
    ];
  }

  function unmetOf(policy: Obj): { key: string; since: number | null; unreported: boolean }[] {
    const require = obj(policy['require']);
    const found: { key: string; since: number | null; unreported: boolean }[] = [];
    const reportedSince = at(device['reportedSince']);
    const later = (a: number | null, b: number | null): number | null =>
      a === null ? b : b === null ? a : Math.max(a, b);
    for (const key of ['compromised', 'compliant', 'encrypted', 'managedMailProfile']) {
      if (require[key] === undefined) continue;
      const value = key === 'compliant' ? compliant : device[key];
      if (value === require[key]) continue;
      const since =
        key === 'compliant' && graceOver ? at(device['graceUntil']) : at(obj(device['unmetSince'])[key]);
      found.push({ key, since: later(since, reportedSince), unreported: !known(value) });
    }
    if (require['minimumOs'] !== undefined) {
      const lowest = Object.fromEntries(
        Object.entries(obj(require['minimumOs'])).map(([name, version]) => [name.toLowerCase(), version]),
      );
      const platform = text(device['platform']);
      const wanted = platform === null ? undefined : lowest[platform.toLowerCase()];
      const version = text(device['osVersion']);
      if (platform === null || (wanted !== undefined && version === null))
        found.push({ key: 'minimumOs', since: reportedSince, unreported: true });
      else if (wanted !== undefined && order(version ?? '', str(wanted)) < 0)
        found.push({ key: 'minimumOs', since: reportedSince, unreported: false });
    }
    if (require['checkInWithin'] !== undefined) {
      const last = at(device['lastCheckIn']);
      const end = last === null ? null : last + span(require['checkInWithin']);
      if (end === null || end <= now)
        found.push({ key: 'checkInWithin', since: end, unreported: end === null });
    }
    const attributes = obj(require['attributes']);
    for (const name of Object.keys(attributes).sort()) {
      const value = obj(device['attributes'])[name];
      if (valueHolds('attribute', attributes[name] ?? null, value, false)) continue;
      found.push({ key: `attributes.${name}`, since: reportedSince, unreported: !known(value) });
    }
    return found;
  }

  function reasonOf(key: string): string {
    const reasons: Readonly<Record<string, string>> = {
      compromised: 'compromised',
      compliant: 'notCompliant',
      encrypted: 'notEncrypted',
      managedMailProfile: 'noManagedMailProfile',
      minimumOs: 'osTooOld',
      checkInWithin: 'notCheckedIn',
    };
    return reasons[key] ?? 'attributeNotMet';
  }

  // --- step 11 ---
  function limit(access: Outcome): Outcome {
    const limits = doc['limits'];
    if (limits === undefined) return access;
    const { devicesPerUser, action = 'block', mode } = limits as Obj;
    const rank = Number(partnership['rank'] ?? Number(partnership['devicesOfUser'] ?? 0) + 1);
    if (rank <= Number(devicesPerUser) || action === 'allow') return access;
    if (mode !== 'reportOnly') return verdict(str(action), 'tooManyDevices');
    would(str(action), 'tooManyDevices', null);
    return access;
  }
}

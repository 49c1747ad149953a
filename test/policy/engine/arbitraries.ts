// Owns random policies and facts, with a small vocabulary, so that conditions often match.
import fc from 'fast-check';
import type { Json, Obj, Expressions } from './oracle.ts';

const DAY = 86_400_000;
export const NOW = Date.parse('2026-12-01T10:00:00Z');

const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
/** Times around now, often exactly at a boundary. */
const time = pick(-400, -100, -90, -31, -30, -14, -7, -3, -1, 0, 1, 3, 14, 40).map((days) =>
  new Date(NOW + days * DAY).toISOString().replace('.000Z', 'Z'),
);
const nullable = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { freq: 4 });

/** A map in which every entry may be absent; keys are in any order. */
function partial(
  shape: Readonly<Record<string, fc.Arbitrary<Json>>>,
  required: readonly string[] = [],
): fc.Arbitrary<Obj> {
  return fc.tuple(fc.record(shape, { requiredKeys: [...required] }), fc.nat()).map(([record, turn]) => {
    const entries = Object.entries(record) as [string, Json][];
    return Object.fromEntries([
      ...entries.slice(turn % (entries.length + 1)),
      ...entries.slice(0, turn % (entries.length + 1)),
    ]);
  });
}

const GROUPS = ['staff', 'Board', 'it', 'pilot', 'contractors'] as const;
const USERS = ['alice@contoso.com', 'CONTOSO\\alice', 'bob@contoso.com', 'svc-scan@contoso.com'] as const;
const VERSIONS = ['11', '12', '12.0.0', '12.4', '17.4', '17.4.1', '17.10', 'iOS 18.0.1'] as const;

export const LISTS: Readonly<Record<string, readonly string[]>> = {
  office: ['10.0.0.0/8', '192.168.1.0/24'],
  crew: ['IT', 'board'],
  phones: ['iPhone', 'Win*'],
};

/** Expressions with their meaning, written out by hand. */
export const EXPRESSIONS: Expressions = {
  'partnership.usersOnDevice > 2 && age(partnership.firstSeen) < duration("168h")': (facts, now) => {
    const { usersOnDevice, firstSeen } = (facts['partnership'] ?? {}) as Obj;
    const many = typeof usersOnDevice === 'number' ? usersOnDevice > 2 : null;
    const young = typeof firstSeen === 'string' ? now - Date.parse(firstSeen) < 7 * DAY : null;
    if (many === false || young === false) return false;
    return many === null || young === null ? null : true;
  },
  'has(device.osVersion) && version(device.osVersion) >= version("17.4")': (facts) => {
    const { osVersion } = (facts['device'] ?? {}) as Obj;
    if (typeof osVersion !== 'string') return false;
    const [major = 0, minor = 0] = (/[0-9.]+/.exec(osVersion)?.[0] ?? '').split('.').map(Number);
    return major > 17 || (major === 17 && minor >= 4);
  },
  '"staff" in user.groups': (facts) => {
    const { groups } = (facts['user'] ?? {}) as Obj;
    return Array.isArray(groups) ? groups.includes('staff') : null;
  },
  'glob(request.userAgent, "*iphone*") || device.compliant': (facts) => {
    const { userAgent } = (facts['request'] ?? {}) as Obj;
    const { compliant, graceUntil } = (facts['device'] ?? {}) as Obj;
    const agent = typeof userAgent === 'string' ? /iphone/i.test(userAgent) : null;
    const good =
      typeof compliant !== 'boolean'
        ? null
        : compliant && !(typeof graceUntil === 'string' && Date.parse(graceUntil) <= NOW);
    if (agent === true || good === true) return true;
    return agent === null || good === null ? null : false;
  },
};

/** Values of a field: plain, lists, unknown and negations of them. */
function wish(...plain: readonly Json[]): fc.Arbitrary<Json> {
  const one = fc.oneof(
    { weight: 5, arbitrary: pick(...plain) },
    { weight: 1, arbitrary: fc.constant('unknown') },
  );
  const several = fc.array(one, { maxLength: 3 });
  const not = fc.oneof(one, several).map((value): Json => ({ not: value }));
  return fc.oneof(
    { weight: 4, arbitrary: one },
    { weight: 2, arbitrary: several },
    { weight: 2, arbitrary: not },
    {
      weight: 1,
      arbitrary: fc.array(fc.oneof(one, not), { minLength: 1, maxLength: 3 }),
    },
  );
}

const attributeWishes = partial({
  threat: wish('secured', 'LOW', 's*'),
  patch: wish('>= 2026-11-20', '< 30d', '> 90d'),
  score: wish(5, '> 3', '<= 5', true),
});
const DEVICE_WISHES = {
  user: wish('alice@contoso.com', 'contoso\\*', '*@contoso.com'),
  groups: wish('staff', 'b*', '@crew', 'pilot'),
  userAttributes: partial({ employeeType: wish('contractor', 'Employee') }),
  targeted: wish(true, false),
  deviceId: wish('appl*', 'ANDROID?1'),
  deviceType: wish('iphone', '@phones', 'WindowsMail', 'Sam*'),
  model: wish('iPhone15,2', 'iphone1?c*', 'SM-*'),
  manufacturer: wish('apple', 'Sam*g'),
  platform: wish('ios', 'Android'),
  os: wish('iOS 17*', '*21E236'),
  osVersion: wish('< 12', '>= 17.4', '17.4', '12', '> 17.4.0', '17.*'),
  attributes: attributeWishes,
  managed: wish(true, false),
  compliant: wish(true, false),
  encrypted: wish(true, false),
  ownership: wish('company', 'PERSONAL'),
  firstSeen: wish('< 7d', '>= 30d', '> 90d'),
  lastAllowed: wish('<= 1d', '> 30d'),
  usersOnDevice: wish(1, '> 2', '<= 1'),
  devicesOfUser: wish('>= 3', 2),
  rank: wish('> 1', 1),
  userAgentChanges: wish('> 0', 0),
};
const REQUEST_WISHES = {
  userAgent: wish('apple-iphone*', 'Outlook*', '*2105*'),
  protocolVersion: wish('>= 16.0', '14.1', '< 14', '16.*'),
  auth: wish('basic', 'certificate'),
  certificateIssuer: wish('CN=Contoso*'),
};
const OFTEN_WISHES = {
  network: wish('@office', '10.1.2.0/24', '192.168.1.7'),
  command: wish('Sync', 'Ping'),
};

function alternatives(shape: Readonly<Record<string, fc.Arbitrary<Json>>>): fc.Arbitrary<Json> {
  const names = Object.keys(shape);
  const map = fc
    .uniqueArray(pick(...names), { maxLength: 3 })
    .chain((chosen) =>
      partial(Object.fromEntries(chosen.map((name) => [name, shape[name] as fc.Arbitrary<Json>])), chosen),
    );
  return fc.oneof(
    { weight: 3, arbitrary: map },
    { weight: 1, arbitrary: fc.array(map, { minLength: 1, maxLength: 2 }) },
  );
}

const action = pick('allow', 'block', 'quarantine');
const mode = pick('enforce', 'reportOnly');
const standing = partial({ action, mode }, ['action']);
const date = pick('2026-11-01', '2026-12-01T10:00:00Z', '2026-12-24', '2027-01-31');

const rule = (index: number): fc.Arbitrary<Obj> =>
  action.chain((chosen) =>
    partial(
      {
        name: fc.constant(`rule ${index}`),
        match: alternatives(
          chosen === 'quarantine'
            ? { ...DEVICE_WISHES, ...REQUEST_WISHES }
            : { ...DEVICE_WISHES, ...REQUEST_WISHES, ...OFTEN_WISHES },
        ),
        except: alternatives({ ...DEVICE_WISHES, ...REQUEST_WISHES, ...OFTEN_WISHES }),
        when: pick(...Object.keys(EXPRESSIONS)),
        action: fc.constant(chosen as Json),
        mode,
        reason: pick('osTooOld', 'deviceRule', 'compromised'),
        from: pick('2026-11-01', '2026-12-01T10:00:00Z', '2026-12-24'),
        until: pick('2026-12-25', '2027-01-31'),
      },
      ['action', 'match'],
    ),
  );

const span = pick('0d', '10m', '1d', '3d', '14d', '30d', '72h');
const step = partial({ after: span, action: pick('warn', 'quarantine', 'block'), mode }, ['after', 'action']);
const requirements = partial({
  compliant: fc.constant(true),
  encrypted: fc.constant(true),
  compromised: fc.constant(false),
  managedMailProfile: fc.constant(true),
  minimumOs: partial({ ios: pick('17.4', '18'), Android: pick('12', '13') }),
  checkInWithin: span,
  attributes: attributeWishes,
});
const compliancePolicy = (index: number): fc.Arbitrary<Obj> =>
  fc.boolean().chain((stepped) =>
    partial(
      {
        name: fc.constant(`policy ${index}`),
        groups: fc.oneof(fc.array(pick<Json>(...GROUPS, 'b*'), { maxLength: 2 }), fc.constant('@crew')),
        match: alternatives(DEVICE_WISHES),
        except: alternatives(DEVICE_WISHES),
        require: requirements,
        unreported: pick('fail', 'pass'),
        ...(stepped
          ? { steps: fc.array(step, { minLength: 1, maxLength: 4 }) }
          : { action: pick('warn', 'quarantine', 'block'), grace: span }),
        mode,
        from: date,
      },
      stepped ? ['require', 'steps'] : ['require'],
    ),
  );

const who = partial({
  groups: fc.array(pick<Json>(...GROUPS, 'b*'), { maxLength: 2 }),
  users: fc.array(pick<Json>(...USERS, 'svc-*'), { maxLength: 2 }),
});

/** Documents that the check accepts. */
export const documents: fc.Arbitrary<Obj> = partial({
  name: fc.constant('random'),
  mode: fc.oneof(
    { weight: 4, arbitrary: fc.constant('enforce') },
    { weight: 1, arbitrary: fc.constant('reportOnly') },
  ),
  lists: fc.constant(LISTS as Json),
  targets: partial({ include: who, exclude: who }),
  untargeted: standing,
  disabledUsers: pick('block', 'ignore'),
  rules: fc.nat(4).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => rule(index)))),
  unknownDevice: partial({ action, mode, hold: pick('10m', '1d') }, ['action']),
  notEnrolled: standing,
  compliance: fc
    .nat(3)
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => compliancePolicy(index)))),
  noCompliancePolicy: standing,
  limits: partial({ devicesPerUser: pick(0, 1, 2), activeWithin: fc.constant('90d'), action, mode }, [
    'devicesPerUser',
  ]),
  grandfather: partial(
    {
      firstSeenBefore: pick('2026-11-01T10:00:00Z', '2026-12-01'),
      activeWithin: pick('30d', '90d'),
      until: pick('2026-12-01T10:00:00Z', '2027-01-31'),
    },
    ['firstSeenBefore', 'until'],
  ),
}).map((document) => ({ ...document, lists: LISTS }));

/** Documents of many rules with one or two conditions each, so that rules decide. */
export const ruleDocuments: fc.Arbitrary<Obj> = fc
  .tuple(documents, fc.array(fc.nat(), { minLength: 3, maxLength: 8 }))
  .chain(([document, several]) =>
    fc.tuple(...several.map((_, index) => rule(index))).map((rules) => ({
      ...document,
      rules: rules as Json,
      untargeted: { action: 'block', mode: 'reportOnly' },
    })),
  );

const attributes = partial({
  threat: nullable(pick<Json>('secured', 'low', 'high')),
  patch: nullable(pick<Json>('2026-11-25', '2026-08-01', 'soon')),
  score: nullable(pick<Json>(5, 3, '5', 'many', true)),
});
const told = {
  platform: nullable(pick('ios', 'iOS', 'android')),
  osVersion: nullable(pick(...VERSIONS)),
  os: nullable(pick('iOS 17.4.1 21E236', 'Android 11')),
  model: nullable(pick('iPhone15,2', 'iPhone15C2', 'SM-G991B')),
  manufacturer: nullable(pick('Apple', 'Samsung')),
};
const flag = nullable(fc.boolean());
const device = partial({
  managed: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: flag }),
  compliant: flag,
  encrypted: flag,
  compromised: flag,
  managedMailProfile: flag,
  ...told,
  ownership: nullable(pick('company', 'personal')),
  lastCheckIn: nullable(time),
  graceUntil: nullable(time),
  reportedSince: nullable(time),
  unmetSince: partial({
    compliant: nullable(time),
    encrypted: nullable(time),
    compromised: nullable(time),
    managedMailProfile: nullable(time),
  }),
  attributes,
});
const count = nullable(pick(0, 1, 2, 3));
const decision = pick('allow', 'block', 'quarantine', 'wipe', 'accountWipe').chain((chosen) =>
  partial(
    {
      scope: chosen.toLowerCase().includes('wipe')
        ? pick('device', 'partnership')
        : pick('device', 'partnership', 'user'),
      action: fc.constant(chosen as Json),
      by: fc.constant('admin'),
      source: chosen.toLowerCase().includes('wipe') ? fc.constant(null) : nullable(fc.constant('exchange')),
      expiresAt: nullable(time),
      ...(chosen.toLowerCase().includes('wipe') && {
        wipe: partial({ state: pick('pending', 'failed', 'acknowledged') }, ['state']),
      }),
    },
    chosen.toLowerCase().includes('wipe') ? ['scope', 'action', 'wipe'] : ['scope', 'action'],
  ),
);

/** Facts with every part absent, null or present. */
export const facts: fc.Arbitrary<Obj> = partial({
  user: fc.oneof(
    {
      weight: 9,
      arbitrary: partial({
        names: fc.uniqueArray(pick<Json>(...USERS), { maxLength: 2 }),
        groups: nullable(fc.uniqueArray(pick<Json>(...GROUPS), { maxLength: 3 })),
        enabled: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: flag }),
        attributes: partial({ employeeType: nullable(pick('contractor', 'employee')) }),
      }),
    },
    { weight: 1, arbitrary: fc.constant(null as Json) },
  ),
  device: fc.oneof({ weight: 9, arbitrary: device }, { weight: 1, arbitrary: fc.constant(null as Json) }),
  partnership: partial({
    deviceId: nullable(pick('ApplDNPHG6NVDT9V', 'android11')),
    deviceType: nullable(pick('iPhone', 'WindowsMail', 'SamsungPhone')),
    told: partial(told),
    firstSeen: nullable(time),
    lastAllowed: nullable(time),
    rank: count,
    devicesOfUser: count,
    usersOnDevice: count,
    userAgentChanges: count,
  }),
  request: partial({
    userAgent: nullable(pick('Apple-iPhone15C2/2105.219', 'Outlook-Android/2.0')),
    protocolVersion: nullable(pick('16.1', '14.1', '14.0', '2.5')),
    address: nullable(pick('10.1.2.3', '192.168.1.7', '203.0.113.9')),
    command: nullable(pick('Sync', 'Ping')),
    auth: nullable(pick('basic', 'certificate')),
    certificateIssuer: nullable(pick('CN=Contoso CA', 'CN=Other')),
  }),
  decisions: fc.oneof(
    { weight: 5, arbitrary: fc.constant([] as Json) },
    { weight: 2, arbitrary: fc.array(decision, { maxLength: 4 }) },
  ),
}).map((all) => ({ now: '2026-12-01T10:00:00Z', ...all }));

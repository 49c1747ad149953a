// Owns the large policy of the benchmarks: 200 rules and 50 compliance policies, as in a fleet that grew.

const RULES = 200;
const POLICIES = 50;

export const TYPES = [
  'iPhone',
  'iPad',
  'SamsungDevice',
  'WindowsMail',
  'Outlook',
  'Android',
  'WP8',
  'PocketPC',
];
export const PLATFORMS = ['ios', 'android', 'windows', 'ipados'];
export const PROTOCOLS = ['16.1', '14.1', '14.0'];
export const GROUPS = Array.from({ length: 60 }, (_, index) => `group ${index}`);

export function pick(values: readonly string[], index: number): string {
  return values[index % values.length] ?? '';
}

/** Rules of 2 to 4 conditions that phones of the fleet mostly do not match, as in a policy that grew. */
function rule(index: number): object {
  return {
    name: `rule ${index}`,
    action: 'block',
    match: {
      model: [`SM-${index}*`, `Phone${index}?`],
      ...(index % 2 === 0
        ? { platform: pick(PLATFORMS, index) }
        : { deviceType: [pick(TYPES, index), pick(TYPES, index * 3 + 1)] }),
      ...(index % 3 === 0 && { osVersion: `< ${8 + (index % 5)}` }),
      ...(index % 4 === 0 && { groups: [pick(GROUPS, index), pick(GROUPS, index * 7)] }),
      ...(index % 5 === 0 && { network: { not: ['10.0.0.0/8', `192.168.${index}.0/24`] } }),
      ...(index % 7 === 0 && { firstSeen: '< 7d' }),
      ...(index % 11 === 0 && { protocolVersion: '< 14.0' }),
    },
  };
}

function compliancePolicy(index: number): object {
  return {
    name: `policy ${index}`,
    groups: [pick(GROUPS, index), pick(GROUPS, index * 3)],
    match: { platform: pick(PLATFORMS, index) },
    require: {
      compliant: true,
      encrypted: true,
      compromised: false,
      minimumOs: { ios: '16', android: '12' },
      checkInWithin: '30d',
      attributes: { threat: ['secured', 'low'] },
    },
    grace: '72h',
  };
}

/** The rules of a document. */
export function rules(): object[] {
  return Array.from({ length: RULES }, (_, index) => rule(index));
}

/** The compliance policies of a document. */
export function compliancePolicies(): object[] {
  return Array.from({ length: POLICIES }, (_, index) => compliancePolicy(index));
}

/**
 * A document for phones of which the directory knows little: every rule and policy is looked at, none keeps a phone out, and
 * whoever has no policy deployed passes.
 */
export function harmlessPolicy(): object {
  return {
    rules: rules(),
    compliance: compliancePolicies(),
    noCompliancePolicy: { action: 'allow' },
  };
}

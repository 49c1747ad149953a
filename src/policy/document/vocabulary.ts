// Owns the vocabulary of policy documents: actions, reasons, requirements, and the fields of conditions.
import type { VerdictReason } from '../../model/reason.ts';

/** The actions of rules and steps. */
export const ACTIONS = ['allow', 'block', 'quarantine'] as const;
export type Action = (typeof ACTIONS)[number];

/** The actions of compliance steps. `warn` allows mail and reports what is due. */
export const STEP_ACTIONS = ['warn', 'quarantine', 'block'] as const;
export type StepAction = (typeof STEP_ACTIONS)[number];

/** A reason of a verdict. */
export type Reason = VerdictReason;

/** Microsoft Graph's exchangeAccessStateReason (managedDevice resource) for each reason. */
export const EXCHANGE_REASONS: Readonly<Record<Reason, string>> = {
  wipeRequested: 'exchangeIndividualRule',
  wiped: 'exchangeIndividualRule',
  userDisabled: 'other',
  individualRule: 'exchangeIndividualRule',
  deviceRule: 'exchangeDeviceRule',
  notTargeted: 'exchangeGlobalRule',
  unknownDevice: 'notEnrolled',
  awaitingReport: 'notEnrolled',
  notEnrolled: 'notEnrolled',
  notCompliant: 'notCompliant',
  notEncrypted: 'notCompliant',
  compromised: 'notCompliant',
  osTooOld: 'notCompliant',
  notCheckedIn: 'notCompliant',
  noManagedMailProfile: 'notCompliant',
  attributeNotMet: 'notCompliant',
  inGracePeriod: 'compliant',
  grandfathered: 'other',
  noCompliancePolicy: 'exchangeGlobalRule',
  tooManyDevices: 'exchangeMailboxPolicy',
  compliant: 'compliant',
  reportOnly: 'other',
  storeUnavailable: 'other',
};

/** Requirements, in the order in which equally strict ones are reported; attributes come last. */
export const REQUIREMENTS = [
  'compromised',
  'compliant',
  'encrypted',
  'managedMailProfile',
  'minimumOs',
  'checkInWithin',
] as const;
export type RequirementName = (typeof REQUIREMENTS)[number];

/** The reason of an unmet requirement; those of attributes have `attributeNotMet`. */
export const REQUIREMENT_REASONS: Readonly<Record<RequirementName, Reason>> = {
  compromised: 'compromised',
  compliant: 'notCompliant',
  encrypted: 'notEncrypted',
  managedMailProfile: 'noManagedMailProfile',
  minimumOs: 'osTooOld',
  checkInWithin: 'notCheckedIn',
};

/** How the values of a field are written and compared. */
export type ValueKind = 'text' | 'version' | 'number' | 'boolean' | 'age' | 'network' | 'attribute';

/** Properties of a field of conditions. */
export interface FieldInfo {
  readonly kind: ValueKind;
  /** Has several values (names, groups): a condition holds if it holds for one. */
  readonly many?: true;
  /** A map from attribute names to values. */
  readonly map?: true;
  /** Changes from request to request. */
  readonly perRequest?: true;
  readonly meaning: string;
}

/** Every field of `match` and `except`. */
export const FIELDS = {
  user: { kind: 'text', many: true, meaning: 'any name of the user' },
  groups: { kind: 'text', many: true, meaning: 'any group of the user' },
  userAttributes: { kind: 'attribute', map: true, meaning: 'attributes of the user, by name' },
  targeted: { kind: 'boolean', meaning: 'whether `targets` applies to the user' },
  deviceId: { kind: 'text', meaning: 'device id' },
  deviceType: { kind: 'text', meaning: 'device type that the phone sends, e.g. iPhone' },
  model: { kind: 'text', meaning: 'model, from a feed or the phone' },
  manufacturer: { kind: 'text', meaning: 'manufacturer, from a feed or the phone' },
  platform: { kind: 'text', meaning: 'platform, e.g. ios or android, from a feed or the phone' },
  os: { kind: 'text', meaning: 'operating system as raw text, from a feed or the phone' },
  osVersion: { kind: 'version', meaning: 'version of the operating system, from a feed or the phone' },
  attributes: { kind: 'attribute', map: true, meaning: 'attributes of the device, by name' },
  managed: { kind: 'boolean', meaning: 'whether the device is managed' },
  compliant: { kind: 'boolean', meaning: 'whether the device is compliant; false once its grace has ended' },
  encrypted: { kind: 'boolean', meaning: 'whether the device is encrypted' },
  ownership: { kind: 'text', meaning: 'who owns the device, e.g. company or personal' },
  userAgent: { kind: 'text', perRequest: true, meaning: 'User-Agent of the request' },
  protocolVersion: {
    kind: 'version',
    perRequest: true,
    meaning: 'protocol version of the request, e.g. "16.1"',
  },
  network: {
    kind: 'network',
    perRequest: true,
    meaning: 'address of the client: addresses or blocks (CIDR)',
  },
  auth: {
    kind: 'text',
    perRequest: true,
    meaning: 'authentication method of the request: basic, bearer, certificate or negotiate',
  },
  certificateIssuer: { kind: 'text', perRequest: true, meaning: 'issuer of the client certificate' },
  command: { kind: 'text', perRequest: true, meaning: 'command of the request, e.g. Sync' },
  firstSeen: {
    kind: 'age',
    meaning: 'how long ago the user was first seen with the device, e.g. "< 7d"',
  },
  lastAllowed: { kind: 'age', meaning: 'how long ago mail was last allowed, e.g. "> 30d"' },
  usersOnDevice: { kind: 'number', meaning: 'number of users seen on the device' },
  devicesOfUser: { kind: 'number', meaning: 'number of devices seen of the user' },
  rank: { kind: 'number', meaning: 'place of the device among the active devices of the user, oldest first' },
  userAgentChanges: { kind: 'number', meaning: 'changes of User-Agent in the last 24 hours' },
} as const satisfies Readonly<Record<string, FieldInfo>>;

/** The name of a field. */
export type FieldName = keyof typeof FIELDS;

/** The properties of a field. */
export function fieldInfo(name: FieldName): FieldInfo {
  return FIELDS[name];
}

/** All field names, as written. */
export const FIELD_NAMES = Object.keys(FIELDS) as readonly FieldName[];

/** Authentication methods for the field `auth`. */
export const AUTH_METHODS = ['basic', 'bearer', 'certificate', 'negotiate'] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

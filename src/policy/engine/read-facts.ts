// Owns parsing of facts from JSON. It never fails: a value of the wrong type is unknown.
import { parseAddress } from '../../ip-address.ts';
import { isPlainVersion, parseVersion } from '../compile/version.ts';
import { foldCase } from '../document/case.ts';
import { parseTime } from '../document/times.ts';
import { isNumber } from '../document/value.ts';
import type {
  Attribute,
  Attributes,
  DecisionAction,
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
} from './facts.ts';

type Json = Readonly<Record<string, unknown>>;

/** Parses facts; `now` = the default time, in milliseconds since the epoch. */
export function readFacts(json: unknown, now: number): Facts {
  const facts = objectOf(json) ?? {};
  return {
    now: timeOf(facts['now']) ?? now,
    user: readUser(objectOf(facts['user']) ?? {}),
    device: readDevice(objectOf(facts['device'])),
    partnership: readPartnership(objectOf(facts['partnership'])),
    request: readRequest(objectOf(facts['request']) ?? {}),
    decisions: listOf(facts['decisions']).flatMap(readDecision),
  };
}

function readUser(json: Json): UserFacts {
  return {
    names: textsOf(json['names']) ?? [],
    groups: textsOf(json['groups']),
    enabled: booleanOf(json['enabled']),
    attributes: attributesOf(json['attributes']),
  };
}

function readDevice(json: Json | null): DeviceFacts | null {
  if (json === null) return null;
  const since = objectOf(json['unmetSince']) ?? {};
  return {
    managed: booleanOf(json['managed']),
    compliant: booleanOf(json['compliant']),
    encrypted: booleanOf(json['encrypted']),
    compromised: booleanOf(json['compromised']),
    managedMailProfile: booleanOf(json['managedMailProfile']),
    ...readTold(json),
    ownership: textOf(json['ownership']),
    lastCheckIn: timeOf(json['lastCheckIn']),
    graceUntil: timeOf(json['graceUntil']),
    reportedSince: timeOf(json['reportedSince']),
    unmetSince: {
      compliant: timeOf(since['compliant']),
      encrypted: timeOf(since['encrypted']),
      compromised: timeOf(since['compromised']),
      managedMailProfile: timeOf(since['managedMailProfile']),
    },
    attributes: attributesOf(json['attributes']),
  };
}

function readTold(json: Json): ToldFacts {
  return {
    platform: textOf(json['platform']),
    osVersion: versionOf(json['osVersion']),
    os: textOf(json['os']),
    model: textOf(json['model']),
    manufacturer: textOf(json['manufacturer']),
  };
}

function readPartnership(json: Json | null): PartnershipFacts | null {
  if (json === null) return null;
  return {
    deviceId: textOf(json['deviceId']),
    deviceType: textOf(json['deviceType']),
    told: readTold(objectOf(json['told']) ?? {}),
    firstSeen: timeOf(json['firstSeen']),
    lastAllowed: timeOf(json['lastAllowed']),
    rank: numberOf(json['rank']),
    devicesOfUser: numberOf(json['devicesOfUser']),
    usersOnDevice: numberOf(json['usersOnDevice']),
    userAgentChanges: numberOf(json['userAgentChanges']),
  };
}

function readRequest(json: Json): RequestFacts {
  const address = textOf(json['address']);
  return {
    userAgent: textOf(json['userAgent']),
    protocolVersion: versionOf(json['protocolVersion']),
    address: address === null ? null : parseAddress(address.as),
    addressText: address?.as ?? null,
    command: textOf(json['command']),
    auth: textOf(json['auth']),
    certificateIssuer: textOf(json['certificateIssuer']),
  };
}

const SCOPES: ReadonlySet<unknown> = new Set<DecisionScope>(['device', 'partnership', 'user']);
const DECISIONS: ReadonlySet<unknown> = new Set<DecisionAction>([
  'allow',
  'quarantine',
  'block',
  'accountWipe',
  'wipe',
]);

function readDecision(entry: unknown): DecisionFacts[] {
  const json = objectOf(entry);
  if (json === null || !SCOPES.has(json['scope']) || !DECISIONS.has(json['action'])) return [];
  const { source } = json;
  const expires = json['expiresAt'] ?? null;
  const expiresAt = timeOf(expires);
  // An allow with an unreadable end counts as expired; other decisions stay in force.
  if (expires !== null && expiresAt === null && json['action'] === 'allow') return [];
  return [
    {
      scope: json['scope'] as DecisionScope,
      action: json['action'] as DecisionAction,
      by: textOf(json['by'])?.as ?? null,
      source: source === null || source === undefined ? null : (textOf(source)?.as ?? ''),
      reason: textOf(json['reason'])?.as ?? null,
      decidedAt: timeOf(json['decidedAt']),
      expiresAt,
      acknowledged: objectOf(json['wipe'])?.['state'] === 'acknowledged',
    },
  ];
}

function objectOf(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function booleanOf(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function timeOf(value: unknown): number | null {
  return typeof value === 'string' ? parseTime(value) : null;
}

/** A text in the form the engine reads; null = none. */
export function textOf(value: unknown): Text | null {
  return typeof value === 'string' ? folded(value) : null;
}

/** Likewise, for a value that is known to be a text. */
export function folded(text: string): Text {
  return { as: text, lower: foldCase(text) };
}

function textsOf(value: unknown): Text[] | null {
  if (!Array.isArray(value)) return null;
  return listOf(value).flatMap((entry) => textOf(entry) ?? []);
}

/** A version in the form the engine reads; null = none, or no number in it. */
export function versionOf(value: unknown): VersionText | null {
  const text = textOf(value);
  const version = text === null ? null : parseVersion(text.as);
  return text === null || version === null ? null : { ...text, version };
}

/** Most users and devices have none. */
const NO_ATTRIBUTES: Attributes = new Map();

function isEmpty(object: Json): boolean {
  for (const _name in object) return false;
  return true;
}

/** Attributes in the form the engine reads; values of other kinds are left out. */
export function attributesOf(value: unknown): Attributes {
  const object = objectOf(value);
  if (object === null || isEmpty(object)) return NO_ATTRIBUTES;
  const attributes = new Map<string, Attribute>();
  for (const [name, entry] of Object.entries(object)) {
    const attribute = attributeOf(entry);
    if (attribute !== null) attributes.set(name, attribute);
  }
  return attributes;
}

function attributeOf(value: unknown): Attribute | null {
  if (typeof value === 'boolean')
    return { value, text: String(value), number: Number.NaN, time: Number.NaN, version: null };
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return null;
    const text = String(value);
    return { value, text, number: value, time: Number.NaN, version: null };
  }
  const text = textOf(value);
  if (text === null) return null;
  const trimmed = text.as.trim();
  return {
    value: text.as,
    text: text.lower,
    number: isNumber(trimmed) ? Number(trimmed) : Number.NaN,
    time: parseTime(trimmed) ?? Number.NaN,
    version: isPlainVersion(trimmed) ? parseVersion(trimmed) : null,
  };
}

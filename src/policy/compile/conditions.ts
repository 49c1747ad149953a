// Owns conditions: a field of `match` or `except` with its value, compiled to a function of the facts.
import type { RawConditions, RawValue } from '../document/schema.ts';
import { attributeNamed } from './attribute-name.ts';
import { readValue } from '../document/value.ts';
import type { Complain, Lists, Value } from '../document/value.ts';
import { formatAge } from '../document/times.ts';
import { FIELD_NAMES, fieldInfo } from '../document/vocabulary.ts';
import type { FieldName } from '../document/vocabulary.ts';
import type { Attributes, Text, VersionText } from '../engine/facts.ts';
import {
  ageMatch,
  attributeMatch,
  booleanMatch,
  networkMatch,
  numberMatch,
  textMatch,
  textsMatch,
  versionMatch,
} from './matcher.ts';
import type { Address } from '../../ip-address.ts';
import type { Scene } from './scene.ts';

/** The value that a condition found, for explanations. */
export type Found = string | number | boolean | readonly string[] | null;

/** One condition. */
export interface Condition {
  readonly field: FieldName;
  /** The field; with the attribute's name for attributes. */
  readonly label: string;
  /** Name of the attribute, for `attributes` and `userAttributes`. */
  readonly attribute: string | null;
  /** The value in the document. */
  readonly wanted: RawValue;
  readonly value: Value;
  /** Whether an unknown fact matches `{ not: … }`. */
  readonly unknownMatchesNot: boolean;
  readonly holds: (scene: Scene) => boolean;
  readonly found: (scene: Scene) => Found;
}

/** Compiles the conditions of one map, in the order of the field table. */
export function compileConditions(
  raw: RawConditions,
  unknownMatchesNot: boolean,
  lists: Lists,
  complain: Complain,
): Condition[] {
  return FIELD_NAMES.flatMap((field) => {
    const written = raw[field];
    if (written === undefined) return [];
    if (field === 'attributes' || field === 'userAttributes') {
      const map = written as Readonly<Record<string, RawValue>>;
      return Object.keys(map)
        .sort()
        .map((name) => {
          const wanted = map[name] as RawValue;
          const value = readValue(wanted, 'attribute', lists, (message, path) =>
            complain(message, [field, name, ...path]),
          );
          return attributeCondition(field, name, wanted, value, unknownMatchesNot);
        });
    }
    const wanted = written as RawValue;
    const value = readValue(wanted, fieldInfo(field).kind, lists, (message, path) =>
      complain(message, [field, ...path]),
    );
    return [condition(field, wanted, value, unknownMatchesNot)];
  });
}

function attributeCondition(
  field: 'attributes' | 'userAttributes',
  name: string,
  wanted: RawValue,
  value: Value,
  unknownMatchesNot: boolean,
): Condition {
  const match = attributeMatch(value, unknownMatchesNot);
  const read = field === 'attributes' ? deviceAttributes : userAttributes;
  const find = attributeNamed(name);
  return {
    field,
    label: `${field}.${name}`,
    attribute: name,
    wanted,
    value,
    unknownMatchesNot,
    holds: (scene) => match(find(read(scene)), scene) === 1,
    found: (scene) => find(read(scene))?.value ?? null,
  };
}

function deviceAttributes({ facts }: Scene): Attributes | null {
  return facts.device?.attributes ?? null;
}

function userAttributes({ facts }: Scene): Attributes {
  return facts.user.attributes;
}

function condition(field: FieldName, wanted: RawValue, value: Value, unknownMatchesNot: boolean): Condition {
  return {
    field,
    label: field,
    attribute: null,
    wanted,
    value,
    unknownMatchesNot,
    ...compileField(field, value, unknownMatchesNot),
  };
}

function compileField(
  field: FieldName,
  value: Value,
  unknownMatchesNot: boolean,
): Pick<Condition, 'holds' | 'found'> {
  if (field in TEXTS) {
    const read = TEXTS[field as keyof typeof TEXTS];
    const match = textMatch(value, unknownMatchesNot);
    return { holds: (scene) => match(read(scene), scene) === 1, found: (scene) => read(scene)?.as ?? null };
  }
  if (field in VERSIONS) {
    const read = VERSIONS[field as keyof typeof VERSIONS];
    const match = versionMatch(value, unknownMatchesNot);
    return { holds: (scene) => match(read(scene), scene) === 1, found: (scene) => read(scene)?.as ?? null };
  }
  if (field in BOOLEANS) {
    const read = BOOLEANS[field as keyof typeof BOOLEANS];
    const match = booleanMatch(value, unknownMatchesNot);
    return { holds: (scene) => match(read(scene), scene) === 1, found: read };
  }
  if (field in NUMBERS) {
    const read = NUMBERS[field as keyof typeof NUMBERS];
    const match = numberMatch(value, unknownMatchesNot);
    return { holds: (scene) => match(read(scene), scene) === 1, found: read };
  }
  if (field in AGES) {
    const read = AGES[field as keyof typeof AGES];
    const match = ageMatch(value, unknownMatchesNot);
    return {
      holds: (scene) => match(read(scene), scene) === 1,
      found: (scene) => {
        const time = read(scene);
        return time === null ? null : formatAge(scene.now - time);
      },
    };
  }
  if (field in MANY) {
    const read = MANY[field as keyof typeof MANY];
    const match = textsMatch(value, unknownMatchesNot);
    return {
      holds: (scene) => match(read(scene), scene) === 1,
      found: field === 'groups' ? groupNames : (scene) => read(scene)?.map(({ as }) => as) ?? null,
    };
  }
  // A field without a way to read it must not be compared with the address of the client.
  if (field !== 'network') throw new Error(`no condition reads the field ${field}`);
  const match = networkMatch(value, unknownMatchesNot);
  return {
    holds: (scene) => match(addressOf(scene), scene) === 1,
    found: ({ facts }) => facts.request.addressText,
  };
}

function groupNames(scene: Scene): readonly string[] | null {
  return scene.groupNames;
}

type Read<Fact> = (scene: Scene) => Fact | null;

/** Reported values take precedence over the phone's own description. */
function reportedOrTold<Fact>(name: 'model' | 'manufacturer' | 'platform' | 'os' | 'osVersion'): Read<Fact> {
  return ({ facts }) => (facts.device?.[name] ?? facts.partnership?.told[name] ?? null) as Fact | null;
}

const TEXTS = {
  deviceId: ({ facts }) => facts.partnership?.deviceId ?? null,
  deviceType: ({ facts }) => facts.partnership?.deviceType ?? null,
  model: reportedOrTold<Text>('model'),
  manufacturer: reportedOrTold<Text>('manufacturer'),
  platform: reportedOrTold<Text>('platform'),
  os: reportedOrTold<Text>('os'),
  ownership: ({ facts }) => facts.device?.ownership ?? null,
  userAgent: ({ facts }) => facts.request.userAgent,
  auth: ({ facts }) => facts.request.auth,
  certificateIssuer: ({ facts }) => facts.request.certificateIssuer,
  command: ({ facts }) => facts.request.command,
} as const satisfies Readonly<Record<string, Read<Text>>>;

const VERSIONS = {
  osVersion: reportedOrTold<VersionText>('osVersion'),
  protocolVersion: ({ facts }) => facts.request.protocolVersion,
} as const satisfies Readonly<Record<string, Read<VersionText>>>;

const BOOLEANS = {
  targeted: (scene) => scene.targeted,
  managed: ({ facts }) => facts.device?.managed ?? null,
  compliant: (scene) => scene.compliant,
  encrypted: ({ facts }) => facts.device?.encrypted ?? null,
} as const satisfies Readonly<Record<string, Read<boolean>>>;

const NUMBERS = {
  usersOnDevice: ({ facts }) => facts.partnership?.usersOnDevice ?? null,
  devicesOfUser: ({ facts }) => facts.partnership?.devicesOfUser ?? null,
  rank: ({ facts }) => facts.partnership?.rank ?? null,
  userAgentChanges: ({ facts }) => facts.partnership?.userAgentChanges ?? null,
} as const satisfies Readonly<Record<string, Read<number>>>;

const AGES = {
  firstSeen: ({ facts }) => facts.partnership?.firstSeen ?? null,
  lastAllowed: ({ facts }) => facts.partnership?.lastAllowed ?? null,
} as const satisfies Readonly<Record<string, Read<number>>>;

const MANY = {
  user: ({ facts }) => (facts.user.names.length === 0 ? null : facts.user.names),
  groups: ({ facts }) => facts.user.groups,
} as const satisfies Readonly<Record<string, Read<readonly Text[]>>>;

function addressOf({ facts }: Scene): Address | null {
  return facts.request.address;
}

/** A field's key for the index: its text in lower case, null = unknown. */
export type IndexedField = (scene: Scene) => string | null;

/** Fields of the index: single values, with few distinct ones among all phones. */
export const INDEXED_FIELDS: Readonly<Partial<Record<FieldName, IndexedField>>> = {
  deviceType: (scene) => TEXTS.deviceType(scene)?.lower ?? null,
  platform: (scene) => TEXTS.platform(scene)?.lower ?? null,
  protocolVersion: (scene) => VERSIONS.protocolVersion(scene)?.lower ?? null,
  model: (scene) => TEXTS.model(scene)?.lower ?? null,
  osVersion: (scene) => VERSIONS.osVersion(scene)?.lower ?? null,
};

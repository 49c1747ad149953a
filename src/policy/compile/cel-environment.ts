// Owns the CEL environment of `when`: typed variables, and functions that compare like conditions do.
import { createRequire } from 'node:module';
import type * as Cel from '@marcbachmann/cel-js';
import { foldCase } from '../document/case.ts';
import { parseTime } from '../document/times.ts';
import { compileGlob } from './glob.ts';
import type { Clock } from './matcher.ts';
import { compileRanges } from './network.ts';
import { parseAddress, parseRange } from '../../ip-address.ts';
import { compareVersions, parseVersion } from './version.ts';
import type { Version } from './version.ts';

/** A version in an expression. It compares with versions only, so that `version(x) < 17.4` is an error. */
class VersionValue {
  readonly version: Version;
  constructor(version: Version) {
    this.version = version;
  }
}

/** The age of a time. Comparing it records when the result will change. */
class AgeValue {
  readonly time: number;
  constructor(time: number) {
    this.time = time;
  }
}

const TIME = 'google.protobuf.Timestamp';
const LENGTH = 'google.protobuf.Duration';
const TOLD = {
  platform: 'string',
  osVersion: 'string',
  os: 'string',
  model: 'string',
  manufacturer: 'string',
} as const;

/** The fields of each kind of object. An undefined field is unknown; reading it makes the expression fail. */
const SHAPES = {
  User: { names: 'list<string>', groups: 'list<string>', enabled: 'bool', attributes: 'map<string, dyn>' },
  Device: {
    managed: 'bool',
    compliant: 'bool',
    encrypted: 'bool',
    compromised: 'bool',
    managedMailProfile: 'bool',
    ...TOLD,
    ownership: 'string',
    lastCheckIn: TIME,
    graceUntil: TIME,
    reportedSince: TIME,
    unmetSince: 'UnmetSince',
    attributes: 'map<string, dyn>',
  },
  UnmetSince: { compliant: TIME, encrypted: TIME, compromised: TIME, managedMailProfile: TIME },
  Partnership: {
    deviceId: 'string',
    deviceType: 'string',
    told: 'Told',
    firstSeen: TIME,
    lastAllowed: TIME,
    rank: 'int',
    devicesOfUser: 'int',
    usersOnDevice: 'int',
    userAgentChanges: 'int',
  },
  Told: TOLD,
  Request: {
    userAgent: 'string',
    protocolVersion: 'string',
    address: 'string',
    command: 'string',
    auth: 'string',
    certificateIssuer: 'string',
  },
} as const;

type Shape = keyof typeof SHAPES;

/** The values of an object in an expression. */
export type CelFields<Name extends Shape> = Readonly<Record<keyof (typeof SHAPES)[Name], unknown>>;

class CelObject {
  constructor(fields: object) {
    Object.assign(this, fields);
  }

  /** For error messages of the library. */
  get [Symbol.toStringTag](): string {
    return 'facts';
  }
}

/** The library identifies the kind of an object by its class. */
const CLASSES: Readonly<Record<Shape, new (fields: object) => object>> = {
  User: class extends CelObject {},
  Device: class extends CelObject {},
  UnmetSince: class extends CelObject {},
  Partnership: class extends CelObject {},
  Told: class extends CelObject {},
  Request: class extends CelObject {},
};

/** Makes an object for an expression. */
export function celObject<Name extends Shape>(name: Name, fields: CelFields<Name>): object {
  return new CLASSES[name](fields);
}

/** Every field of a variable, for suggestions. */
export const CEL_KEYS: ReadonlySet<string> = new Set(
  Object.values(SHAPES).flatMap((shape) => Object.keys(shape)),
);

/** The variables of an expression. */
export const CEL_VARIABLES = ['user', 'device', 'partnership', 'request', 'now'];

/**
 * The clock of the current evaluation: the library passes no context to functions. Evaluation is synchronous and never
 * nested.
 */
let clock: Clock = { now: 0, note: () => undefined };

/** Evaluates an expression; comparisons with the time are recorded at the clock. @throws where a value is unknown */
export function runWith(own: Clock, expression: Cel.ParseResult, variables: object): unknown {
  clock = own;
  return expression(variables) as unknown;
}

function makeEnvironment(): Cel.Environment {
  const library = createRequire(import.meta.url)('@marcbachmann/cel-js') as typeof Cel;
  const built = new library.Environment({
    limits: { maxAstNodes: 500, maxDepth: 32, maxListElements: 200, maxMapEntries: 50, maxCallArguments: 8 },
  })
    .registerType('Version', VersionValue)
    .registerType('Age', AgeValue)
    .registerFunction('version(string): Version', versionOf)
    .registerFunction(`age(${TIME}): Age`, (time: Date) => new AgeValue(time.getTime()))
    .registerFunction('age(string): Age', (text: string) => new AgeValue(timeOf(text)))
    .registerFunction('glob(string, string): bool', (text: string, pattern: string) =>
      compileGlob(foldCase(pattern))(foldCase(text)),
    )
    .registerFunction('inNetwork(string, string): bool', inNetwork)
    .registerFunction('inNetwork(string, list<string>): bool', (address: string, blocks: string[]) =>
      blocks.some((block) => inNetwork(address, block)),
    );
  const compare: Readonly<Record<string, (a: number, b: number) => boolean>> = {
    '<': (a, b) => a < b,
    '<=': (a, b) => a <= b,
    '>': (a, b) => a > b,
    '>=': (a, b) => a >= b,
  };
  for (const [operator, holds] of Object.entries(compare)) {
    built
      .registerOperator(`Version ${operator} Version`, (a: VersionValue, b: VersionValue) =>
        holds(compareVersions(a.version, b.version), 0),
      )
      .registerOperator(`Version ${operator} string`, (a: VersionValue, b: string) =>
        holds(compareVersions(a.version, versionOf(b).version), 0),
      )
      .registerOperator(`Age ${operator} Age`, (a: AgeValue, b: AgeValue) => holds(b.time, a.time))
      .registerOperator(`Age ${operator} ${LENGTH}`, (a: AgeValue, b: { valueOf(): number }) =>
        holds(ageAgainst(a, Number(b)), Number(b)),
      )
      .registerOperator(`${LENGTH} ${operator} Age`, (a: { valueOf(): number }, b: AgeValue) =>
        holds(Number(a), ageAgainst(b, Number(a))),
      );
  }
  built.registerOperator(
    'Version == Version',
    (a: VersionValue, b: VersionValue) => compareVersions(a.version, b.version) === 0,
  );
  for (const name of ['UnmetSince', 'Told', 'User', 'Device', 'Partnership', 'Request'] as const)
    built.registerType(name, { ctor: CLASSES[name], fields: SHAPES[name] });
  return built
    .registerVariable('user', 'User')
    .registerVariable('device', 'Device')
    .registerVariable('partnership', 'Partnership')
    .registerVariable('request', 'Request')
    .registerVariable('now', TIME);
}

/** Compares an age, and records when it passes the given length. */
function ageAgainst({ time }: AgeValue, length: number): number {
  clock.note(time + length);
  clock.note(time + length + 1);
  return clock.now - time;
}

function versionOf(text: string): VersionValue {
  const version = parseVersion(text);
  if (version === null) throw new Error(`no version: ${text}`);
  return new VersionValue(version);
}

function timeOf(text: string): number {
  const time = parseTime(text);
  if (time === null) throw new Error(`no time: ${text}`);
  return time;
}

function inNetwork(address: string, block: string): boolean {
  const parsed = parseAddress(address);
  const range = parseRange(block);
  if (parsed === null || range === null) throw new Error(`no address or block: ${address}, ${block}`);
  return compileRanges([range])(parsed);
}

let made: Cel.Environment | null = null;

/** Parses and checks expressions. The library is loaded with the first one: few policies have any, and every process compiles one. */
export function environment(): Cel.Environment {
  return (made ??= makeEnvironment());
}

// Owns `easgate simulate`: what a policy decides about made-up facts, step by step.
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { readText } from '../app/policy-file.ts';
import { CommandError } from './context.ts';
import { explainFacts, openPolicy } from './policy-file.ts';

type Json = Record<string, unknown>;

/** One option and the fact it sets. */
interface FactOption {
  readonly flag: string;
  readonly text: string;
  readonly path: readonly [string, ...string[]];
  readonly kind: 'text' | 'list' | 'flag' | 'number' | 'attribute';
}

const OPTIONS: readonly FactOption[] = [
  { flag: '--user <name...>', text: 'names of the user', path: ['user', 'names'], kind: 'list' },
  { flag: '--group <name...>', text: 'groups of the user', path: ['user', 'groups'], kind: 'list' },
  { flag: '--enabled <yes|no>', text: 'the account is enabled', path: ['user', 'enabled'], kind: 'flag' },
  {
    flag: '--user-attribute <name=value...>',
    text: 'attributes of the user',
    path: ['user', 'attributes'],
    kind: 'attribute',
  },
  { flag: '--managed <yes|no>', text: 'the device is managed', path: ['device', 'managed'], kind: 'flag' },
  {
    flag: '--compliant <yes|no>',
    text: 'the device is compliant',
    path: ['device', 'compliant'],
    kind: 'flag',
  },
  {
    flag: '--encrypted <yes|no>',
    text: 'the device is encrypted',
    path: ['device', 'encrypted'],
    kind: 'flag',
  },
  {
    flag: '--compromised <yes|no>',
    text: 'the device is compromised',
    path: ['device', 'compromised'],
    kind: 'flag',
  },
  {
    flag: '--managed-mail-profile <yes|no>',
    text: 'the mail account is managed',
    path: ['device', 'managedMailProfile'],
    kind: 'flag',
  },
  { flag: '--platform <name>', text: 'platform, e.g. ios', path: ['device', 'platform'], kind: 'text' },
  {
    flag: '--os-version <version>',
    text: 'version of the system',
    path: ['device', 'osVersion'],
    kind: 'text',
  },
  { flag: '--model <model>', text: 'model', path: ['device', 'model'], kind: 'text' },
  { flag: '--ownership <word>', text: 'company or personal', path: ['device', 'ownership'], kind: 'text' },
  { flag: '--last-check-in <time>', text: 'last check-in', path: ['device', 'lastCheckIn'], kind: 'text' },
  {
    flag: '--attribute <name=value...>',
    text: 'attributes of the device',
    path: ['device', 'attributes'],
    kind: 'attribute',
  },
  { flag: '--device <id>', text: 'device id', path: ['partnership', 'deviceId'], kind: 'text' },
  { flag: '--type <type>', text: 'device type', path: ['partnership', 'deviceType'], kind: 'text' },
  { flag: '--first-seen <time>', text: 'first seen', path: ['partnership', 'firstSeen'], kind: 'text' },
  { flag: '--last-allowed <time>', text: 'last allowed', path: ['partnership', 'lastAllowed'], kind: 'text' },
  { flag: '--rank <number>', text: 'place among the devices', path: ['partnership', 'rank'], kind: 'number' },
  { flag: '--address <ip>', text: 'address of the client', path: ['request', 'address'], kind: 'text' },
  { flag: '--user-agent <text>', text: 'User-Agent', path: ['request', 'userAgent'], kind: 'text' },
  {
    flag: '--protocol-version <version>',
    text: 'protocol version',
    path: ['request', 'protocolVersion'],
    kind: 'text',
  },
  { flag: '--command <name>', text: 'command', path: ['request', 'command'], kind: 'text' },
  {
    flag: '--auth <way>',
    text: 'basic, bearer, certificate or negotiate',
    path: ['request', 'auth'],
    kind: 'text',
  },
  { flag: '--now <time>', text: 'at this time, e.g. 2026-12-01T10:00:00Z', path: ['now'], kind: 'text' },
];

/** Registers `simulate`. */
export function registerSimulate(program: Command): void {
  const simulate = program
    .command('simulate')
    .description('what a policy decides about made-up facts; a fact that is not given is unknown')
    .requiredOption('--policy <file>', 'policy document')
    .option('--facts <file>', 'JSON file of facts to begin with')
    .option('--json', 'one JSON document');
  for (const { flag, text, kind } of OPTIONS) {
    if (kind === 'flag') simulate.option(flag, text, yesOrNo);
    else if (kind === 'number') simulate.option(flag, text, Number);
    else simulate.option(flag, text);
  }
  simulate.action((options: Json) => {
    const policy = openPolicy(String(options['policy']));
    const facts = factsOf(options);
    process.stdout.write(explainFacts(policy, facts, options['json'] === true));
  });
}

function factsOf(options: Json): Json {
  const { facts: file } = options;
  const facts = typeof file === 'string' ? readJson(file) : {};
  for (const { flag, path, kind } of OPTIONS) {
    const value = options[optionName(flag)];
    if (value === undefined) continue;
    const [first, second] = path;
    const part = second === undefined ? facts : objectIn(facts, first);
    const name = second ?? first;
    if (kind === 'attribute') Object.assign(objectIn(part, name), attributesOf(value as readonly string[]));
    else part[name] = value;
  }
  return facts;
}

function readJson(file: string): Json {
  try {
    const facts: unknown = JSON.parse(readText(file));
    if (typeof facts === 'object' && facts !== null && !Array.isArray(facts)) return facts as Json;
  } catch (error) {
    throw new CommandError('EASGATE_POLICY_FACTS', error instanceof Error ? error.message : String(error));
  }
  throw new CommandError('EASGATE_POLICY_FACTS', `${file} is not one JSON object`);
}

function objectIn(parent: Json, name: string): Json {
  const found = parent[name];
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) return found as Json;
  const made: Json = {};
  parent[name] = made;
  return made;
}

/** `--os-version <version>` is kept as `osVersion`. */
function optionName(flag: string): string {
  const [word = ''] = flag.slice(2).split(' ');
  return word.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** `name=value`; numbers and booleans as such. */
function attributesOf(pairs: readonly string[]): Json {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 1) throw new CommandError('EASGATE_USAGE', `${pair} is not name=value`);
      const text = pair.slice(equals + 1);
      const value =
        text === 'true' || text === 'false'
          ? text === 'true'
          : /^-?[0-9]+(\.[0-9]+)?$/.test(text)
            ? Number(text)
            : text;
      return [pair.slice(0, equals), value];
    }),
  );
}

function yesOrNo(text: string): boolean | null {
  if (text === 'yes' || text === 'true') return true;
  if (text === 'no' || text === 'false') return false;
  if (text === 'unknown') return null;
  throw new InvalidArgumentError('yes, no or unknown');
}

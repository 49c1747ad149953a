// Owns the work of `easgate simulate`: the verdict of a policy on given facts, step by step.
import { readText } from '../config/policy-file.ts';
import { ProgramError } from '../errors.ts';
import { FACT_OPTIONS } from './commands/fact-options.ts';
import { print } from './output.ts';
import { explainFacts, openPolicy } from './policy-file.ts';

type Json = Record<string, unknown>;

/** `simulate`, with one option per fact. */
export function simulate(options: Json): void {
  const policy = openPolicy(String(options['policy']));
  print(explainFacts(policy, factsOf(options), options['json'] === true));
}

function factsOf(options: Json): Json {
  const { facts: file } = options;
  const facts = typeof file === 'string' ? readJson(file) : {};
  for (const { flag, path, kind } of FACT_OPTIONS) {
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
    throw new ProgramError('EASGATE_POLICY_FACTS', error instanceof Error ? error.message : String(error));
  }
  throw new ProgramError('EASGATE_POLICY_FACTS', `${file} is not one JSON object`);
}

function objectIn(parent: Json, name: string): Json {
  const found = parent[name];
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) return found as Json;
  const made: Json = {};
  parent[name] = made;
  return made;
}

/** Commander stores `--os-version <version>` as `osVersion`. */
function optionName(flag: string): string {
  const [word = ''] = flag.slice(2).split(' ');
  return word.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** `name=value`; numbers and booleans as such. */
function attributesOf(pairs: readonly string[]): Json {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 1) throw new ProgramError('EASGATE_USAGE', `${pair} is not name=value`);
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

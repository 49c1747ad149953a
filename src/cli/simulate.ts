// Owns the work of `easgate simulate`: the verdict of a policy on given facts and recorded requests, step by step.
import type { Command } from 'commander';
import { factsOfLogLine, factsOfRequest } from '../app/recorded-request.ts';
import { addFacts, objectIn } from '../app/simulate.ts';
import { messageOf } from '../caught-error.ts';
import { readBytes } from '../config/policy-file.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { FACT_OPTIONS } from './commands/fact-options.ts';
import { readStdin, withStore } from './context.ts';
import { print } from './output.ts';
import { policyNamed } from './policy-comparison.ts';
import { explainFacts, explainedText, openPolicy } from './policy-file.ts';
import { ask } from './remote/client.ts';
import { contextOf } from './remote/contexts.ts';
import { remotePolicy } from './remote/policies.ts';

type Json = Record<string, unknown>;

/** `simulate`, with one option per fact. */
export async function simulate(options: Json, command: Command): Promise<void> {
  const name = String(options['policy']);
  const json = options['json'] === true;
  const context = contextOf(command);
  if (context === null) {
    const isKept = ['live', 'shadow', 'rollout', 'configured'].includes(name) || /^\d+$/.test(name);
    const policy = isKept
      ? await withStore(
          command,
          async (store, config) => (await policyNamed(store, config, name)).live.policy,
        )
      : openPolicy(name);
    print(explainFacts(policy, await factsOf(options), json));
    return;
  }
  const body = { policy: remotePolicy(name), facts: await factsOf(options) };
  print(explainedText(await ask(context, 'simulate', { body }), json));
}

/** The facts of a file, of a recording, and of options: what comes later counts. */
async function factsOf(options: Json): Promise<Json> {
  const facts = await givenFacts(options);
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

async function givenFacts({ facts: file, logLine, request }: Json): Promise<Json> {
  if ([file, logLine, request].filter((source) => source === '-').length > 1)
    throw new ProgramError(
      'EASGATE_USAGE',
      'only one of --facts, --log-line and --request can be standard input',
    );
  try {
    const facts = typeof file === 'string' ? objectOf(file, await read(file)) : {};
    if (typeof logLine === 'string')
      addFacts(facts, factsOfLogLine(logLine === '-' ? (await readStdin()).toString('utf8') : logLine));
    if (typeof request === 'string') addFacts(facts, factsOfRequest(await read(request)));
    return facts;
  } catch (error) {
    throw new ProgramError('EASGATE_POLICY_FACTS', messageOf(error));
  }
}

/** A file, or standard input where it is `-`. */
async function read(file: string): Promise<Buffer> {
  return file === '-' ? readStdin() : readBytes(file);
}

function objectOf(file: string, bytes: Buffer): Json {
  const facts: unknown = JSON.parse(bytes.toString('utf8').replace(/^\uFEFF/, ''));
  if (typeof facts === 'object' && facts !== null && !Array.isArray(facts)) return facts as Json;
  throw new Error(`${file} is not one JSON object`);
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
          : // Not 17.10, which would be 17.1.
            String(Number(text)) === text && /^-?[0-9]/.test(text)
            ? Number(text)
            : text;
      return [pair.slice(0, equals), value];
    }),
  );
}

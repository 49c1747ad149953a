// Owns the use case that decides made-up facts, and those of a recorded request, step by step.
import { messageOf } from '../caught-error.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { explainFacts } from '../policy/active-policies.ts';
import type { ActivePolicies } from '../policy/active-policies.ts';
import { readFacts } from '../policy/engine/read-facts.ts';
import { decidedBy } from './decided-by.ts';
import type { DecidedBy } from './decided-by.ts';
import { explanationDocument } from './explanation-json.ts';
import { factsOfLogLine, factsOfRequest } from './recorded-request.ts';
import type { RecordedFacts } from './recorded-request.ts';

type Json = Record<string, unknown>;

/** What to decide. What is in `facts` counts before what a recording says. */
export interface Simulation {
  readonly facts: Readonly<Json>;
  /** The raw head of a request, or JSON. */
  readonly request?: string | undefined;
  /** A line of the access log. */
  readonly logLine?: string | undefined;
}

/** Decides at `now`, milliseconds since the epoch. @throws ProgramError for a recording that has no facts */
export function simulate(
  active: ActivePolicies,
  { facts: given, request, logLine }: Simulation,
  now: number,
): { readonly facts: Json; readonly decidedBy: DecidedBy } & object {
  const facts: Json = {};
  try {
    if (logLine !== undefined) addFacts(facts, factsOfLogLine(logLine));
    if (request !== undefined) addFacts(facts, factsOfRequest(Buffer.from(request)));
  } catch (error) {
    throw new ProgramError('EASGATE_POLICY_FACTS', messageOf(error));
  }
  addFacts(facts, given);
  const explained = explainFacts(active, readFacts(facts, now));
  return { facts, decidedBy: decidedBy(active, explained), ...explanationDocument(explained) };
}

/** Adds facts; each takes the place of one of the same name. */
export function addFacts(facts: Json, added: RecordedFacts | Readonly<Json>): void {
  for (const [name, part] of Object.entries(added)) {
    if (typeof part === 'object' && part !== null && !Array.isArray(part))
      Object.assign(objectIn(facts, name), part);
    else facts[name] = part;
  }
}

/** The object of this name, which is made where it is missing. */
export function objectIn(parent: Json, name: string): Json {
  const found = parent[name];
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) return found as Json;
  const made: Json = {};
  parent[name] = made;
  return made;
}

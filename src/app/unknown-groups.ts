// Owns the warnings about groups that the policy in use names and no user of the directory is in: such a name is probably misspelt.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { loadPolicyFile, problemLine } from '../config/policy-file.ts';
import type { PlacedProblem } from '../config/policy-file.ts';
import type { Config } from '../config/schema.ts';
import { versionProblems } from '../config/stored-policy.ts';
import type { ModelReader } from '../directory/read-model/model-reader.ts';
import type { DirectoryStore } from '../directory/store.ts';
import type { Known } from '../policy/compile/warnings.ts';
import { foldCase } from '../policy/document/case.ts';
import { inTurns } from './in-turns.ts';
import { readPolicies, versionOf } from './policy-versions.ts';

/** Users that are read at once: about ten milliseconds. */
const USERS_AT_ONCE = 10_000;
/** With more groups than these, names are not compared. */
const MAX_GROUPS = 100_000;
const MAX_WARNINGS = 20;

/**
 * One line per place of the policy in use that names a group without users, with the nearest group that has some;
 * {@link MAX_WARNINGS} and the number of the others at most. Rejects when the directory or the policy cannot be read.
 */
export async function unknownGroupWarnings(
  store: DirectoryStore,
  config: Pick<Config, 'policy'>,
  reader: ModelReader,
): Promise<readonly string[]> {
  const load = await policyLoader(store, config);
  if (load === null) return [];
  const groups = await groupsOfUsers(reader);
  if (groups === null) return [];
  // The check of the document reports its other warnings.
  const others = new Set(warningLines(load.name, await load.problems({})));
  const lines = warningLines(load.name, await load.problems({ groups })).filter((line) => !others.has(line));
  if (lines.length <= MAX_WARNINGS) return lines;
  return [...lines.slice(0, MAX_WARNINGS), `${lines.length - MAX_WARNINGS} more groups have no users`];
}

interface PolicyLoader {
  /** Of the document, for people. */
  readonly name: string;
  readonly problems: (known: Known) => Promise<readonly PlacedProblem[]>;
}

/** Null = the three actions of the configuration decide: they name no groups. */
async function policyLoader(
  store: DirectoryStore,
  { policy: { file } }: Pick<Config, 'policy'>,
): Promise<PolicyLoader | null> {
  if (file !== undefined)
    return { name: file, problems: async (known) => loadPolicyFile(file, known).problems };
  const { live } = (await readPolicies(store)).state;
  if (live === null) return null;
  const version = await versionOf(store, live);
  return { name: `version ${live}`, problems: (known) => inTurns(versionProblems(version, known)) };
}

function warningLines(name: string, problems: readonly PlacedProblem[]): string[] {
  return problems.filter(({ severity }) => severity === 'warning').map((one) => problemLine(name, one));
}

/** Every group that a user is in, as the policy compares them; null = too many. */
async function groupsOfUsers(reader: ModelReader): Promise<ReadonlySet<string> | null> {
  const groups = new Set<string>();
  let after = 0;
  for (;;) {
    const users = reader.groupsAfter(after, USERS_AT_ONCE);
    for (const { names } of users) for (const name of names) groups.add(foldCase(name));
    const last = users.at(-1);
    if (groups.size > MAX_GROUPS) return null;
    if (last === undefined) return groups;
    after = last.id;
    await nextTurn();
  }
}

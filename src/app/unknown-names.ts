// Owns the warnings about names in the policy in use that the directory does not know: groups that no user is in, and attributes that nobody
// ever reported. Such a name is probably misspelt.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { loadPolicyFile, problemLine } from '../config/policy-file.ts';
import type { PlacedProblem } from '../config/policy-file.ts';
import type { Config } from '../config/schema.ts';
import { versionProblems } from '../config/stored-policy.ts';
import type { ModelReader } from '../directory/read-model/model-reader.ts';
import type { DirectoryStore } from '../directory/store.ts';
import type { StoredRollout } from '../model/policy-version.ts';
import type { Known } from '../policy/compile/warnings.ts';
import { foldCase } from '../policy/document/case.ts';
import { inTurns } from '../in-turns.ts';
import { didYouMean } from '../suggest.ts';
import { readPolicies, versionOf } from './policy-versions.ts';

/** Groups that are read at once: a few milliseconds. */
const GROUPS_AT_ONCE = 200;
/** With more groups than these, names are not compared. */
const MAX_GROUPS = 100_000;
const MAX_WARNINGS = 20;

/**
 * One line per place of the policy in use that names a group without users, or an attribute that was never reported, with the nearest
 * name that is known; {@link MAX_WARNINGS} and the number of the others at most. Rejects when the directory or the policy cannot be read.
 */
export async function unknownNameWarnings(
  store: DirectoryStore,
  config: Pick<Config, 'policy' | 'feeds'>,
  reader: ModelReader,
): Promise<readonly string[]> {
  const { loaders, rollout } = await policyLoaders(store, config);
  if (loaders.length === 0) return [];
  const groups = await groupsOfUsers(reader);
  const known = { ...(groups !== null && { groups }), ...knownAttributes(config, attributesIn(reader)) };
  const lines: string[] = [];
  for (const { name, problems } of loaders) {
    // The check of the document reports its other warnings.
    const others = new Set(warningLines(name, await problems({})));
    lines.push(...warningLines(name, await problems(known)).filter((line) => !others.has(line)));
  }
  if (rollout !== null && groups !== null) lines.push(...rolloutLines(rollout, groups));
  if (lines.length <= MAX_WARNINGS) return lines;
  return [...lines.slice(0, MAX_WARNINGS), `${lines.length - MAX_WARNINGS} more names are not known`];
}

/** Names of attributes, in lower case. */
export interface AttributeNames {
  readonly devices: readonly string[];
  readonly users: readonly string[];
}

/** Those that were ever reported. */
export function attributesIn(reader: ModelReader): AttributeNames {
  return {
    devices: reader.attributeNames('attribute'),
    users: reader.attributeNames('user attribute'),
  };
}

/** Those that were ever reported, and those that feeds of the configuration may report soon. */
export function knownAttributes(
  { feeds }: Pick<Config, 'feeds'>,
  { devices, users }: AttributeNames,
): Pick<Known, 'attributes' | 'userAttributes'> {
  const [ofDevices, ofUsers] = [new Set(devices), new Set(users)];
  for (const feed of feeds) {
    if ('mapping' in feed && feed.mapping !== undefined) {
      const { records, attributes } = feed.mapping;
      const names = records === 'users' ? ofUsers : ofDevices;
      for (const name of Object.keys(attributes ?? {})) names.add(name.toLowerCase());
    } else if (feed.kind === 'ldap')
      for (const name of Object.keys(feed.attributes)) ofUsers.add(name.toLowerCase());
  }
  return { attributes: ofDevices, userAttributes: ofUsers };
}

interface PolicyLoader {
  /** Of the document, for people. */
  readonly name: string;
  readonly problems: (known: Known) => Promise<readonly PlacedProblem[]>;
}

/** None where the three actions of the configuration decide: they name no groups. */
async function policyLoaders(
  store: DirectoryStore,
  { policy: { file } }: Pick<Config, 'policy'>,
): Promise<{ readonly loaders: readonly PolicyLoader[]; readonly rollout: StoredRollout | null }> {
  if (file !== undefined) {
    const ofFile = { name: file, problems: async (known: Known) => loadPolicyFile(file, known).problems };
    return { loaders: [ofFile], rollout: null };
  }
  const { live, rollout } = (await readPolicies(store)).state;
  const loaders: PolicyLoader[] = [];
  for (const number of [live, rollout?.version ?? null]) {
    if (number === null) continue;
    const version = await versionOf(store, number);
    loaders.push({
      name: `version ${number}`,
      problems: (known) => inTurns(versionProblems(version, known)),
    });
  }
  return { loaders, rollout };
}

/** Groups that a version is rolled out to, and that nobody is in. */
function rolloutLines({ version, groups }: StoredRollout, known: ReadonlySet<string>): string[] {
  return groups
    .filter((group) => !known.has(foldCase(group)))
    .map(
      (group) =>
        `version ${version} is rolled out to group ${group}, in which no user is${didYouMean(foldCase(group), known)}`,
    );
}

function warningLines(name: string, problems: readonly PlacedProblem[]): string[] {
  return problems.filter(({ severity }) => severity === 'warning').map((one) => problemLine(name, one));
}

/** Every group that a user is in, as the policy compares them; null = too many. */
async function groupsOfUsers(reader: ModelReader): Promise<ReadonlySet<string> | null> {
  const groups = new Set<string>();
  let after = '';
  for (;;) {
    const found = reader.groupsAfter(after, GROUPS_AT_ONCE);
    for (const name of found) groups.add(foldCase(name));
    const last = found.at(-1);
    if (groups.size > MAX_GROUPS) return null;
    if (last === undefined) return groups;
    after = last;
    await nextTurn();
  }
}

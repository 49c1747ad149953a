// Owns writing users to Redis: those of whom nothing is stored together with their aliases (new-records.ts), the others by user-writes.ts.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import type { UserObservation } from '../../model/user.ts';
import type { ReportOutcome } from '../device-reports.ts';
import { writeOfUser } from '../report-writes.ts';
import { loggedNames } from './alias-writes.ts';
import type { HashAccess } from './hash-writer.ts';
import { createNew } from './new-records.ts';
import type { CreateAccess, NewForm, NewGroup } from './new-records.ts';
import { placesOf } from './record-places.ts';
import { encodeName, encodeUser, partitionOfUsers, userField } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { putUsers } from './user-writes.ts';

/** Conditions: the hash of the user has no report and no alias, and an alias with another local part stands for nobody. */
const FORM: NewForm = { log: 'u', kinds: 'r:a:', otherKinds: '' };

/** Writes reports of users. */
export class UserWriter {
  private readonly keys: RedisKeys;
  private readonly names: UserNames;

  constructor(keys: RedisKeys, names: UserNames) {
    this.keys = keys;
    this.names = names;
  }

  /** Joins the observations with what is stored, and writes them. The outcomes are in their order. `create` null = on a Cluster. */
  async put(
    access: HashAccess,
    create: CreateAccess | null,
    observations: readonly UserObservation[],
  ): Promise<readonly ReportOutcome[]> {
    const { keys, names } = this;
    // In its group of domains, a name may have stood for another user.
    if (create === null || names.hasGroups) return putUsers(access, keys, names, observations);
    const outcomes: ReportOutcome[] = observations.map(() => 'older');
    const others = await this.putNew(create, observations, outcomes);
    if (others.length === 0) return outcomes;
    const rest = others.map((at) => observations[at] as UserObservation);
    for (const [index, outcome] of (await putUsers(access, keys, names, rest)).entries())
      outcomes[others[index] ?? 0] = outcome;
    return outcomes;
  }

  /** Writes those who are new. Returns the places of the other observations, in their order. */
  private async putNew(
    access: CreateAccess,
    observations: readonly UserObservation[],
    outcomes: ReportOutcome[],
  ): Promise<readonly number[]> {
    const { keys } = this;
    const locals = observations.map(({ key }) => foldedLocalPart(key));
    const { firsts, several } = placesOf(locals, (local) => local);
    const others = await createNew(
      access,
      [keys, FORM],
      firsts,
      (at) => (several.has(at) ? null : newUser(keys, locals[at] ?? '', observations[at] as UserObservation)),
      (at) => {
        outcomes[at] = 'news';
      },
    );
    return others.flatMap((at) => several.get(at) ?? [at]).sort((a, b) => a - b);
  }
}

/** What to write of a user of whom nothing is stored; null = it cannot be written so. */
function newUser(keys: RedisKeys, local: string, observation: UserObservation): NewGroup | null {
  const { key, source } = observation;
  const { text, after } = writeOfUser([], observation, Date.now());
  if (text === null) return null;
  const fields = [userField.report(local, source, key), text];
  const names = [key];
  const others: NewGroup['others'][number][] = [];
  for (const alias of (after[0]?.aliases ?? []) as readonly UserKey[]) {
    const ofAlias = foldedLocalPart(alias);
    if (ofAlias === local) {
      fields.push(userField.alias(local, alias), encodeUser(local, key));
      names.push(alias);
      continue;
    }
    const partition = partitionOfUsers(ofAlias);
    others.push({
      partition,
      key: keys.users(ofAlias, partition),
      news: encodeName(alias),
      field: userField.alias(ofAlias, alias),
      text: encodeUser(ofAlias, key),
    });
  }
  const partition = partitionOfUsers(local);
  return {
    partition,
    key: keys.users(local, partition),
    news: loggedNames(names),
    absent: [],
    fields,
    others,
  };
}

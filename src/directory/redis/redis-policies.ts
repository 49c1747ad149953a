// Owns the versions of the policy in Redis: one hash, in the partition whose log says that the policy changed.
import type { AddedVersion, PolicyRecords } from '../policy-records.ts';
import type { FieldChange } from './commit-values.ts';
import type { HashAccess } from './hash-writer.ts';
import type { RedisKeys } from './redis-keys.ts';

const STATE = 'state';

function fieldOf(version: number): string {
  return `v:${version}`;
}

export class RedisPolicies implements PolicyRecords {
  private readonly access: HashAccess;
  private readonly key: string;

  constructor(access: HashAccess, keys: RedisKeys) {
    this.access = access;
    this.key = keys.policies;
  }

  state(): Promise<string | null> {
    return this.read(STATE);
  }

  version(version: number): Promise<string | null> {
    return this.read(fieldOf(version));
  }

  async replace(expected: string | null, state: string, added: AddedVersion | null): Promise<boolean> {
    const fields: FieldChange[] = [{ field: STATE, expected, next: state }];
    if (added !== null) fields.push({ field: fieldOf(added.version), expected: null, next: added.text });
    return (
      (await this.access.commit([{ key: this.key, change: { news: 'policy', fields } }], 'y')).length === 0
    );
  }

  private async read(field: string): Promise<string | null> {
    const [found] = await this.access.read([{ key: this.key, fields: [field] }]);
    return found?.values?.[0] ?? null;
  }
}

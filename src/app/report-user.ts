// Owns the use case that writes by hand what a feed would report of a user.
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { UserKey } from '../identity/keys.ts';
import type { UserObservation } from '../model/user.ts';
import { parseUser } from './names.ts';
import type { ReportOrigin } from './report-device.ts';

/** Values to write; absent = as this source reported them before. */
export type ReportedUser = Pick<UserObservation, 'groups' | 'enabled' | 'removed'> & {
  /** Other names of the same user, in any spelling. */
  readonly aliases?: readonly string[] | undefined;
};

/** Writes a report at `now`, milliseconds since the epoch, under the name of a feed. @throws ProgramError */
export async function reportUser(
  store: DirectoryStore,
  name: string,
  { aliases, ...values }: ReportedUser,
  { source, by, via, now }: ReportOrigin,
  audit: AuditSink,
): Promise<UserKey> {
  const key = parseUser(name);
  if (values.groups?.some((group) => group.trim() === ''))
    throw new ProgramError(
      'EASGATE_USAGE',
      'a group without a name: without any group named they stay as they are',
    );
  const reported = async () => (await store.getUserReports(source, [key]))[0] ?? null;
  const before = await reported();
  await store.putUsers([
    { key, source, observedAt: now, version: now, ...values, aliases: aliases?.map(parseUser) },
  ]);
  await audit.record({
    at: now,
    by,
    via,
    operation: 'report_user',
    user: key,
    subject: source,
    before,
    after: await reported(),
  });
  return key;
}

// Owns the reading of Entra's users by delta, and of the members of groups.
import { z } from 'zod';
import { FeedError } from '../contract.ts';
import type { FeedPart, GoneRecord } from '../contract.ts';
import { userName } from '../identities.ts';
import { RecordReader } from '../mapping.ts';
import { graphUsers } from '../mappings/graph.ts';
import type { FeedLine, GroupLine } from '../record.ts';
import { ObjectRow } from '../row.ts';
import { plain } from '../../plain-text.ts';
import type { GraphRequests } from './requests.ts';

const SELECT =
  'id,userPrincipalName,mail,proxyAddresses,accountEnabled,displayName,department,employeeType,onPremisesSamAccountName,onPremisesDomainName';

/** A page of users; `deltaLink` only with the last one. */
export interface UserPart extends FeedPart {
  readonly deltaLink: string | null;
}

/** Reads users; `link`: only changes since the run that left it. A user may come several times: the last one counts. */
export async function* users(
  requests: GraphRequests,
  source: string,
  link: string | null,
): AsyncGenerator<UserPart> {
  let line = 0;
  // The first request fixes the properties: links repeat them.
  for await (const { records, deltaLink } of requests.pages(link ?? `/v1.0/users/delta?$select=${SELECT}`)) {
    const lines: FeedLine[] = [];
    const gone = new Map<string, GoneRecord>();
    for (const record of records) {
      const { id, '@removed': removed } = record;
      const sourceId = typeof id === 'string' ? id.toLowerCase() : null;
      if (removed !== undefined) {
        if (sourceId !== null) gone.set(sourceId, { kind: 'user', sourceId });
        continue;
      }
      // Deleted, and restored later in the same page.
      if (sourceId !== null) gone.delete(sourceId);
      const reader = new RecordReader(new ObjectRow(++line, record), {
        source,
        zone: 'UTC',
        order: () => null,
      });
      lines.push(...graphUsers.map(reader));
    }
    yield { lines, gone: [...gone.values()], deltaLink };
  }
}

const groupSchema = z.object({ id: z.string(), displayName: z.string().min(1) });

/** A group with all members, nested ones too, page by page. @throws FeedError when members are missing */
export async function* group(requests: GraphRequests, source: string, id: string): AsyncGenerator<FeedPart> {
  const about = groupSchema.safeParse(await requests.read(`/v1.0/groups/${id}?$select=id,displayName`));
  if (!about.success)
    throw new FeedError('EASGATE_FEED_ANSWER', `Graph answers the group ${id} without a name`);
  const name = plain(about.data.displayName, 256);
  const line: GroupLine = {
    type: 'group',
    line: 1,
    source,
    id: name,
    sourceId: id.toLowerCase(),
    members: [],
    problems: [],
  };
  yield { lines: [line] };
  let read = 0;
  let expected: number | null = null;
  const path = `/v1.0/groups/${id}/transitiveMembers/microsoft.graph.user?$count=true&$select=id,userPrincipalName&$top=999`;
  for await (const { records, count } of requests.pages(path, { ConsistencyLevel: 'eventual' })) {
    expected ??= count;
    read += records.length;
    yield { lines: [], members: { id: name, members: records.flatMap(memberName) } };
  }
  if (expected !== null && read < expected)
    throw new FeedError(
      'EASGATE_FEED_SOURCE',
      `the group ${id} has ${String(expected)} members, and Graph lists ${String(read)}: nothing of it is used`,
    );
}

function memberName({ userPrincipalName }: Readonly<Record<string, unknown>>): string | [] {
  return (typeof userPrincipalName === 'string' ? userName(userPrincipalName) : null) ?? [];
}

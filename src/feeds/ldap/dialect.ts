// Owns the differences between Active Directory and other directories: names of attributes, filters, how changes are found.
import { guidText } from './entry.ts';
import type { DirectoryEntry } from './entry.ts';
import type { DirectoryConnection } from './connection.ts';
import { FeedError } from '../contract.ts';
import type { LdapSettings } from './settings.ts';

/** supportedCapabilities of Active Directory (MS-ADTS 3.1.1.3.4.3.1). */
const ACTIVE_DIRECTORY = '1.2.840.113556.1.4.800';

/** How a directory describes itself (root DSE, RFC 4512 5.1). */
export interface Directory {
  readonly isActiveDirectory: boolean;
  /** The name of the domain controller; numbers of changes are its own. Null = not Active Directory, or it does not say. */
  readonly controller: string | null;
  /** The id of the state of its database: after a restore the numbers count anew. Null as above. */
  readonly invocation: string | null;
  /** The last number of a change (highestCommittedUSN), read before the search; null = not Active Directory. */
  readonly usn: number | null;
  readonly configuration: string | null;
  readonly defaultContext: string | null;
  readonly userFilter: string;
  readonly groupFilter: string;
  readonly userNames: readonly string[];
  readonly idAttribute: 'objectGUID' | 'entryUUID';
  /** The attribute that shows that an entry changed. */
  readonly changeAttribute: 'uSNChanged' | 'modifyTimestamp';
  readonly memberAttributes: readonly string[];
}

const ROOT = [
  'supportedCapabilities',
  'highestCommittedUSN',
  'dsServiceName',
  'dnsHostName',
  'configurationNamingContext',
  'defaultNamingContext',
];

/** Reads how the directory describes itself. @throws FeedError */
export async function readDirectory(
  connection: DirectoryConnection,
  settings: LdapSettings,
): Promise<Directory> {
  const root = await connection.read('', ROOT);
  if (root === null)
    throw new FeedError('EASGATE_FEED_ANSWER', `${connection.url} does not describe itself (root DSE)`);
  const isActiveDirectory =
    settings.dialect === 'auto'
      ? root.texts('supportedCapabilities').includes(ACTIVE_DIRECTORY)
      : settings.dialect === 'active-directory';
  return isActiveDirectory ? activeDirectory(connection, root, settings) : otherDirectory(settings);
}

async function activeDirectory(
  connection: DirectoryConnection,
  root: DirectoryEntry,
  settings: LdapSettings,
): Promise<Directory> {
  const service = root.text('dsServiceName');
  const usn = root.text('highestCommittedUSN');
  const about = service === null ? null : await connection.read(service, ['invocationId']);
  return {
    isActiveDirectory: true,
    controller: root.text('dnsHostName')?.toLowerCase() ?? null,
    invocation: guidText(about?.bytes('invocationId') ?? null),
    usn: usn !== null && /^\d{1,15}$/.test(usn) ? Number(usn) : null,
    configuration: root.text('configurationNamingContext'),
    defaultContext: root.text('defaultNamingContext'),
    userFilter: settings.userFilter ?? '(&(objectCategory=person)(objectClass=user))',
    groupFilter: settings.groupFilter ?? '(objectClass=group)',
    userNames: settings.userNames ?? ['userPrincipalName', 'mail', 'proxyAddresses'],
    idAttribute: 'objectGUID',
    changeAttribute: 'uSNChanged',
    memberAttributes: ['member'],
  };
}

function otherDirectory(settings: LdapSettings): Directory {
  return {
    isActiveDirectory: false,
    controller: null,
    invocation: null,
    usn: null,
    configuration: null,
    defaultContext: null,
    userFilter: settings.userFilter ?? '(objectClass=inetOrgPerson)',
    groupFilter: settings.groupFilter ?? '(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))',
    userNames: settings.userNames ?? ['uid', 'mail'],
    idAttribute: 'entryUUID',
    changeAttribute: 'modifyTimestamp',
    memberAttributes: ['member', 'uniqueMember'],
  };
}

/** The short (NetBIOS) name of each domain of the forest, by the DN of the domain in lower case. */
export async function readDomains(
  connection: DirectoryConnection,
  { configuration }: Directory,
): Promise<ReadonlyMap<string, string>> {
  const domains = new Map<string, string>();
  if (configuration === null) return domains;
  const references = connection.search({
    base: `CN=Partitions,${configuration}`,
    scope: 'sub',
    filter: '(&(objectClass=crossRef)(nETBIOSName=*))',
    attributes: ['nCName', 'nETBIOSName'],
  });
  for await (const reference of references) {
    const [context, name] = [reference.text('nCName'), reference.text('nETBIOSName')];
    if (context !== null && name !== null) domains.set(context.toLowerCase(), name);
  }
  return domains;
}

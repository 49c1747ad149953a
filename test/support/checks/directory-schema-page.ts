// Owns docs/reference/directory-schema.md: how records stand in a store, made from the schemas, the tables and the names of keys.
// `npm run records` writes it, test/model/reference-pages.test.ts compares it.
import { readFileSync, writeFileSync } from 'node:fs';
import type { z } from 'zod';
import { IDENTITY_TABLE } from '../../../src/directory/embedded/identity-table.ts';
import { LATER_TABLES, SCHEMA, SCHEMA_VERSION } from '../../../src/directory/embedded/schema.ts';
import { RedisKeys, deviceField, userField } from '../../../src/directory/redis/redis-keys.ts';
import { STORE_SCHEMA } from '../../../src/directory/store-identity.ts';
import { foldedLocalPart } from '../../../src/identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import { deviceReportSchema, deviceReportWords } from '../../../src/model/device.ts';
import { encodedNumber } from '../../../src/model/line-values.ts';
import { partnershipSchema, partnershipWords } from '../../../src/model/partnership.ts';
import { storedFields } from '../../../src/model/stored-array.ts';
import { kindIn } from '../../../src/model/stored-line.ts';
import { userReportSchema } from '../../../src/model/user.ts';
import type { Page } from './records-page.ts';

const PAGE = new URL('../../../docs/reference/directory-schema.md', import.meta.url);

const HEAD = `# The directory's schema

How records stand in a store: texts, tables, keys. For tools of your own that read the directory or write reports into it. This page
is made from the source (\`npm run records\`). What each field means: records.md; how verdicts come of it: directory.md.

Whoever writes to a store can forge anything (SECURITY.md). Write reports only, under a \`source\` of your own: decisions, partnerships
and the identity of the store are easgate's. The command line and the feeds check what they write; a tool of your own must.

## Names

* **Device key**: the id of the device in lower case, decoded from hex for as long as it spells letters and digits in hex
  (protocol.md). \`easgate identify\` prints it.
* **User key**: the login name in lower case, as \`name\`, \`domain\\name\` or \`name@domain\`.
* **Local part**: the name without its domain. Users are stored by their *folded* local part, so that names which a directory takes
  for one are read together. Of printable ASCII it is the local part itself. Other characters fold to what they equal in the root
  collation at primary strength: ${['Dàve', 'straße', 'ｄａｖｅ'].map((name) => `\`${name}\` to \`${foldedLocalPart(name)}\``).join(', ')} (src/identity/folded-name.ts). Most
  letters have fixed foldings (folding-table.ts), which do not depend on the version of Node.js.

## Texts

A report or a partnership is a line: one value for each position, each behind a \`|\`. Values at the end that are as if missing may be
left out. New fields are added at the end: leave positions that you do not know as they are.

| kind | in a line |
| --- | --- |
| missing | nothing |
| flag | \`1\` true, \`0\` false |
| number | an integer in base 36, in lower case: \`${encodedNumber(1_790_000_000_000)}\` is 1790000000000; \`=\` the number before it in the line; another number behind \`%\`, in decimal form |
| text | \`%\` and two hex digits in capitals for \`%\`, \`|\` and control characters; \`%\` alone is the empty text |
| list | texts or numbers separated by \`,\`; in texts \`,\`, \`~\` and \`[\` have escapes too; \`[]\` is a list with nothing in it |
| map | a JSON object, with the escapes of a text |

Some words have short forms, in the tables below: a text that is the same as a short form has its first character escaped. In
\`spellings\`, \`~\` stands for the device key in capitals; in \`aliases\`, for the local part of the user's key.

JSON is read as well: an array with the same positions, or an object with the names of the fields. So a tool may write
\`[1790000000000,0,true]\` or \`{"managed":true,"observedAt":1790000000000}\`; easgate writes lines, which are a third shorter.
`;

type Words = Readonly<Record<string, Readonly<Record<string, string>>>>;

function positions(title: string, schema: z.ZodObject, keys: readonly string[], words: Words = {}): string[] {
  const rows = storedFields(schema, keys).map((name, at) => {
    const preset: unknown = (schema.shape[name] as z.ZodType).meta()?.['default'];
    const shorts = Object.entries(words[name] ?? {}).map(([short, long]) => `\`${short}\` ${long}`);
    const kind = [kindIn(schema, name), shorts.join(', ')].filter((part) => part !== '').join(': ');
    return `| ${at} | \`${name}\` | ${kind} | \`${JSON.stringify(preset ?? null)}\` |`;
  });
  return [
    `### ${title}`,
    '',
    '| position | field | kind | if missing |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ];
}

/** Seen, managed and compliant, reported since. */
const SAMPLE = `|${encodedNumber(1_790_000_000_000)}||1|1||||||||||=`;

const REPORTS = `A tool that writes a report on a device also writes what the store would keep: \`reportedSince\`, and for each value
that is not the good one (managed, compliant, encrypted, managedMailProfile: true; compromised: false) the time since when it is
not, from the report before. Where they are missing, \`observedAt\` of that report counts at easgate's next write. An older
observation must not overwrite a newer one of the same source.
`;

const DECISIONS = `### Decision

A JSON array: the decision (records.md), null when it was taken back, then its changes, the latest last, 20 at most. A decision
alone, as a JSON object, is read too. An imported decision is a JSON object. A wipe without the epoch of the store is suspended.
`;

const SQLITE = `## The SQLite file

\`PRAGMA user_version\` is ${SCHEMA_VERSION}; write-ahead log. \`local\` is a folded local part. \`device = ''\` in \`decisions\` and \`imported_decisions\` means
every device of the user, \`user = ''\` every user of the device. \`changes\` names what changed, a row for each device or user;
both null = the policy. The columns \`first_seen\` and \`last_allowed\` repeat what is in the record.

\`\`\`sql
${(SCHEMA + LATER_TABLES + IDENTITY_TABLE).replaceAll('\n  ', '\n').replaceAll('\n\n', '\n').trim()}
\`\`\`

A report, in one transaction with its change:

\`\`\`sql
BEGIN IMMEDIATE;
INSERT INTO device_reports VALUES ('appldnphg6nvdt9v', 'my-mdm', '${SAMPLE}')
  ON CONFLICT DO UPDATE SET record = excluded.record;
INSERT INTO changes (device, user) VALUES ('appldnphg6nvdt9v', NULL);
COMMIT;
\`\`\`

A report on a user goes into \`user_reports\`; each of its \`aliases\` also into \`aliases\`, with the key of the user in \`user\`, and each
name, before and after, into \`changes\`. If such a name is itself in \`aliases\`, its user goes into \`changes\` too, and so on up the chain: what is reported under
an alias counts for its user.
`;

function redis(): string[] {
  const keys = new RedisKeys('easgate:');
  const onCluster = new RedisKeys('easgate:', true);
  const [device, alice] = ['D' as DeviceKey, 'U' as UserKey];
  const sample = 'appldnphg6nvdt9v' as DeviceKey;
  const rows = (list: readonly (readonly [string, string])[]): string[] => [
    '| | content |',
    '| --- | --- |',
    ...list.map(([name, content]) => `| \`${name}\` | ${content} |`),
    '',
  ];
  const partition = (name: string): string => name.replace(/\{\d+\}/, '{P}');
  return [
    `## Redis

All keys begin with \`store.keyPrefix\` (default \`easgate:\`). \`schema\` is a JSON object with \`version\` (${STORE_SCHEMA}), \`id\`, \`epoch\` and \`replaces\`. \`D\` is a
device key, \`S\` a source, \`U\` a user, \`L\` a folded local part. Names of users and sources are percent-encoded (RFC 3986) but for printable
ASCII other than \`%\`, \`:\`, \`~\` and space. In hashes of users, \`~\` stands for the local part.

Partitions \`P\`: devices are in 0 to 15, CRC-16/XMODEM of the key modulo 16; users in 16 to 31, that of the encoded local part modulo 16,
plus 16. \`${sample}\` is \`${keys.device(sample)}\`, users named \`alice\` are \`${keys.users('alice')}\`.
`,
    ...rows([
      [keys.schema, `identity of the store; each partition has a copy, \`${partition(keys.schemaCopy(0))}\``],
      [
        keys.beat,
        `the beat, and the time of the server at it; on a Cluster these two are \`${onCluster.schema}\` and \`${onCluster.beat}\``,
      ],
      [partition(keys.device(device, 0)), 'hash of a device, fields below'],
      [partition(keys.users('L', 16)), 'hash of the users with this local part, fields below'],
      [partition(keys.changes(0)), 'stream of changes of the partition'],
      [keys.policies, 'versions of the policy'],
      [
        keys.accounts,
        'tokens, sessions and set-up links of the admin API, as hashes of their secrets; `version` counts changes',
      ],
    ]),
    'Fields of a device:\n',
    ...rows([
      [deviceField.report('S'), 'report of a source'],
      [deviceField.partnership(alice), 'partnership with a user'],
      [deviceField.decision(null), 'decision on the device'],
      [deviceField.decision(alice), 'decision on a partnership'],
      [deviceField.imported('S', null), 'imported decision on the device'],
      [deviceField.imported('S', alice), 'imported decision on a partnership'],
    ]),
    'Fields of users:\n',
    ...rows([
      [userField.report('L', 'S', alice), 'report of a source'],
      [userField.alias('L', alice), 'the key of the user that the name stands for'],
      [userField.decision('L', alice), 'decision on the user'],
      [userField.imported('L', 'S', alice), 'imported decision on the user'],
      [
        userField.devices('L', alice),
        'devices: a line with `DEVICE,FIRST SEEN,LAST ALLOWED` behind each `|`, of which the last may be missing',
      ],
    ]),
    `Entries of \`changes\` have one field: \`d\` with devices, or partnerships as \`D:U\`, separated by spaces; \`u\` with encoded names of users; or
\`y\` when the policy changed. Write a record and its entry in one transaction:

\`\`\`
MULTI
HSET ${keys.device(sample)} ${deviceField.report('my-mdm')} "${SAMPLE}"
XADD ${partition(keys.changes(0)).replace('{P}', /\{\d+\}/.exec(keys.device(sample))?.[0] ?? '')} MAXLEN ~ 2000 * d ${sample}
EXEC
\`\`\`

A record that is written without an entry takes effect when \`cache.lifetimeSeconds\` is over.
`,
  ];
}

/** docs/reference/directory-schema.md. */
export function directorySchemaPage(): Page {
  const parts = [
    HEAD,
    ...positions('Report on a device', deviceReportSchema, ['key', 'source'], deviceReportWords),
    REPORTS,
    ...positions('Report on a user', userReportSchema, ['key', 'source']),
    ...positions('Partnership', partnershipSchema, ['user', 'device'], partnershipWords),
    DECISIONS,
    SQLITE,
    ...redis(),
  ];
  return { is: readFileSync(PAGE, 'utf8'), shouldBe: `${parts.join('\n').trimEnd()}\n` };
}

if (import.meta.main) {
  writeFileSync(PAGE, '', { flag: 'a' });
  writeFileSync(PAGE, directorySchemaPage().shouldBe);
}

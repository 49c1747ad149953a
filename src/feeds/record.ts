// Owns the records that feeds and imports produce: one zod schema for each kind of line, with every field described. Pure.
// Values stay as unknown as they were: null means that the source did not say.
import { z } from 'zod';

const flag = (description: string) => z.boolean().nullable().describe(description);
const text = (description: string) => z.string().nullable().describe(description);
const time = (description: string) =>
  z.string().nullable().describe(`${description}; ISO 8601 in UTC, e.g. 2026-11-20T06:02:10Z`);

const line = z.number().int().describe('Line of the file on which the record begins, from 1');
const source = z.string().describe('The source, as given with `--source`; default: the format');
const problems = z
  .array(z.string())
  .describe(
    'Values of the record that were not understood, each counts as unknown; and which record counts of several of one device',
  );
const attributes = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
  .describe('Further values by name, at most 32');

/** Who owns a device. */
export const OWNERSHIP = ['company', 'personal', 'unknown'] as const;

/** One of {@link OWNERSHIP}. */
export type Ownership = (typeof OWNERSHIP)[number];

export const deviceLineSchema = z.object({
  type: z.literal('device').describe('A device, as its source reports it'),
  line,
  source,
  id: text(
    'The device key, whatever the id is spelled as; null = the source has no Exchange ActiveSync id of it',
  ),
  spelling: text('The Exchange ActiveSync id as it stands in the file'),
  otherIds: z
    .array(z.string())
    .describe('Device keys of further Exchange ActiveSync ids of the same device, e.g. of a second mail app'),
  idFromSerial: text(
    'The device key for the id `Appl` + serial number, which older iPhones use. It joins ' +
      'the record to a phone with exactly this id; it is no id by itself. Only where `id` is null',
  ),
  sourceId: text('The id of the record at its source'),
  serialNumber: text('Serial number, for joining'),
  udid: text('Apple UDID, or the device id of the management, for joining'),
  imei: text('IMEI, digits only, for joining'),
  managed: flag(
    'Whether it is enrolled in device management; retired, wiped, removed and unenrolled are false',
  ),
  removed: z
    .boolean()
    .describe(
      'Whether it left its source: retired, wiped, removed or unenrolled, also while that is under way',
    ),
  compliant: flag('Whether it meets the requirements of device management; in a grace period: true'),
  graceUntil: time('End of the grace period: then `compliant` counts as false'),
  encrypted: flag('Whether its storage is encrypted'),
  compromised: flag('Whether it is jailbroken or rooted'),
  managedMailProfile: flag('Whether its mail profile comes from device management'),
  platform: text(
    'ios (iPadOS too), android, windows, macos, linux, chromeos, tvos, watchos, visionos, windowsphone, blackberry, tizen',
  ),
  osVersion: text('Version of the operating system, e.g. 17.4.1'),
  os: text('The operating system in the words of the source'),
  model: text('Model in the words of the source'),
  manufacturer: text('Manufacturer in the words of the source'),
  ownership: z.enum(OWNERSHIP).describe('company, personal or unknown'),
  owner: text('The user, as a user name in lower case'),
  ownerNames: z.array(z.string()).describe('All user names of the owner that the source has'),
  lastCheckIn: time('Last contact with the source'),
  unmetRequirements: z
    .array(z.string())
    .describe('Requirements that are not met, in the words of the source'),
  attributes,
  observedAt: time('When the source saw it so; null = when the file was made, which the file does not say'),
  problems,
});

export const userLineSchema = z.object({
  type: z.literal('user').describe('A user, as its directory reports it'),
  line,
  source,
  id: z.string().describe('The user, as a user name in lower case'),
  aliases: z.array(z.string()).describe('Other names of the same user'),
  groups: z.array(z.string()).nullable().describe('Groups of the user; null = the source does not say'),
  enabled: flag('Whether the account may sign in'),
  sourceId: text('The id of the record at its source'),
  attributes,
  observedAt: time('When the source saw it so'),
  problems,
});

export const groupLineSchema = z.object({
  type: z.literal('group').describe('A group and its members'),
  line,
  source,
  id: z.string().describe('The name of the group'),
  sourceId: text('The id of the record at its source'),
  members: z.array(z.string()).describe('Members, as user names in lower case'),
  problems,
});

export const decisionLineSchema = z.object({
  type: z
    .literal('decision')
    .describe('A decision of somebody at the source on one device or one user of it'),
  line,
  source,
  scope: z
    .enum(['partnership', 'device'])
    .describe('`partnership`: for this user on this device; `device`: the source does not name the user'),
  device: z.string().describe('The device key'),
  spelling: z.string().describe('The device id as it stands in the file'),
  user: text('The user, as a user name in lower case'),
  action: z.enum(['allow', 'block', 'quarantine']).describe('What was decided'),
  reason: z.string().describe('Where it comes from, in the words of the source'),
  by: text('Who decided, if the source says so'),
  decidedAt: time('When it was decided, if the source says so'),
  expiresAt: time('When it ends; an allow that is applied ends after 30 days'),
  applied: z
    .boolean()
    .describe(
      'Whether it takes effect. Allows do not: a source must be set up with `allowDecisions` for that',
    ),
  problems,
});

export const refusedLineSchema = z.object({
  type: z.literal('refused').describe('A record that was not understood; nothing of it is used'),
  line,
  reason: z.string().describe('Why'),
});

/** The schemas of all lines, by `type`. */
export const LINE_SCHEMAS = {
  device: deviceLineSchema,
  user: userLineSchema,
  group: groupLineSchema,
  decision: decisionLineSchema,
  refused: refusedLineSchema,
} as const;

export type DeviceLine = z.infer<typeof deviceLineSchema>;
export type UserLine = z.infer<typeof userLineSchema>;
export type GroupLine = z.infer<typeof groupLineSchema>;
export type DecisionLine = z.infer<typeof decisionLineSchema>;
export type RefusedLine = z.infer<typeof refusedLineSchema>;

/** The result of a mapping for one record. */
export type FeedLine = DeviceLine | UserLine | GroupLine | DecisionLine | RefusedLine;

/** The value types of `attributes`. */
export type Attributes = DeviceLine['attributes'];

// Owns the use case that explains an access: the verdict of a user on a device now, and every step that led to it.
import type { DirectoryStore } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { DeviceReport } from '../model/device.ts';
import type { PartnershipRecord } from '../model/partnership.ts';
import type { UserReport } from '../model/user.ts';
import { readAccess } from '../policy/access-facts.ts';
import { explainActive } from '../policy/active-policies.ts';
import type { ActivePolicies } from '../policy/active-policies.ts';
import type { ExplainedVerdict } from '../policy/access.ts';
import { decidedBy } from './decided-by.ts';
import type { DecidedBy } from './decided-by.ts';
import { parseDevice, parseUser } from './names.ts';

/** Subject, verdict and steps. */
export interface ExplainedAccess extends ExplainedVerdict {
  /** The user that the given name stands for. */
  readonly user: UserKey;
  readonly device: DeviceKey;
  /** Other names of the user. */
  readonly aliases: readonly string[];
  /** What is known of device and user, by whom and since when. */
  readonly known: readonly KnownFact[];
  /** The user with the device, as seen; null = never. */
  readonly seen: PartnershipRecord | null;
  /** The policy that the verdict comes from, and why it decides for this user. */
  readonly decidedBy: DecidedBy;
}

/** One value that decisions see, and where it comes from. */
export interface KnownFact {
  readonly about: 'device' | 'user';
  readonly field: string;
  readonly value: unknown;
  /** The feed that it comes from. */
  readonly source: string;
  /** When the feed saw it so, milliseconds since the epoch. */
  readonly observedAt: number;
  /** Feeds that report the opposite of a yes or no; they do not count, since `source` comes first. */
  readonly contradictedBy: readonly string[];
}

/** Fields of reports that are no values: what orders, joins and dates them. */
const BOOKKEEPING: ReadonlySet<string> = new Set([
  'key',
  'source',
  'observedAt',
  'version',
  'sourceId',
  'removed',
]);

type Report = (DeviceReport | UserReport) & Readonly<Record<string, unknown>>;

/** Each value from the first report that has one, as decisions see it. `reports`: in the order of precedence. */
function knownFacts(
  about: KnownFact['about'],
  reports: readonly Report[],
  record: object | null,
): KnownFact[] {
  return Object.entries(record ?? {}).flatMap(([field, value]) => {
    if (BOOKKEEPING.has(field) || isNothing(value) || isIdle(field, record)) return [];
    const said = reports.filter((one) => !isNothing(one[field]));
    const from = said.find((one) => one[field] === value) ?? said[0];
    return from === undefined
      ? []
      : [
          {
            about,
            field,
            value,
            source: from.source,
            observedAt: from.observedAt,
            contradictedBy: typeof value === 'boolean' ? sourcesOf(said, field, !value) : [],
          },
        ];
  });
}

function sourcesOf(reports: readonly Report[], field: string, value: boolean): string[] {
  return reports.filter((one) => one[field] === value).map(({ source }) => source);
}

/** Since when a value is unmet says nothing while the value is not known. */
function isIdle(field: string, record: object | null): boolean {
  const value = UNMET_VALUES[field];
  return value !== undefined && isNothing((record as Readonly<Record<string, unknown>> | null)?.[value]);
}

const UNMET_VALUES: Readonly<Record<string, string>> = {
  managedUnmetSince: 'managed',
  compliantUnmetSince: 'compliant',
  encryptedUnmetSince: 'encrypted',
  compromisedUnmetSince: 'compromised',
  mailProfileUnmetSince: 'managedMailProfile',
};

function isNothing(value: unknown): boolean {
  return (
    value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0)
  );
}

/**
 * Decides like the gateway at `now` (milliseconds since the epoch), for a request of which only user and device are known.
 * @throws ProgramError
 */
export async function explainAccess(
  store: DirectoryStore,
  active: ActivePolicies,
  subject: { readonly user: string; readonly device: string },
  now: number,
): Promise<ExplainedAccess> {
  const device = parseDevice(subject.device);
  const user = parseUser(subject.user);
  const found = await store.lookup(user, device);
  const access = readAccess(found, { user, device, deviceType: null }, now);
  const [deviceEntry, known] = await Promise.all([store.getDevice(device), store.joinedUser(user)]);
  const { record, reports, disabledBy } = known;
  const { verdict, steps, ...chosen } = explainActive(active, access, now);
  return {
    user: found.user,
    device,
    aliases: found.userRecord?.aliases ?? [],
    known: [
      ...knownFacts('device', deviceEntry?.reports ?? [], deviceEntry?.record ?? null),
      ...knownFacts('user', disabledBy === null ? reports : [...reports, disabledBy], record),
    ],
    verdict,
    steps,
    decidedBy: decidedBy(active, chosen),
    seen: deviceEntry?.partnerships.find((one) => one.user === found.user) ?? null,
  };
}

// Owns the reading of Intune's devices: the whole list, or those that checked in since a moment, and whether the latter can be trusted.
import { z } from 'zod';
import { RecordReader } from '../mapping.ts';
import { graphManagedDevices } from '../mappings/graph.ts';
import type { FeedLine } from '../record.ts';
import { ObjectRow } from '../row.ts';
import type { PolicyStates } from './policy-states.ts';
import type { GraphRequests } from './requests.ts';

const LIST = '/v1.0/deviceManagement/managedDevices';
/** Not asked for: phone numbers, IMEI, hardware addresses, and the code that unlocks a device. */
const SELECT = [
  'id',
  'deviceName',
  'easDeviceId',
  'easActivated',
  'userPrincipalName',
  'emailAddress',
  'userId',
  'complianceState',
  'complianceGracePeriodExpirationDateTime',
  'isEncrypted',
  'jailBroken',
  'partnerReportedThreatState',
  'operatingSystem',
  'osVersion',
  'androidSecurityPatchLevel',
  'model',
  'manufacturer',
  'serialNumber',
  'managementAgent',
  'deviceRegistrationState',
  'managedDeviceOwnerType',
  'lastSyncDateTime',
  'enrolledDateTime',
  'exchangeAccessState',
  'exchangeAccessStateReason',
  'azureADDeviceId',
  'isSupervised',
  'deviceCategoryDisplayName',
].join(',');

/** How many devices a full run keeps, to compare the window with. */
const PROBES = 50;
/** Graph writes ISO 8601 in UTC: no order of day and month is needed. */
const READ_OPTIONS = { zone: 'UTC', order: () => null } as const;

/** A device that checked in lately. */
interface Probe {
  readonly id: string;
  readonly at: number;
}

/** The latest check-ins of a list. */
export class LatestCheckIns {
  private probes: Probe[] = [];

  /** Looks at a record of the list. */
  add({ id, lastSyncDateTime }: Readonly<Record<string, unknown>>): void {
    const at = typeof lastSyncDateTime === 'string' ? Date.parse(lastSyncDateTime) : Number.NaN;
    if (typeof id !== 'string' || Number.isNaN(at)) return;
    const last = this.probes.at(-1);
    if (this.probes.length >= PROBES && last !== undefined && at <= last.at) return;
    const place = this.probes.findIndex((probe) => probe.at < at);
    this.probes.splice(place === -1 ? this.probes.length : place, 0, { id, at });
    this.probes.length = Math.min(this.probes.length, PROBES);
  }

  /** The latest check-in, in milliseconds since 1970, at most `now`: a clock that is ahead must not hide others. */
  latest(now: number): number | null {
    const [first] = this.probes;
    return first === undefined ? null : Math.min(first.at, now);
  }

  /** The earliest of the kept check-ins. */
  get earliest(): number | null {
    return this.probes.at(-1)?.at ?? null;
  }

  /** Which share of the kept devices is in a set, from 0 to 1. */
  shareIn(ids: ReadonlySet<string>): number {
    return this.probes.filter(({ id }) => ids.has(id)).length / Math.max(this.probes.length, 1);
  }
}

/** Reads devices; `since`: only those that checked in then or later, in milliseconds since 1970. */
export async function* devices(
  requests: GraphRequests,
  source: string,
  since: number | null,
  states: PolicyStates,
  checkIns: LatestCheckIns,
): AsyncGenerator<FeedLine[]> {
  let line = 0;
  for await (const { records } of requests.pages(`${LIST}?$select=${SELECT}${filterOf(since)}`)) {
    const page = records.map((record) => ({ ...record }));
    await states.add(page, requests);
    yield page.flatMap((record) => {
      checkIns.add(record);
      const reader = new RecordReader(new ObjectRow(++line, record), { source, ...READ_OPTIONS });
      return graphManagedDevices.map(reader);
    });
  }
}

/** How many devices Intune counts as enrolled; null = it does not say. */
export async function deviceCount(requests: GraphRequests): Promise<number | null> {
  const answer = await requests.read('/v1.0/deviceManagement/managedDeviceOverview');
  const overview = z.object({ enrolledDeviceCount: z.number().int().nonnegative() }).safeParse(answer);
  return overview.success ? overview.data.enrolledDeviceCount : null;
}

/** A window that shows fewer of the latest check-ins than this cannot be trusted; some devices leave meanwhile. */
const TRUSTED_SHARE = 0.9;

/**
 * Whether a list of devices by their last check-in shows those that the whole list just had. It did not in every tenant.
 * @see https://github.com/microsoftgraph/powershell-intune-samples/issues/11
 */
export async function isWindowTrusted(requests: GraphRequests, checkIns: LatestCheckIns): Promise<boolean> {
  const { earliest } = checkIns;
  if (earliest === null) return false;
  const ids = new Set<string>();
  for await (const { records } of requests.pages(`${LIST}?$select=id${filterOf(earliest)}`))
    for (const { id } of records) if (typeof id === 'string' && ids.size < MAX_WINDOW) ids.add(id);
  return checkIns.shareIn(ids) >= TRUSTED_SHARE;
}

const MAX_WINDOW = 100_000;

function filterOf(since: number | null): string {
  // In whole seconds, rounded down.
  if (since === null) return '';
  const time = `${new Date(since).toISOString().slice(0, 19)}Z`;
  return `&$filter=${encodeURIComponent(`lastSyncDateTime ge ${time}`)}`;
}

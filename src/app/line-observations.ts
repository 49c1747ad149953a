// Owns how lines of feeds and imports become what the directory stores. Pure.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { AccessDecision } from '../model/decision.ts';
import type { DeviceObservation } from '../model/device.ts';
import type { DecisionLine, DeviceLine } from '../feeds/record.ts';

/** An allow of a source ends after so long. */
const ALLOW_ENDS_AFTER_MS = 30 * 86_400_000;

/** Milliseconds since the epoch of a time in a line; null = none. */
export function millis(time: string | null): number | null {
  if (time === null) return null;
  const at = Date.parse(time);
  return Number.isNaN(at) ? null : at;
}

/** A line that says only a part: the fields in `unsaid` stay as its source reported them before. */
export type Partly<Line> = Line & { readonly unsaid?: readonly string[] };

/** What every observation has: when it was made is the time of the run where the line does not say it. */
const ALWAYS: ReadonlySet<string> = new Set(['key', 'source', 'observedAt', 'version']);

/** The observation without what its line does not say. */
export function withoutUnsaid<Observation extends object>(
  observation: Observation,
  unsaid: readonly string[] | undefined,
): Observation {
  if (unsaid === undefined) return observation;
  const said = Object.entries(observation).filter(([name]) => ALWAYS.has(name) || !unsaid.includes(name));
  return Object.fromEntries(said) as Observation;
}

/**
 * The facts about a device in a line. What the source did not say is unknown from now on, also a compliance that it reported
 * before. `readAt`: when the source was read, milliseconds since the epoch.
 */
export function deviceObservation(
  line: Partly<DeviceLine>,
  key: DeviceKey,
  readAt: number,
): DeviceObservation {
  const observation: DeviceObservation = {
    key,
    source: line.source,
    observedAt: millis(line.observedAt) ?? readAt,
    version: readAt,
    managed: line.managed,
    compliant: line.compliant,
    encrypted: line.encrypted,
    compromised: line.compromised,
    managedMailProfile: line.managedMailProfile,
    platform: line.platform,
    osVersion: line.osVersion,
    os: line.os,
    model: line.model,
    manufacturer: line.manufacturer,
    ownership: line.ownership === 'unknown' ? null : line.ownership,
    owner: line.owner,
    lastCheckIn: millis(line.lastCheckIn),
    graceUntil: millis(line.graceUntil),
    serialNumber: line.serialNumber,
    udid: line.udid,
    imei: line.imei,
    sourceId: line.sourceId,
    unmetRequirements: line.unmetRequirements,
    attributes: line.attributes,
    removed: line.removed,
  };
  return withoutUnsaid(observation, line.unsaid);
}

/** Whether a line has a value that can refuse a device. */
export function refuses({
  removed,
  managed,
  compliant,
  encrypted,
  compromised,
  managedMailProfile,
}: DeviceLine): boolean {
  return (
    removed ||
    managed === false ||
    compliant === false ||
    encrypted === false ||
    compromised === true ||
    managedMailProfile === false
  );
}

/**
 * The values of a line that refuse, all others unknown. For a join by what a phone claims of itself.
 * Threat: a phone that claims the IMEI or the model of a compliant one, and gets in with its report.
 */
export function onlyRefusals(line: DeviceLine): DeviceLine {
  return {
    ...line,
    managed: line.managed === false ? false : null,
    compliant: line.compliant === false ? false : null,
    graceUntil: null,
    encrypted: line.encrypted === false ? false : null,
    compromised: line.compromised === true ? true : null,
    managedMailProfile: line.managedMailProfile === false ? false : null,
    platform: null,
    osVersion: null,
    os: null,
    ownership: 'unknown',
    lastCheckIn: null,
    attributes: {},
    // A later run would join by them as if the source had named the device.
    serialNumber: null,
    udid: null,
    imei: null,
  };
}

/** What of a report decides about a phone, in one text: two reports with the same text treat it alike. */
export function deviceState(
  report: Partial<Readonly<Record<(typeof STATE)[number], boolean | null>>> & {
    readonly platform?: string | null | undefined;
    readonly graceUntil?: number | null | undefined;
  },
  now: number,
): string {
  const isOver = report.graceUntil !== null && report.graceUntil !== undefined && report.graceUntil <= now;
  const flags = STATE.map((name) => {
    const value = name === 'compliant' && isOver ? false : (report[name] ?? null);
    return value === null ? '-' : value ? '1' : '0';
  });
  return `${flags.join('')}${report.platform ?? ''}`;
}

/**
 * Whether a phone may lose its mail by a line: it refuses, or no longer says a good value that its source said before. `before`,
 * `after`: {@link deviceState} of the source; before null = it never reported the device.
 */
export function restricts(line: DeviceLine, before: string | null, after: string): boolean {
  if (refuses(line)) return true;
  return (
    before !== null &&
    STATE.some((name, place) => before[place] === GOOD[name] && after[place] !== GOOD[name])
  );
}

const GOOD = {
  managed: '1',
  compliant: '1',
  encrypted: '1',
  compromised: '0',
  managedMailProfile: '1',
} as const;

const STATE = ['managed', 'compliant', 'encrypted', 'compromised', 'managedMailProfile'] as const;

/** A decision of the source; null = an allow, which takes effect only where the source may allow. */
export function accessDecision(
  line: DecisionLine,
  { allowDecisions, now }: { readonly allowDecisions: boolean; readonly now: number },
): AccessDecision | null {
  const isAllow = line.action === 'allow';
  if (isAllow && !allowDecisions) return null;
  const expiresAt = millis(line.expiresAt);
  return {
    action: line.action,
    owner: line.by ?? line.source,
    reason: line.reason,
    decidedAt: Math.min(millis(line.decidedAt) ?? now, now),
    expiresAt: isAllow ? Math.min(expiresAt ?? Infinity, now + ALLOW_ENDS_AFTER_MS) : expiresAt,
  };
}

/** The subject of a decision: the user null = every user of the device. */
export function decisionSubject({ device, user }: DecisionLine): { device: DeviceKey; user: UserKey | null } {
  return { device: device as DeviceKey, user: user as UserKey | null };
}

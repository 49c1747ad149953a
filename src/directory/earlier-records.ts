// Owns records of earlier layouts (JSON objects, one text each; a device under several spellings of its id): joins each with what
// is already in the present form. Repeating it changes nothing. Pure.
import { deviceKey } from '../identity/device.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { readDecisionRecord } from '../model/decision.ts';
import type { ManualDecision } from '../model/decision.ts';
import { deviceReportText, readDeviceReport } from '../model/device.ts';
import type { DeviceReport } from '../model/device.ts';
import { partnershipText, readPartnership } from '../model/partnership.ts';
import type { PartnershipRecord } from '../model/partnership.ts';
import { parseObject } from '../model/read-record.ts';
import { readUserReport, userReportText } from '../model/user.ts';
import { decisionRecordText, isWipe } from '../model/wipe.ts';
import { stricter } from '../policy/strictness.ts';
import { IMPORT_SOURCE } from './device-reports.ts';
import { NO_SOURCE } from './report-writes.ts';
import { joinPartnerships } from './seen-partnerships.ts';

/** A report of a device, and the source it is stored under. */
export interface EarlierReport {
  readonly source: string;
  /** As it was, where it is not understood: then requests of the device are still denied. */
  readonly text: string;
}

/** A device record of an earlier layout, as the report of its source. */
export function reportOf(spelled: string, stored: string): EarlierReport {
  const key = deviceKey(spelled);
  return (
    understood(() => {
      const json = parseObject(stored, `device ${key}`);
      const source = sourceOf(stored);
      const report = readDeviceReport(key, source, stored);
      const since = typeof json['stateSince'] === 'number' ? json['stateSince'] : report.observedAt;
      const unmet = (isGood: boolean): number | null => (isGood ? null : since);
      const dated: DeviceReport = {
        ...report,
        reportedSince: since,
        managedUnmetSince: unmet(report.managed === true),
        compliantUnmetSince: unmet(report.compliant === true),
        encryptedUnmetSince: unmet(report.encrypted === true),
        compromisedUnmetSince: unmet(report.compromised === false),
        mailProfileUnmetSince: unmet(report.managedMailProfile === true),
      };
      return { source, text: deviceReportText(dated) };
    }) ?? { source: sourceOf(stored), text: stored }
  );
}

/** So that the next report of the source overwrites a record that is not understood. */
function sourceOf(stored: string): string {
  const source = understood(() => parseObject(stored, 'device')['source']);
  return typeof source === 'string' && source !== '' ? source : NO_SOURCE;
}

/** A user record of an earlier layout, as a report by hand. It says nothing of groups where it names none. */
export function userReportOf(key: UserKey, stored: string): EarlierReport {
  const source = IMPORT_SOURCE;
  const text = understood(() => {
    const report = readUserReport(key, source, stored);
    const groups = report.groups?.length === 0 ? null : report.groups;
    return userReportText({ ...report, groups });
  });
  return { source, text: text ?? stored };
}

/** The report to keep of two of one source: the later one; of what is not understood, that. */
export function laterReport(device: DeviceKey, source: string, before: string | null, next: string): string {
  if (before === null) return next;
  const [one, other] = [before, next].map((text) => understood(() => readDeviceReport(device, source, text)));
  if (one === null || one === undefined) return before;
  if (other === null || other === undefined) return next;
  const [later, earlier] = one.observedAt >= other.observedAt ? [one, other] : [other, one];
  return deviceReportText({
    ...later,
    model: later.model ?? earlier.model,
    os: later.os ?? earlier.os,
    reportedSince: Math.min(later.reportedSince ?? Infinity, earlier.reportedSince ?? Infinity),
    managedUnmetSince: both(later.managedUnmetSince, earlier.managedUnmetSince),
    compliantUnmetSince: both(later.compliantUnmetSince, earlier.compliantUnmetSince),
    encryptedUnmetSince: both(later.encryptedUnmetSince, earlier.encryptedUnmetSince),
    compromisedUnmetSince: both(later.compromisedUnmetSince, earlier.compromisedUnmetSince),
    mailProfileUnmetSince: both(later.mailProfileUnmetSince, earlier.mailProfileUnmetSince),
  });
}

/** Since the earlier time, if it was unmet then too. */
function both(later: number | null, earlier: number | null): number | null {
  return later === null || earlier === null ? later : Math.min(later, earlier);
}

/** A partnership seen under a spelling, joined with what was seen under others; null = neither is understood. */
export function joinedPartnership(
  user: UserKey,
  spelled: string,
  before: string | null,
  stored: string,
): string | null {
  const device = deviceKey(spelled);
  // Records of before spellings were kept have the spelling as their key.
  const seen = understood(() => allowedOf(readPartnership(user, spelled as DeviceKey, stored)));
  const known = before === null ? null : understood(() => readPartnership(user, device, before));
  const joined = joinPartnerships(
    user,
    [known, seen].filter((record): record is PartnershipRecord => record !== null),
  );
  return joined === null ? null : partnershipText({ ...joined, device });
}

/** Before times of permission were kept, only the last verdict was. */
function allowedOf(record: PartnershipRecord): PartnershipRecord {
  const wasAllowed = record.lastAllowed === null && record.lastVerdict === 'allow';
  return wasAllowed ? { ...record, lastAllowed: record.lastSeen } : record;
}

/** Partnerships that were seen under the spelling of a wipe that names none. */
export interface SeenBefore {
  readonly spelled: string;
  readonly partnerships: readonly { readonly user: UserKey; readonly record: string }[];
}

/** Most partnerships of one wipe. */
export const MAX_WIPE_PARTNERSHIPS = 100;

/** Whether a decision is a wipe from before wipes named their partnerships. */
export function namesNobody(stored: string): boolean {
  return stored.includes('"wipe"') && !stored.includes('"partnerships"');
}

/**
 * The decision to keep of two on one subject: the stricter one that did not expire; of what is not understood, that. `seen`: for a
 * wipe that names no partnerships. `epoch`: of the store as it was.
 */
export function stricterDecision(
  before: string | null,
  stored: string,
  { epoch, now, seen }: { readonly epoch: number; readonly now: number; readonly seen: SeenBefore | null },
): string {
  const next = inRecord(stored, epoch, seen);
  if (before === null) return next;
  const [one, other] = [before, next].map((text) => understood(() => decisionIn(text, epoch)));
  if (one === null || one === undefined) return before;
  if (other === null || other === undefined) return next;
  return stricter(one, other, now) === one ? before : next;
}

function decisionIn(text: string, epoch: number): ManualDecision | null {
  return readDecisionRecord(text, 'decision', epoch).decision;
}

function inRecord(stored: string, epoch: number, seen: SeenBefore | null): string {
  const decision = understood(() => decisionIn(stored, epoch));
  if (decision === null) return stored;
  if (seen === null || !isWipe(decision)) return decisionRecordText({ decision, history: [] }, epoch);
  const spelled = seen.spelled as DeviceKey;
  const partnerships = seen.partnerships
    .flatMap(({ user, record }) => understood(() => readPartnership(user, spelled, record)) ?? [])
    .filter(({ firstSeen }) => firstSeen < decision.wipe.requestedAt)
    .sort((a, b) => a.firstSeen - b.firstSeen)
    .slice(0, MAX_WIPE_PARTNERSHIPS)
    .map(({ user, spellings }) => ({ user, spellings: [...spellings], toldAt: null }));
  // Ordered in this store before stores had epochs.
  const { suspended: _none, ...wipe } = decision.wipe;
  return decisionRecordText(
    { decision: { ...decision, wipe: { ...wipe, partnerships } }, history: [] },
    epoch,
  );
}

function understood<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

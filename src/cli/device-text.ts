// Owns the text of `easgate devices show`: what happens to a device, why, since when, and what to do next.
import { describeDecision } from '../app/write-decision.ts';
import type { DeviceDetails } from '../app/device-details.ts';
import { target } from '../app/names.ts';
import type { Standing, VerdictNow } from '../app/standing.ts';
import { isoTime } from '../app/times.ts';
import { timeOrNever, timeText } from './time-text.ts';
import type { ManualDecision } from '../model/decision.ts';
import { stateOfAction } from '../model/access-state.ts';
import type { DeviceReport } from '../model/device.ts';
import { isOpenWipe, isWipe } from '../model/wipe.ts';
import { clearCommand } from './decision-text.ts';
import { verdictCell } from './lists.ts';
import { printable, quoted } from './output.ts';
import { fitTable, terminalWidth } from './table.ts';
import type { Cell, Column } from './table.ts';

type Partnership = DeviceDetails['partnerships'][number];

/** Values of a report that are flags, as they are shown. */
const FLAGS = [
  ['managed', 'managed'],
  ['compliant', 'compliant'],
  ['encrypted', 'encrypted'],
  ['compromised', 'compromised'],
  ['managedMailProfile', 'managed mail profile'],
] as const;

/** What an operator may do about a reason, as a sentence. Others are explained by `easgate explain`. */
const NEXT: Readonly<Record<string, string>> = {
  unknownDevice: 'enrol it in the device management, or wait until a feed reports it',
  awaitingReport: 'wait: a feed may still report it',
  notEnrolled: 'enrol it in the device management again',
  notCompliant: 'make it compliant: its requirements are in the device management',
  notEncrypted: 'encrypt its storage',
  compromised: 'have it looked at: it is jailbroken, rooted or under attack',
  osTooOld: 'update its operating system',
  notCheckedIn: 'let it contact the device management',
  noManagedMailProfile: 'set its mail account up by the device management',
  userDisabled: 'enable the account of the user',
  tooManyDevices: 'remove a device that the user no longer uses',
};

/** The text as of `now`, milliseconds since the epoch. */
export function deviceText(details: DeviceDetails & Standing, now = Date.now()): string {
  const { key, aliases, record, reports, unreadable = [], partnerships } = details;
  const told = (field: 'model' | 'os' | 'imei'): string | null =>
    partnerships.find(({ record: seen }) => seen[field] !== null)?.record[field] ?? record?.[field] ?? null;
  const imei = told('imei');
  const lines = [
    [key, told('model'), told('os'), imei === null ? null : `IMEI ${imei}`]
      .filter((part) => part !== null)
      .join(', '),
    ...(aliases.length === 0 ? [] : [`other spellings: ${aliases.join(', ')}`]),
    ...(unreadable.length === 0
      ? []
      : [`malformed records: ${unreadable.join(', ')}; to clear them: easgate devices clear ${key}`]),
    ...decisionLines(details, now),
  ];
  return [
    `${lines.map((line) => printable(line)).join('\n')}\n`,
    partnerships.length === 0 ? 'nobody was seen with it\n' : phonesText(details, now),
    ...(reports.length === 0 ? ['no feed reports it\n'] : reports.map((report) => reportText(report, now))),
    nextText(nextLines(details)),
  ].join('\n');
}

function decisionLines({ key, decision, partnerships, imported }: DeviceDetails, now: number): string[] {
  const own = [
    { user: null, decision },
    ...partnerships.map((one) => ({ user: one.record.user, decision: one.decision })),
  ];
  return [
    ...own.flatMap(({ user, decision: one }) =>
      one === null
        ? []
        : [
            isWipe(one)
              ? `wipe: ${target(key, user)}: ${describeDecision(one)}, ordered by ${one.owner} (${one.reason ?? 'no reason'})`
              : `decision${user === null ? '' : ` for ${user}`}: ${decisionText(one, now)}`,
          ],
    ),
    ...imported.map(
      ({ source, user, decision: one }) =>
        `imported from ${source}${user === null || user === undefined ? '' : ` for ${user}`}: ${decisionText(one, now)}`,
    ),
    ...own.flatMap(({ user, decision: one }) =>
      isWipe(one)
        ? [
            `${isOpenWipe(one) ? 'to cancel the wipe' : 'to let it in again'}: ${clearCommand(key, user, one)}`,
          ]
        : [],
    ),
  ];
}

function decisionText(decision: ManualDecision, now: number): string {
  const { owner, reason, decidedAt, expiresAt } = decision;
  const end = expiresAt === null ? '' : expiresAt <= now ? ', over' : `, until ${isoTime(expiresAt)}`;
  return `${describeDecision(decision)} since ${isoTime(decidedAt)} by ${owner}${reason === null ? '' : ` (${reason})`}${end}`;
}

/** The verdict of `verdicts` on a phone, as of now; `?` = it was not decided. */
export function nowCell(verdicts: readonly VerdictNow[], { user, device }: Partnership['record']): Cell {
  const now = verdicts.find((one) => one.user === user && one.device === device);
  return now === undefined ? '?' : verdictCell({ state: stateOfAction(now.action), reason: now.reason });
}

/** The verdict on the last request of a phone, which knows nothing of what changed since. */
export function lastCell({ record }: Pick<Partnership, 'record'>): Cell {
  return verdictCell({ state: stateOfAction(record.lastVerdict), reason: record.lastReason || null });
}

function phonesText({ partnerships, verdicts }: DeviceDetails & Standing, now: number): string {
  const seen = (at: number | null): string => timeOrNever(at, now);
  const columns: Column<Partnership>[] = [
    { title: 'USER', cell: ({ record }) => printable(record.user), min: 18 },
    { title: 'NOW', cell: ({ record }) => nowCell(verdicts, record), min: 20 },
    { title: 'LAST VERDICT', cell: lastCell, min: 20 },
    { title: 'LAST SEEN', cell: ({ record }) => seen(record.lastSeen) },
    { title: 'LAST ALLOWED', cell: ({ record }) => seen(record.lastAllowed), spare: 3 },
    { title: 'FIRST SEEN', cell: ({ record }) => seen(record.firstSeen), spare: 2 },
    { title: 'CLIENT', cell: ({ record }) => printable(record.userAgent, '-'), min: 12, spare: 1 },
  ];
  return fitTable(columns, partnerships, terminalWidth()).text;
}

/** What one feed reports; unknown values are left out. */
function reportText(report: DeviceReport, now: number): string {
  const { source, observedAt, removed, owner, platform, osVersion, unmetRequirements, lastCheckIn } = report;
  const parts = [
    ...(removed === true ? ['removed from the feed'] : []),
    ...FLAGS.flatMap(([field, word]) => {
      const value = report[field];
      return value === null ? [] : [value ? word : `not ${word}`];
    }),
    ...(unmetRequirements.length === 0 ? [] : [`does not meet ${unmetRequirements.join(', ')}`]),
    ...(platform === null ? [] : [`${platform} ${osVersion ?? ''}`.trim()]),
    ...(owner === null ? [] : [`owner ${owner}`]),
    ...(lastCheckIn === null ? [] : [`last check-in ${timeText(lastCheckIn, now)}`]),
  ];
  const text = parts.length === 0 ? 'nothing known' : parts.join('; ');
  return `${printable(`reported by ${source}, ${timeText(observedAt, now)}: ${text}`)}\n`;
}

/** The first line has the heading, the others stand below its text. */
function nextText(lines: readonly string[]): string {
  return lines.map((line, index) => `${index === 0 ? 'next: ' : '      '}${printable(line)}\n`).join('');
}

/** What to do about each user who is refused now, and where the steps are. */
function nextLines({ key, partnerships, verdicts }: DeviceDetails & Standing): string[] {
  const refused = verdicts.filter(({ action }) => action !== 'allow');
  const advice = new Set(refused.flatMap(({ reason }) => NEXT[reason] ?? []));
  const [first] = refused.length === 0 ? partnerships.map(({ record }) => record) : refused;
  // For one user, under the exact name: it takes the place of a decision on this user, and outweighs one on the device but a block.
  const helped = refused.find(({ hindrance }) => hindrance === null);
  return [
    ...advice,
    ...(helped === undefined
      ? []
      : [
          `to let it in for a while: easgate devices allow ${key} --user ${quoted(helped.user)} --expires 1d --reason TEXT`,
        ]),
    ...(first === undefined
      ? []
      : [`each step of the decision: easgate explain ${quoted(first.user)} ${key}`]),
  ];
}

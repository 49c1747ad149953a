// Owns how the queries of lists become filters of use cases. Times are ISO, or so long ago.
import type { DecisionFilter } from '../../app/decision-list.ts';
import { filterTexts } from '../../app/device-list.ts';
import type { DeviceFilter } from '../../app/device-list.ts';
import { parseMomentPast, parseMomentToCome } from '../../app/times.ts';
import type { UserFilter } from '../../app/users.ts';
import type { InputOf } from '../contract/operations.ts';

type Without<Query> = Omit<Query, 'sort' | 'limit' | 'after'>;

/** The filter of a query. @throws ProgramError for a time that is none */
export function deviceFilterOf(query: InputOf<'countDevices'>['query'], now: number): DeviceFilter {
  return {
    ...filterTexts(query),
    states: wordsOf(query.state),
    reasons: wordsOf(query.reason),
    decisions: wordsOf(query.decision),
    seenSince: query.seen === undefined ? undefined : parseMomentPast(query.seen, 'seen', now),
    unseenSince: query.notSeen === undefined ? undefined : parseMomentPast(query.notSeen, 'notSeen', now),
    reported: query.reported === undefined ? undefined : query.reported === 'yes',
    managed: yesNoUnknown(query.managed),
    compliant: yesNoUnknown(query.compliant),
    openWipe: query.openWipe,
    exceptionsAt: query.exception === true ? now : undefined,
    onlyPartnerships: query.partnerships,
  };
}

/** The words of a list with commas. */
export function wordsOf(text: string | undefined): string[] | undefined {
  return text?.split(',').map((word) => word.trim());
}

function yesNoUnknown(word: 'yes' | 'no' | 'unknown' | undefined): boolean | null | undefined {
  if (word === undefined) return undefined;
  return word === 'unknown' ? null : word === 'yes';
}

/** The filter of a list of decisions. @throws ProgramError for a time that is none */
export function decisionFilterOf(
  query: Without<InputOf<'listDecisions'>['query']>,
  now: number,
): DecisionFilter {
  const { device, user, source, by, search, decided, endsWithin } = query;
  return {
    device,
    user,
    source,
    by,
    search,
    actions: wordsOf(query.action),
    states: wordsOf(query.state),
    decidedSince: decided === undefined ? undefined : parseMomentPast(decided, 'decided', now),
    endsBefore: endsWithin === undefined ? undefined : parseMomentToCome(endsWithin, 'endsWithin', now),
  };
}

/** The filter of a list of users. @throws ProgramError for a time that is none */
export function userFilterOf(query: Without<InputOf<'listUsers'>['query']>, now: number): UserFilter {
  const { user, group, minDevices, search, seen, notSeen } = query;
  return {
    user,
    group,
    minDevices,
    search,
    states: wordsOf(query.state),
    seenSince: seen === undefined ? undefined : parseMomentPast(seen, 'seen', now),
    unseenSince: notSeen === undefined ? undefined : parseMomentPast(notSeen, 'notSeen', now),
  };
}

// Owns rows of reports as files: what the browser has and no route of the API gives. Pure.
import type { Impact } from '../client/use-diff.ts';
import { t } from '../texts/texts.ts';

/** Devices that change, with a row of titles. */
export function changedRows(phones: Impact['phones']): string[][] {
  const { column } = t.reports;
  return [
    [
      column.user,
      column.device,
      column.model,
      column.groups,
      column.seen,
      column.state,
      `${column.reason} (${column.state})`,
      column.wouldBe,
      column.reason,
      t.journal.column.rule,
    ],
    ...phones.map(({ user, device, model, groups, lastSeen, before, after }) => [
      user,
      device,
      model ?? '',
      groups.join(' '),
      lastSeen,
      before.action,
      before.reason,
      after.action,
      after.reason,
      after.rule,
    ]),
  ];
}

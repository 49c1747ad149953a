// Owns the decisions on a device with their history: by hand, on the device or on one user, and those that feeds imported.
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { t } from '../texts/texts.ts';
import { DecisionTable, historyLines, newestFirst } from './decision-table.tsx';
import type { DecisionLine } from './decision-table.tsx';
import { isInForce } from './possible.ts';

type Details = AnswerOf<'showDevice'>;

function aboutUser(user: string | null): ReactElement {
  return user === null ? <span className="t2">{t.device.decisions.everyUser}</span> : <>{user}</>;
}

function linesOf(details: Details): readonly DecisionLine[] {
  const imported = details.imported.map(({ source, user, decision }) => ({
    key: `${source} ${user ?? ''}`,
    at: decision.decidedAt,
    by: t.device.decisions.feed(source),
    about: aboutUser(user ?? null),
    action: decision.action,
    reason: decision.reason,
    expiresAt: decision.expiresAt ?? null,
  }));
  return newestFirst([
    ...historyLines(aboutUser(null), '', details.history),
    ...details.partnerships.flatMap(({ record, history }) =>
      historyLines(aboutUser(record.user), record.user, history ?? []),
    ),
    ...imported,
  ]);
}

/** How many lines there are, for the tab. */
export function decisionCount(details: Details): number {
  return linesOf(details).length;
}

/** Whether a manual decision is in force now. */
export function hasDecision(details: Details): boolean {
  return [details.decision, ...details.partnerships.map(({ decision }) => decision)].some(isInForce);
}

/** The table. */
export function DeviceDecisions({ details }: { details: Details }): ReactElement {
  return <DecisionTable lines={linesOf(details)} />;
}

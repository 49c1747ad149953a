// Owns the end of an exception: a few usual ones, a date, or none.
import type { ReactElement } from 'react';
import { day, moment } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Field } from './field.tsx';

const HOUR = 3_600_000;
const EVENING_HOUR = 18;

/** The choice of an end. */
export interface Until {
  readonly choice: 'hour' | 'evening' | 'tomorrow' | 'week' | 'date' | 'never';
  /** Of the date: as the browser writes it, local. */
  readonly date: string;
}

const evening = (now: number, days: number): number => {
  const at = new Date(now);
  at.setDate(at.getDate() + days);
  return at.setHours(EVENING_HOUR, 0, 0, 0);
};

/** Whether today's evening is still an hour away. */
const eveningIsToCome = (now: number): boolean => evening(now, 0) - now > HOUR;

/** The usual end: this evening, or the next one when it is near. */
export function usualEnd(now: number): number {
  return evening(now, eveningIsToCome(now) ? 0 : 1);
}

export const FIRST_UNTIL: Until = { choice: 'tomorrow', date: '' };

/** The end in milliseconds since 1970; null = never; undefined = the date is missing or past. */
export function endOf({ choice, date }: Until, now: number): number | null | undefined {
  switch (choice) {
    case 'hour':
      return now + HOUR;
    case 'evening':
      return evening(now, 0);
    case 'tomorrow':
      return evening(now, 1);
    case 'week':
      return evening(now, 7);
    case 'never':
      return null;
    case 'date':
      break;
  }
  const at = Date.parse(date);
  return Number.isNaN(at) || at <= now ? undefined : at;
}

/** Chooses an end. */
export function UntilField({
  value,
  onChange,
}: {
  value: Until;
  onChange: (until: Until) => void;
}): ReactElement {
  const now = Date.now();
  return (
    <>
      <Field label={t.until.label}>
        <select
          className="select"
          value={value.choice}
          onChange={(event) => onChange({ ...value, choice: event.target.value as Until['choice'] })}
        >
          <option value="hour">{t.until.hour(moment(now + HOUR, now))}</option>
          {eveningIsToCome(now) ? (
            <option value="evening">{t.until.evening(moment(evening(now, 0), now))}</option>
          ) : null}
          <option value="tomorrow">{t.until.tomorrow(moment(evening(now, 1), now))}</option>
          <option value="week">{t.until.week(day(evening(now, 7), now))}</option>
          <option value="date">{t.until.date}</option>
          <option value="never">{t.until.never}</option>
        </select>
      </Field>
      {value.choice === 'date' ? (
        <Field label={t.until.dateLabel}>
          <input
            className="input"
            type="datetime-local"
            value={value.date}
            onChange={(event) => onChange({ ...value, date: event.target.value })}
          />
        </Field>
      ) : null}
    </>
  );
}

// Owns the timeline of a device or a user: what happened, by days, the newest first.
import type { ReactElement } from 'react';
import type { ApiError } from '../client/problem.ts';
import { useQuery } from '../client/use-query.ts';
import { clockTime, longDate } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { EventIcon, eventText } from './event.tsx';
import type { Event } from './event.tsx';
import { Panel } from './panel.tsx';
import { Time } from './time.tsx';
import { LoadTrouble, Skeleton } from './trouble.tsx';

const MOST_EVENTS = 40;

interface Day {
  readonly title: string;
  readonly events: readonly Event[];
}

function daysOf(events: readonly Event[]): readonly Day[] {
  const days = new Map<string, Event[]>();
  for (const event of events) {
    const title = longDate(Date.parse(event.at));
    days.set(title, [...(days.get(title) ?? []), event]);
  }
  return [...days].map(([title, of]) => ({ title, events: of }));
}

function Days({ events }: { events: readonly Event[] }): ReactElement {
  if (events.length === 0) return <p className="body t2">{t.device.timeline.none}</p>;
  return (
    <div className="tl">
      {daysOf(events).map((day) => (
        <section key={day.title} aria-label={day.title}>
          <h3>{day.title}</h3>
          <ol>
            {day.events.map((event, place) => (
              <li key={`${event.at} ${event.kind} ${place}`}>
                <Time iso={event.at} form={clockTime} />
                <EventIcon event={event} />
                <span>{eventText(event)}</span>
              </li>
            ))}
          </ol>
        </section>
      ))}
    </div>
  );
}

function Trouble({ error, retry }: { error: ApiError; retry: () => void }): ReactElement {
  return <LoadTrouble error={error} operation="queryJournal" retry={retry} />;
}

/** The panel. */
export function Timeline({
  of,
}: {
  of: { readonly device: string } | { readonly user: string };
}): ReactElement {
  const { data, error, reload } = useQuery(
    'queryJournal',
    { query: { ...of, limit: MOST_EVENTS } },
    { everyMs: 15_000 },
  );
  return (
    <Panel id="timeline" title={t.device.timeline.title}>
      {data === null ? (
        error === null ? (
          <Skeleton rows={4} />
        ) : (
          <Trouble error={error} retry={reload} />
        )
      ) : null}
      {data === null ? null : <Days events={data.rows} />}
    </Panel>
  );
}

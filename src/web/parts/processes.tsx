// Owns the processes of this gateway: how each is, how old its state is, what it had to drop.
import type { ReactElement, ReactNode } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { OLD_STATE_MS } from '../../api/contract/state-age.ts';
import { length, number, size } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import { TableHead } from './table-head.tsx';
import { Age, Dash } from './time.tsx';

type Status = AnswerOf<'showStatus'>;
type Worker = NonNullable<Status['workers'][number]>;

const texts = t.system.processes;

function Mark({ look, children }: { look: 'allow' | 'hold' | 'block'; children: ReactNode }): ReactElement {
  return (
    <span className={`pill c-${look}`}>
      <Icon name={look === 'allow' ? 'check' : 'warn'} />
      <span>{children}</span>
    </span>
  );
}

function WorkerState({ health }: Worker): ReactElement {
  const refuses = health.store && typeof health.storeRefusal === 'string';
  const away = [
    ...(health.store ? [] : [texts.noStore]),
    ...(refuses ? [texts.noChanges] : []),
    ...(health.mailServer ? [] : [texts.noMail]),
  ];
  return away.length === 0 ? (
    <Mark look="allow">{texts.serves}</Mark>
  ) : (
    <Mark look="block">{away.join(', ')}</Mark>
  );
}

function Dropped({ counters }: Worker): ReactElement {
  const lines = counters['logLinesDropped'] ?? 0;
  const entries = counters['journalEntriesDropped'] ?? 0;
  if (lines + entries === 0) return <span className="t3">{texts.noneDropped}</span>;
  return (
    <span className="age stale">
      <Icon name="warn" />
      {texts.dropped(lines, entries, number)}
    </span>
  );
}

interface Row {
  readonly key: string;
  readonly name: string;
  readonly pid: number | null;
  readonly state: ReactElement;
  readonly up: number | null;
  readonly memory: number | null;
  readonly worker: Worker | null;
}

function rowsOf({ phase, startedAt, workers, control }: Status): readonly Row[] {
  const started = startedAt === null ? null : (Date.now() - Date.parse(startedAt)) / 1_000;
  return [
    {
      key: 'primary',
      name: texts.primary,
      pid: null,
      state: <Mark look={phase === 'serving' ? 'allow' : 'hold'}>{phase}</Mark>,
      up: started,
      memory: null,
      worker: null,
    },
    ...workers.map((worker, place) => ({
      key: `worker ${place}`,
      name: texts.worker(number(place + 1)),
      pid: worker?.pid ?? null,
      state: worker === null ? <Mark look="block">{texts.silent}</Mark> : <WorkerState {...worker} />,
      up: worker?.uptimeSeconds ?? null,
      memory: worker?.memoryBytes ?? null,
      worker,
    })),
    {
      key: 'control',
      name: texts.control,
      pid: control.pid,
      state: <Mark look="allow">{texts.runs}</Mark>,
      up: control.uptimeSeconds,
      memory: control.memoryBytes,
      worker: null,
    },
  ];
}

/** The table. */
export function Processes({ status }: { status: Status }): ReactElement {
  const { column } = texts;
  return (
    <div className="tw">
      <table className="plain cards processes">
        <caption className="vh">{texts.caption}</caption>
        <TableHead
          titles={[
            column.name,
            column.state,
            [column.up, 'num'],
            [column.memory, 'num'],
            [column.age, 'num'],
            [column.held, 'num'],
            column.position,
            [column.dropped, undefined, texts.droppedShort],
          ]}
        />
        <tbody>
          {rowsOf(status).map(({ key, name, pid, state, up, memory, worker }) => (
            <tr key={key}>
              <th scope="row">
                <b>{name}</b> {pid === null ? null : <span className="t3 mono">{pid}</span>}
              </th>
              <td>{state}</td>
              <td className="num" data-l={column.up}>
                {up === null ? <Dash /> : length(up * 1_000)}
              </td>
              <td className={memory === null ? 'num off-phone' : 'num'} data-l={column.memory}>
                {memory === null ? <Dash /> : size(memory)}
              </td>
              <td className={worker === null ? 'num off-phone' : 'num'} data-l={column.age}>
                {worker === null ? (
                  <Dash />
                ) : (
                  <Age ms={worker.stateAgeMs} stale={worker.stateAgeMs > OLD_STATE_MS} />
                )}
              </td>
              <td className={worker === null ? 'num off-phone' : 'num'} data-l={column.held}>
                {worker === null ? <Dash /> : number(worker.counters['heldPolls'] ?? 0)}
              </td>
              <td className="mono off-phone">{worker?.position ?? <Dash />}</td>
              <td className={worker === null ? 'off-phone' : undefined} data-l={column.dropped}>
                {worker === null ? <Dash /> : <Dropped {...worker} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

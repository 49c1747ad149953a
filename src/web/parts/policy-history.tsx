// Owns the history of the policy: versions, two of them compared, rollback.
import { useState } from 'react';
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { roleFor, useMay } from '../client/signed-in.ts';
import { useQuery } from '../client/use-query.ts';
import { moment, number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { extentText } from './extent-fields.tsx';
import { Field } from './field.tsx';
import { Panel } from './panel.tsx';
import { TableHead } from './table-head.tsx';
import { TextDiff } from './text-diff.tsx';
import { Dash, Time } from './time.tsx';
import { LoadTrouble, Skeleton } from './trouble.tsx';

type Row = AnswerOf<'listPolicyVersions'>['rows'][number];
type PolicyInUse = AnswerOf<'showPolicy'>;

const texts = t.policy.history;
const STEP = 20;
const MOST = 100;

function Place({ row, policy }: { row: Row; policy: PolicyInUse }): ReactElement | null {
  if (row.place !== null) return <span className="tag">{texts[row.place]}</span>;
  if (row.rolledBackAt !== null)
    return (
      <span className="tag">
        {texts.rolledBack} <Time iso={row.rolledBackAt} form={moment} />
      </span>
    );
  if (row.abandonedAt !== null) return <span className="tag">{texts.abandoned}</span>;
  return policy.earlier.includes(row.version) ? <span className="tag">{texts.wasLive}</span> : null;
}

/** Of a version from before its steps were kept, only the time at which it was added is known. */
function Published({ row }: { row: Row }): ReactElement {
  const { at, shadowAt, rolledOutAt, publishedAt } = row;
  if (publishedAt !== null) return <Time iso={publishedAt} form={moment} />;
  if (shadowAt !== null || rolledOutAt !== null) return <Dash />;
  return (
    <>
      {texts.added} <Time iso={at} form={moment} />
    </>
  );
}

/** When it was in the shadow, and rolled out to whom. */
function Before({ row: { shadowAt, rolledOutAt, rolledOutTo } }: { row: Row }): ReactElement {
  if (shadowAt === null && rolledOutAt === null) return <Dash />;
  return (
    <>
      {shadowAt === null ? null : (
        <div>
          {texts.shadowAt} <Time iso={shadowAt} form={moment} />
        </div>
      )}
      {rolledOutAt === null || rolledOutTo === null ? null : (
        <div className="break">
          {texts.rolledOutAt(extentText(rolledOutTo))} <Time iso={rolledOutAt} form={moment} />
        </div>
      )}
    </>
  );
}

/** Why it was added, and why it came to decide. */
function Comments({ row: { comment, liveComment } }: { row: Row }): ReactElement {
  if (comment === null && liveComment === null) return <Dash />;
  return (
    <>
      {comment === null ? null : <div>{comment}</div>}
      {liveComment === null ? null : <div>{liveComment}</div>}
    </>
  );
}

function Versions({
  rows,
  policy,
  why,
  onCompare,
  onRollBack,
}: {
  rows: readonly Row[];
  policy: PolicyInUse;
  /** Why nobody can roll back here; null = one can. */
  why: string | null;
  onCompare: (version: number) => void;
  onRollBack: (version: number) => void;
}): ReactElement {
  const { column } = texts;
  return (
    <div className="tw">
      <table className="wrap cards">
        <TableHead
          titles={[
            column.version,
            column.at,
            column.before,
            column.by,
            column.comment,
            [column.changed, 'num'],
          ]}
          actions={t.list.actions}
        />
        <tbody>
          {rows.map((row) => (
            <tr key={row.version}>
              <th scope="row" className="nowrap">
                <b>{number(row.version)}</b> <Place row={row} policy={policy} />
              </th>
              <td className="nowrap end t2" data-l={column.at}>
                <Published row={row} />
              </td>
              <td className="full t2 sm" data-l={column.before}>
                <Before row={row} />
              </td>
              <td data-l={column.by} className="break">
                {row.author}
              </td>
              <td className="full break">
                <Comments row={row} />
              </td>
              <td className="num" data-l={column.changed}>
                {row.changed === null ? <Dash /> : number(row.changed)}
              </td>
              <td className="act full">
                <span className="row tight ends">
                  <button
                    className="btn small"
                    type="button"
                    aria-label={texts.compareFor(number(row.version))}
                    onClick={() => onCompare(row.version)}
                  >
                    {texts.compare}
                  </button>
                  {row.place !== null ? null : (
                    <button
                      className="btn small"
                      type="button"
                      disabled={why !== null}
                      title={why ?? undefined}
                      aria-label={texts.rollBackFor(number(row.version))}
                      onClick={() => onRollBack(row.version)}
                    >
                      {texts.rollBack}
                    </button>
                  )}
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function VersionSelect({
  label,
  rows,
  value,
  onChange,
}: {
  label: string;
  rows: readonly Row[];
  value: number;
  onChange: (version: number) => void;
}): ReactElement {
  return (
    <Field label={label}>
      <select className="select" value={value} onChange={(event) => onChange(Number(event.target.value))}>
        {rows.map(({ version, place }) => (
          <option key={version} value={version}>
            {texts.version(number(version))}
            {place === null ? '' : `, ${texts[place]}`}
          </option>
        ))}
      </select>
    </Field>
  );
}

function Compare({
  rows,
  first,
  second,
  onEdit,
  close,
}: {
  rows: readonly Row[];
  first: number;
  second: number;
  onEdit: ((text: string) => void) | null;
  close: () => void;
}): ReactElement {
  const [before, setBefore] = useState(first);
  const [after, setAfter] = useState(second);
  const one = useQuery('showPolicyVersion', { params: { version: String(before) } });
  const other = useQuery('showPolicyVersion', { params: { version: String(after) } });
  const error = one.error ?? other.error;
  const text = other.data?.document;
  return (
    <section aria-label={texts.compareTitle} className="compare">
      <div className="body top row">
        <VersionSelect label={texts.before} rows={rows} value={before} onChange={setBefore} />
        <VersionSelect label={texts.after} rows={rows} value={after} onChange={setAfter} />
        <span className="push" />
        {onEdit === null ? null : (
          <button
            className="btn"
            type="button"
            disabled={text === undefined}
            onClick={() => {
              if (text !== undefined) onEdit(text);
            }}
          >
            {texts.edit}
          </button>
        )}
        <button className="btn" type="button" onClick={close}>
          {texts.close}
        </button>
      </div>
      {one.data !== null && other.data !== null ? (
        <TextDiff before={one.data.document} after={other.data.document} />
      ) : error === null ? (
        <Skeleton rows={3} />
      ) : (
        <LoadTrouble
          error={error}
          operation="showPolicyVersion"
          retry={() => {
            one.reload();
            other.reload();
          }}
        />
      )}
    </section>
  );
}

/** `onEdit` = takes a text as the draft; null = the document cannot be changed here. */
export function PolicyHistory({
  policy,
  onRollBack,
  onEdit,
}: {
  policy: PolicyInUse;
  onRollBack: (version: number) => void;
  onEdit: ((text: string) => void) | null;
}): ReactElement {
  const [limit, setLimit] = useState(STEP);
  const list = useQuery('listPolicyVersions', { query: { limit } });
  const [compared, setCompared] = useState<{ readonly first: number; readonly second: number } | null>(null);
  const may = useMay('rollBackPolicy');
  const rolledOut = policy.rollout === null ? null : t.policy.rollout.under(number(policy.rollout.version));
  const why =
    policy.source === 'file' ? t.policy.file.short : may ? rolledOut : texts.needs(roleFor('rollBackPolicy'));
  const rows = list.data?.rows ?? [];
  const compare = (version: number): void => {
    const live = policy.live?.version ?? version;
    const previous = rows.find((row) => row.version < version)?.version ?? version;
    setCompared(live === version ? { first: previous, second: version } : { first: version, second: live });
  };
  const older =
    list.data?.next === null || list.data === null || limit >= MOST ? undefined : (
      <button className="btn small" type="button" onClick={() => setLimit(Math.min(MOST, limit + STEP))}>
        {texts.older}
      </button>
    );
  return (
    <Panel
      title={texts.title}
      className="mt"
      mark={why === null || rows.length === 0 ? undefined : <span className="age">{why}</span>}
      foot={older}
    >
      {list.data === null ? (
        list.error === null ? (
          <Skeleton rows={4} />
        ) : (
          <LoadTrouble error={list.error} operation="listPolicyVersions" retry={list.reload} />
        )
      ) : rows.length === 0 ? (
        <p className="body t2">{texts.none}</p>
      ) : (
        <Versions rows={rows} policy={policy} why={why} onCompare={compare} onRollBack={onRollBack} />
      )}
      {compared === null ? null : (
        <Compare
          key={`${compared.first} ${compared.second}`}
          rows={rows}
          first={compared.first}
          second={compared.second}
          onEdit={onEdit}
          close={() => setCompared(null)}
        />
      )}
    </Panel>
  );
}

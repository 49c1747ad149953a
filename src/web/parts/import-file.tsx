// Owns the import of a file: options, a dry run with its counts and refused lines, then the import that repeats the counts.
import { useRef, useState } from 'react';
import type { ReactElement } from 'react';
import type { AnswerOf, QueryOf } from '../../api/contract/operations.ts';
import { roleFor, useMay } from '../client/signed-in.ts';
import { useChange } from '../client/use-change.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Field } from './field.tsx';
import { Icon } from './icon.tsx';
import { HeldReasons, OutcomeTable, OutcomeTroubles, effectOf } from './outcome.tsx';
import { Panel } from './panel.tsx';
import { ChangeTrouble } from './trouble.tsx';

const texts = t.feeds.import;

type Result = AnswerOf<'importFile'>;
type Query = NonNullable<QueryOf<'importFile'>>;

interface Options {
  readonly format: NonNullable<Query['format']>;
  readonly source: string;
  readonly dates: '' | 'day-first' | 'month-first';
  readonly replace: boolean;
  readonly decisions: boolean;
}

const FIRST: Options = { format: 'auto', source: '', dates: '', replace: false, decisions: false };

function queryOf({ format, source, dates, replace, decisions }: Options): Query {
  return {
    format,
    ...(source.trim() === '' ? {} : { source: source.trim() }),
    ...(dates === '' ? {} : { dates }),
    ...(replace ? { replace: 'true' } : {}),
    ...(decisions ? { allowDecisions: 'true' } : {}),
  };
}

function Result({ result }: { result: Result }): ReactElement {
  return (
    <div className="stack" role="status">
      <p className="sm row tight">
        <Icon name={result.dryRun ? 'eye' : 'check'} />
        <span>{result.dryRun ? texts.dryDone(result.what) : texts.done(result.what)}</span>
      </p>
      {result.notes.replaced ? <p className="sm">{texts.replacedBytes(result.notes.encoding)}</p> : null}
      {result.held.length === 0 ? null : (
        <div className="callout hold">
          <Icon name="pause" />
          <div>
            <b>{texts.held}</b>
            <HeldReasons reasons={result.held} />
          </div>
        </div>
      )}
      <OutcomeTable outcome={result} />
      <OutcomeTroubles outcome={result} />
    </div>
  );
}

function OptionFields({
  options,
  change,
}: {
  options: Options;
  change: (options: Options) => void;
}): ReactElement {
  return (
    <>
      <div className="fields">
        <Field label={texts.format}>
          <select
            className="select"
            value={options.format}
            onChange={(event) => change({ ...options, format: event.target.value as Options['format'] })}
          >
            {Object.entries(texts.formats).map(([format, word]) => (
              <option key={format} value={format}>
                {word}
              </option>
            ))}
          </select>
        </Field>
        <Field label={texts.source} hint={texts.sourceHint}>
          <input
            className="input"
            value={options.source}
            maxLength={64}
            autoComplete="off"
            onChange={(event) => change({ ...options, source: event.target.value })}
          />
        </Field>
        <Field label={texts.dates}>
          <select
            className="select"
            value={options.dates}
            onChange={(event) => change({ ...options, dates: event.target.value as Options['dates'] })}
          >
            <option value="">{texts.datesAuto}</option>
            <option value="day-first">{texts.dayFirst}</option>
            <option value="month-first">{texts.monthFirst}</option>
          </select>
        </Field>
      </div>
      <label className="check">
        <input
          type="checkbox"
          checked={options.replace}
          onChange={(event) => change({ ...options, replace: event.target.checked })}
        />
        {texts.replace}
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={options.decisions}
          onChange={(event) => change({ ...options, decisions: event.target.checked })}
        />
        {texts.decisions}
      </label>
    </>
  );
}

/** The panel. */
export function ImportFile(): ReactElement {
  const may = useMay('importFile');
  const change = useChange('importFile');
  const input = useRef<HTMLInputElement>(null);
  const [file, setFile] = useState<File | null>(null);
  const [options, setOptions] = useState(FIRST);
  const [result, setResult] = useState<Result | null>(null);
  const [isBeyond, setBeyond] = useState(false);
  const forget = (): void => {
    setResult(null);
    setBeyond(false);
    change.clear();
  };
  const look = async (): Promise<void> => {
    if (file === null) return;
    const query: Query = { ...queryOf(options), dryRun: 'true' };
    const first = await change.send({ query, file });
    // What is held is not counted: it is read again beyond the brake, so that one sees what a confirmation would do.
    const counted =
      first === null || first.held.length === 0
        ? first
        : await change.send({ query: { ...query, confirmed: 'true' }, file });
    setResult(counted === null || first === null ? null : { ...counted, held: first.held });
    setBeyond(false);
  };
  const write = async (): Promise<void> => {
    if (file === null) return;
    const answer = await change.send({
      query: { ...queryOf(options), ...(isBeyond ? { confirmed: 'true' } : {}) },
      file,
    });
    // After an error the dry run stays: one may try again.
    if (answer !== null) setResult(answer);
    setBeyond(false);
  };
  const isDone = result !== null && !result.dryRun && result.held.length === 0;
  const isHeld = result !== null && result.held.length > 0;
  const effect = result === null ? null : effectOf(result);
  const applyText = (): string => {
    if (effect === null || effect.changed + effect.removed === 0) return texts.applyNothing;
    return (isHeld ? texts.applyHeld : texts.apply)(effect.changed, effect.removed, number);
  };
  return (
    <Panel title={texts.title} mark={<span className="age">{texts.mark}</span>}>
      <form
        className="body stack"
        onSubmit={(event) => {
          event.preventDefault();
          void look();
        }}
      >
        {may ? null : <p className="sm t2">{t.trouble.needsRole(roleFor('importFile'))}</p>}
        <fieldset className="stack" disabled={!may || change.busy || isDone}>
          <Field label={texts.file} hint={texts.fileHint}>
            <input
              ref={input}
              className="input"
              type="file"
              onChange={(event) => {
                setFile(event.target.files?.[0] ?? null);
                forget();
              }}
            />
          </Field>
          <OptionFields
            options={options}
            change={(next) => {
              setOptions(next);
              forget();
            }}
          />
        </fieldset>
        <ChangeTrouble error={change.error} />
        {result === null ? null : <Result result={result} />}
        {isHeld ? (
          <label className="check">
            <input type="checkbox" checked={isBeyond} onChange={(event) => setBeyond(event.target.checked)} />
            {texts.beyond}
          </label>
        ) : null}
        <div className="row">
          {isDone ? (
            <button
              className="btn"
              type="button"
              onClick={() => {
                forget();
                setFile(null);
                if (input.current !== null) input.current.value = '';
              }}
            >
              {texts.another}
            </button>
          ) : (
            <>
              <button
                className={result === null ? 'btn primary' : 'btn'}
                type="submit"
                disabled={!may || file === null || change.busy}
              >
                {texts.check}
              </button>
              {result === null ? null : (
                <button
                  className={isHeld ? 'btn danger' : 'btn primary'}
                  type="button"
                  disabled={
                    change.busy ||
                    (isHeld && !isBeyond) ||
                    effect === null ||
                    effect.changed + effect.removed === 0
                  }
                  onClick={() => void write()}
                >
                  {applyText()}
                </button>
              )}
            </>
          )}
          {change.busy ? (
            <span className="sm t2" role="status">
              {result === null ? texts.checking : texts.applying}
            </span>
          ) : null}
        </div>
      </form>
    </Panel>
  );
}

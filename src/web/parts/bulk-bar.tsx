// Owns the bar for many devices: what is ticked, what would happen, then the button that repeats the counts.
import { useEffect, useRef, useState } from 'react';
import type { ReactElement } from 'react';
import type { AnswerOf, BodyOf } from '../../api/contract/operations.ts';
import { call } from '../client/call.ts';
import { ApiError, networkError } from '../client/problem.ts';
import { useMay, roleFor } from '../client/signed-in.ts';
import { moment, number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import { StateIcon, wordOf } from './state.tsx';
import { ChangeTrouble } from './trouble.tsx';
import { FIRST_UNTIL, UntilField, endOf } from './until.tsx';
import type { Until } from './until.tsx';

type Body = BodyOf<'decideMany'>;
type Action = Body['action'];
type Preview = AnswerOf<'decideMany'>;

/** The devices: those that are ticked, or all that match. */
export type Chosen = Pick<Body, 'devices' | 'filter'>;

const ACTIONS = ['allow', 'quarantine', 'block', 'clear'] as const;

function usePreview(body: Body | null): {
  readonly preview: Preview | null;
  readonly error: ApiError | null;
} {
  const text = body === null ? null : JSON.stringify(body);
  const [known, setKnown] = useState<{
    text: string;
    preview: Preview | null;
    error: ApiError | null;
  } | null>(null);
  useEffect(() => {
    if (text === null) return undefined;
    const abort = new AbortController();
    call('decideMany', { body: JSON.parse(text) as Body, signal: abort.signal })
      .then((preview) => setKnown({ text, preview, error: null }))
      .catch((thrown: unknown) => {
        if (!abort.signal.aborted)
          setKnown({ text, preview: null, error: thrown instanceof ApiError ? thrown : networkError() });
      });
    return () => abort.abort();
  }, [text]);
  return known?.text === text ? known : { preview: null, error: null };
}

/** Of refused devices. */
const MOST_NAMED = 5;

/** Which devices are not decided, and why. */
function Refused({ outcome }: { outcome: Preview }): ReactElement | null {
  const { refused, refusedCount } = outcome;
  if (refusedCount === 0) return null;
  const named = refused.slice(0, MOST_NAMED);
  return (
    <div className="t2">
      <p>
        <Icon name="warn" />
        {t.decide.many.refused(t.counted.devices(refusedCount, number(refusedCount)))}
      </p>
      <ul className="names">
        {named.map(({ device, message }) => (
          <li key={device} className="break">
            {message}
          </li>
        ))}
        {refusedCount > named.length ? (
          <li>{t.decide.many.andMore(number(refusedCount - named.length))}</li>
        ) : null}
      </ul>
    </div>
  );
}

function Counts({ preview }: { preview: Preview }): ReactElement {
  const { byState, changed } = preview;
  return (
    <ul>
      {Object.entries(byState)
        .filter(([, count]) => count > 0)
        .map(([state, count]) => (
          <li key={state}>
            <StateIcon state={state} />
            {t.decide.many.become(number(count), wordOf(state))}
          </li>
        ))}
      <li>
        <Icon name="swap" />
        {changed === 0
          ? t.decide.many.nothing
          : t.decide.many.changes(t.counted.devices(changed, number(changed)))}
      </li>
    </ul>
  );
}

/** What was done a moment ago, where the bar was: the rows say nothing of it until they are read again. */
export function BulkDone({ outcome }: { outcome: Preview }): ReactElement {
  const { changed } = outcome;
  // The button that was pressed has gone with the bar.
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.focus(), []);
  return (
    <div className="bulk done" role="status" tabIndex={-1} ref={place}>
      <div className="bar1">
        <b>{t.decide.many.done(t.counted.devices(changed, number(changed)))}</b>
        <Refused outcome={outcome} />
      </div>
    </div>
  );
}

/** `chosen` = what the action is about; `count` rows are ticked, `total` match. */
export function BulkBar({
  count,
  total,
  isAll,
  chosen,
  onAll,
  onDone,
}: {
  count: number;
  total: number | null;
  isAll: boolean;
  chosen: Chosen;
  onAll: (isAll: boolean) => void;
  onDone: (outcome: Preview) => void;
}): ReactElement {
  const may = useMay('decideMany');
  const [action, setAction] = useState<Action | null>(null);
  const [until, setUntil] = useState<Until>(FIRST_UNTIL);
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const now = Date.now();
  const end = action === 'allow' ? endOf(until, now) : null;
  const expiresAt = end === null || end === undefined ? null : new Date(end).toISOString();
  // The preview asks with the end left out: only the sending needs it, and it moves with the clock.
  const body: Body | null = action === null ? null : { ...chosen, action, dryRun: true };
  const { preview, error: previewError } = usePreview(body);

  const devices = preview?.changed ?? null;

  const send = async (): Promise<void> => {
    if (action === null || preview === null || end === undefined) return;
    setBusy(true);
    setError(null);
    try {
      const outcome = await call('decideMany', {
        body: { ...chosen, action, expiresAt, dryRun: false, expected: preview.matched },
      });
      onDone(outcome);
    } catch (thrown) {
      setError(thrown instanceof ApiError ? thrown : networkError());
      setBusy(false);
    }
  };

  const shown = number(isAll && total !== null ? total : count);
  return (
    <div className="bulk" role="region" aria-label={t.list.selection}>
      <div className="bar1">
        <b role="status">{t.list.selected(shown)}</b>
        {total === null || total <= count ? null : (
          <button className="btn ghost small" type="button" onClick={() => onAll(!isAll)}>
            {isAll ? t.decide.many.onlyTicked : t.decide.many.all(number(total))}
          </button>
        )}
        <span className="push" />
        {may ? null : <span className="t3 sm">{t.trouble.needsRole(roleFor('decideMany'))}</span>}
        {ACTIONS.map((each) => (
          <button
            key={each}
            className="btn small"
            type="button"
            aria-pressed={action === each}
            disabled={!may || busy}
            onClick={() => setAction(action === each ? null : each)}
          >
            {t.decide.many[each]}
          </button>
        ))}
      </div>
      {action === null ? null : (
        <div className="pre">
          <div>
            <p>
              <b>
                {t.decide.many.preview[action](end === null || end === undefined ? null : moment(end, now))}
              </b>
            </p>
            {preview === null ? (
              previewError === null ? (
                <p className="t3">{t.decide.many.counting}</p>
              ) : (
                <ChangeTrouble error={previewError} />
              )
            ) : (
              <>
                <Counts preview={preview} />
                <Refused outcome={preview} />
              </>
            )}
            <ChangeTrouble error={error} />
          </div>
          <div className="row">
            {action === 'allow' ? (
              <div className="untilrow">
                <UntilField value={until} onChange={setUntil} />
              </div>
            ) : null}
            <button className="btn" type="button" onClick={() => setAction(null)}>
              {t.change.cancel}
            </button>
            <button
              className={action === 'block' ? 'btn danger' : 'btn primary'}
              type="button"
              disabled={busy || preview === null || devices === 0 || end === undefined}
              onClick={() => void send()}
            >
              {t.decide.many.button[action](t.counted.devices(devices ?? count, number(devices ?? count)))}
            </button>
          </div>
        </div>
      )}
    </div>
  );
}

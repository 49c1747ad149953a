// Owns the split button of an exception: left allows until the evening at once and turns into Undo, right opens the form.
import { useCallback, useState } from 'react';
import type { ReactElement } from 'react';
import { moment, shortMoment } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import { FormPop } from './menu.tsx';
import { ReasonField } from './reason-field.tsx';
import { useTicking } from './time.tsx';
import { ChangeTrouble } from './trouble.tsx';
import { FIRST_UNTIL, UntilField, endOf, usualEnd } from './until.tsx';
import type { Until } from './until.tsx';
import type { Decide } from './use-decide.ts';

function AllowForm<On>({
  target,
  decide,
  close,
}: {
  target: On;
  decide: Decide<On>;
  close: () => void;
}): ReactElement {
  const [until, setUntil] = useState<Until>(FIRST_UNTIL);
  const [reason, setReason] = useState('');
  const now = Date.now();
  const end = endOf(until, now);
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (end === undefined) return;
        void decide
          .decide(target, {
            action: 'allow',
            expiresAt: end,
            reason: reason.trim() === '' ? null : reason.trim(),
          })
          .then((written) => {
            if (written) close();
          });
      }}
    >
      <UntilField value={until} onChange={setUntil} />
      <ReasonField value={reason} onChange={setReason} />
      <p className="hint">{end === null ? t.until.hintForEver : t.until.hint}</p>
      <ChangeTrouble error={decide.error} />
      <button className="btn primary" type="submit" disabled={end === undefined || decide.isBusy}>
        {end === null
          ? t.until.allowForEver
          : end === undefined
            ? t.until.date
            : t.until.allow(moment(end, now))}
      </button>
    </form>
  );
}

/** The text of the usual exception, as the hours pass; short in tables, where the end is not today. */
function useUsual(isShort: boolean): string {
  return useTicking(
    useCallback(
      (now: number) => {
        const end = usualEnd(now);
        const text = shortMoment(end, now);
        return isShort && text.includes(' ') ? t.until.allowShort(text) : t.until.allow(text);
      },
      [isShort],
    ),
  );
}

/** `name` is for screen readers: which device of whom, or which user. */
export function AllowUntil<On>({
  target,
  name,
  title,
  decide,
  className = 'btn small',
  blocked,
}: {
  target: On;
  name: string;
  /** Of the form. */
  title: string;
  decide: Decide<On>;
  className?: string;
  /** Why an exception is not offered: the role may not, or it would not help. Null = it is offered. */
  blocked: string | null;
}): ReactElement {
  const [open, setOpen] = useState(false);
  const usual = useUsual(className.includes('small'));
  const done = decide.doneFor(target);
  const isUndo = done !== null && !done.isUndone && done.canUndo;
  // What was done can be taken back, whatever keeps an exception from helping.
  const reason = isUndo ? null : blocked;
  // One button for both, so that it keeps the focus; for the same reason it is not disabled while it works.
  return (
    <span className={isUndo ? undefined : 'split'} title={reason ?? undefined}>
      <button
        className={className}
        type="button"
        aria-label={isUndo ? undefined : `${usual}: ${name}`}
        aria-disabled={decide.isBusy}
        disabled={reason !== null}
        onClick={() => {
          if (decide.isBusy) return;
          if (isUndo) void decide.undo(target);
          else void decide.decide(target, { action: 'allow', expiresAt: usualEnd(Date.now()), reason: null });
        }}
      >
        {isUndo ? t.change.undo : usual}
      </button>
      {isUndo ? null : (
        <FormPop
          className={className}
          label={`${t.until.another}: ${name}`}
          title={title}
          button={<Icon name="down" small />}
          open={open}
          disabled={blocked !== null}
          onOpen={(next) => {
            decide.forgetError();
            setOpen(next);
          }}
        >
          <AllowForm target={target} decide={decide} close={() => setOpen(false)} />
        </FormPop>
      )}
    </span>
  );
}

// Owns the form of a manual decision that a menu opens: until when, why, for whom.
import { useState } from 'react';
import type { ReactElement } from 'react';
import { moment } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Modal } from './modal.tsx';
import { ReasonField } from './reason-field.tsx';
import { ChangeTrouble } from './trouble.tsx';
import { FIRST_UNTIL, UntilField, endOf } from './until.tsx';
import type { Until } from './until.tsx';
import type { Decide } from './use-decide.ts';

/** What is about to be decided. */
export interface Proposal<On> {
  readonly action: 'allow' | 'quarantine' | 'block';
  readonly target: On;
  /** The same device for every user; null = there is nothing wider. */
  readonly wider: On | null;
  /** "Pixel 8 of clara@example.com". */
  readonly name: string;
}

/** Asks for the rest, and sends it. */
export function DecideModal<On>({
  proposal,
  decide,
  close,
}: {
  proposal: Proposal<On>;
  decide: Decide<On>;
  close: () => void;
}): ReactElement {
  const { action, target, wider, name } = proposal;
  const [until, setUntil] = useState<Until>(action === 'allow' ? FIRST_UNTIL : { choice: 'never', date: '' });
  const [reason, setReason] = useState('');
  const [isForAll, setForAll] = useState(false);
  const now = Date.now();
  const end = endOf(until, now);
  const words = t.decide[action];
  const button = end === null || end === undefined ? words.button : words.until(moment(end, now));
  return (
    <Modal
      title={words.title(name)}
      lead={words.lead}
      open
      onClose={close}
      onSubmit={() => {
        if (end === undefined) return;
        void decide
          .decide(isForAll && wider !== null ? wider : target, {
            action,
            expiresAt: end,
            reason: reason.trim() === '' ? null : reason.trim(),
          })
          .then((written) => {
            if (written) close();
          });
      }}
      button={
        <button
          className={action === 'block' ? 'btn danger' : 'btn primary'}
          type="submit"
          disabled={end === undefined || decide.isBusy}
        >
          {button}
        </button>
      }
    >
      <UntilField value={until} onChange={setUntil} />
      <ReasonField value={reason} onChange={setReason} />
      {wider === null ? null : (
        <label className="check">
          <input type="checkbox" checked={isForAll} onChange={(event) => setForAll(event.target.checked)} />
          {t.decide.everyUser}
        </label>
      )}
      <p className="hint">{end === null ? t.until.hintForEver : t.until.hint}</p>
      <ChangeTrouble error={decide.error} />
    </Modal>
  );
}

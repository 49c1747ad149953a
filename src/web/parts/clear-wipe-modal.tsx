// Owns the question before a wipe that the phone confirmed is cleared: whoever has the phone may then get mail again.
import type { ReactElement } from 'react';
import { t } from '../texts/texts.ts';
import { Modal } from './modal.tsx';
import { ChangeTrouble } from './trouble.tsx';
import type { Decide, Target } from './use-decide.ts';

/** The dialog. */
export function ClearWipeModal({
  target,
  name,
  decide,
  close,
}: {
  target: Target;
  name: string;
  decide: Decide;
  close: () => void;
}): ReactElement {
  const texts = t.decide.wipe;
  return (
    <Modal
      title={texts.clearTitle(name)}
      lead={texts.clearLead}
      open
      onClose={close}
      onSubmit={() => {
        void decide.clear(target, true).then((written) => {
          if (written) close();
        });
      }}
      button={
        <button className="btn primary" type="submit" disabled={decide.isBusy}>
          {texts.clearButton}
        </button>
      }
    >
      <p>{texts.clearText}</p>
      <ChangeTrouble error={decide.error} />
    </Modal>
  );
}

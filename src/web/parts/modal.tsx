// Owns dialogs: for what cannot be undone, and for forms that a menu opens.
import { Dialog } from '@base-ui/react/dialog';
import type { ReactElement, ReactNode, SyntheticEvent } from 'react';
import { t } from '../texts/texts.ts';

/** A form above the page. Escape and Cancel close it. */
export function Modal({
  title,
  lead,
  open,
  onClose,
  onSubmit,
  button,
  children,
}: {
  title: string;
  lead?: ReactNode;
  open: boolean;
  onClose: () => void;
  /** Absent = there is nothing to send; the only button closes. */
  onSubmit?: () => void;
  /** The button that sends. */
  button?: ReactNode;
  children: ReactNode;
}): ReactElement {
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    onSubmit?.();
  };
  return (
    <Dialog.Root
      open={open}
      onOpenChange={(next) => {
        if (!next) onClose();
      }}
    >
      <Dialog.Portal>
        <Dialog.Backdrop className="scrim" />
        <Dialog.Popup className="dialog">
          <form onSubmit={submit}>
            <header>
              <Dialog.Title render={<h2 />}>{title}</Dialog.Title>
              {lead === undefined ? null : (
                <Dialog.Description className="t2 sm" render={<div />}>
                  {lead}
                </Dialog.Description>
              )}
            </header>
            <div className="body">{children}</div>
            <footer>
              <Dialog.Close className="btn" type="button">
                {onSubmit === undefined ? t.change.close : t.change.cancel}
              </Dialog.Close>
              {button}
            </footer>
          </form>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

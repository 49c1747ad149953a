// Owns a labelled control: label above, hint or error below.
import { cloneElement, useId } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { Icon } from './icon.tsx';

interface ControlProps {
  id?: string;
  'aria-invalid'?: boolean;
  'aria-describedby'?: string | undefined;
}

/** The child is the control; it gets its id, and the id of what describes it. */
export function Field({
  label,
  hint,
  error,
  below,
  children,
}: {
  label: ReactNode;
  hint?: ReactNode;
  error?: string | null;
  /** Stands between the control and its hint: the scale of a slider. */
  below?: ReactNode;
  children: ReactElement<ControlProps>;
}): ReactElement {
  const id = useId();
  const note = `${id}-note`;
  const bad = error !== null && error !== undefined && error !== '';
  const noted = bad || hint !== undefined;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {cloneElement(children, {
        id,
        'aria-invalid': bad,
        'aria-describedby': noted ? note : undefined,
      })}
      {below}
      {bad ? (
        <span className="err" id={note}>
          <Icon name="x" />
          <span>{error}</span>
        </span>
      ) : hint === undefined ? null : (
        <span className="hint" id={note}>
          {hint}
        </span>
      )}
    </div>
  );
}

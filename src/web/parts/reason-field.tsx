// Owns the field for why somebody decides.
import type { ReactElement } from 'react';
import { t } from '../texts/texts.ts';
import { Field } from './field.tsx';

/** The API takes 500 characters. */
const MAX_REASON = 500;

/** `label`: absent = the usual one. */
export function ReasonField({
  label = t.change.reason,
  value,
  onChange,
}: {
  label?: string;
  value: string;
  onChange: (reason: string) => void;
}): ReactElement {
  return (
    <Field label={label}>
      <input
        className="input"
        placeholder={t.change.reasonHint}
        value={value}
        maxLength={MAX_REASON}
        onChange={(event) => onChange(event.target.value)}
      />
    </Field>
  );
}

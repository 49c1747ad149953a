// Owns the button that changes the colours.
import type { ReactElement } from 'react';
import { useValue } from '../client/value.ts';
import { Icon } from '../parts/icon.tsx';
import { t } from '../texts/texts.ts';
import { nextTheme, theme } from './theme.ts';

/** Each press takes the next of the three. */
export function ThemeButton({ small }: { small?: boolean }): ReactElement {
  const text = t.frame.theme[useValue(theme)];
  return (
    <button
      className={small === true ? 'btn ghost small' : 'btn ghost sq'}
      type="button"
      aria-label={text}
      title={text}
      onClick={nextTheme}
    >
      <Icon name="theme" />
    </button>
  );
}

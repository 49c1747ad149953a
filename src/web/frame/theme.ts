// Owns the colours: as the system, light or dark; kept in the browser.
import { newValue } from '../client/value.ts';

const THEMES = ['system', 'light', 'dark'] as const;

/** What the person chose. */
export type Theme = (typeof THEMES)[number];

const KEY = 'easgate.theme';

function stored(): Theme {
  try {
    const text = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === text) ?? 'system';
  } catch {
    // A browser that keeps nothing.
    return 'system';
  }
}

export const theme = newValue<Theme>('system');

function show(chosen: Theme): void {
  if (chosen === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = chosen;
  theme.set(chosen);
}

/** Before the first drawing. */
export function startTheme(): void {
  show(stored());
}

/** The next of the three. */
export function nextTheme(): void {
  const next = THEMES[(THEMES.indexOf(theme.get()) + 1) % THEMES.length] ?? 'system';
  show(next);
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Then it holds until the page is left.
  }
}

// Owns times on pages: relative, absolute on hover, updated while they are shown.
import { useCallback, useSyncExternalStore } from 'react';
import type { ReactElement } from 'react';
import { absolute, age, length } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';

const listeners = new Set<() => void>();
let timer: number | undefined;

/** Called every second while anything listens. */
function listen(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= window.setInterval(() => {
    for (const each of listeners) each();
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    window.clearInterval(timer);
    timer = undefined;
  };
}

/** A text made from the time now; the component is drawn again only when the text changes. */
export function useTicking(text: (now: number) => string): string {
  const read = useCallback(() => text(Date.now()), [text]);
  return useSyncExternalStore(listen, read);
}

/** A time as it comes from the API, in milliseconds since 1970; null = none, or no time. */
export function readTime(iso: string | null | undefined): number | null {
  if (iso === null || iso === undefined) return null;
  const at = Date.parse(iso);
  return Number.isNaN(at) ? null : at;
}

/** An absent value: a dash, and a word for screen readers. */
export function Dash(): ReactElement {
  return (
    <span className="t3 none">
      <span aria-hidden="true">–</span>
      <span className="vh">{t.list.none}</span>
    </span>
  );
}

interface TimeProps {
  readonly iso: string | null | undefined;
  /** With "ago". */
  readonly ago?: boolean;
  /** A form of its own instead of the relative one. */
  readonly form?: (at: number, now: number) => string;
  readonly className?: string;
}

function Ticking({ at, ago, form, className }: Omit<TimeProps, 'iso'> & { at: number }): ReactElement {
  const text = useTicking(
    useCallback(
      (now: number) => {
        if (form !== undefined) return form(at, now);
        const relative = age(at, now);
        return ago === true && now - at >= 0 && now - at < 7 * 86_400_000 ? t.units.ago(relative) : relative;
      },
      [at, ago, form],
    ),
  );
  return (
    <time className={className} dateTime={new Date(at).toISOString()} title={absolute(at)}>
      {text}
    </time>
  );
}

/** A time. */
export function Time({ iso, ...rest }: TimeProps): ReactElement {
  const at = readTime(iso);
  return at === null ? <Dash /> : <Ticking at={at} {...rest} />;
}

/** An age in milliseconds, amber with icon and words when stale. */
export function Age({ ms, stale }: { ms: number; stale?: boolean }): ReactElement {
  if (stale !== true) return <span className="age">{length(ms)}</span>;
  return (
    <span className="age stale">
      <Icon name="warn" />
      {length(ms)}
    </span>
  );
}

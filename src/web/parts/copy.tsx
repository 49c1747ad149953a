// Owns a text that is copied by a click.
import { useEffect, useState } from 'react';
import type { ReactElement } from 'react';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';

/** Puts a text in the clipboard. False: the browser does not permit it (it wants HTTPS). */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** An id that is copied by a click. */
export function Copy({ text }: { text: string }): ReactElement {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = window.setTimeout(() => setCopied(false), 2_000);
    return () => window.clearTimeout(timer);
  }, [copied]);
  return (
    <button
      className="copy"
      type="button"
      aria-label={t.change.copy(text)}
      onClick={() => void copyText(text).then(setCopied)}
    >
      {text}
      <Icon name={copied ? 'check' : 'copy'} small />
      <span className="vh" role="status">
        {copied ? t.change.copied : ''}
      </span>
    </button>
  );
}

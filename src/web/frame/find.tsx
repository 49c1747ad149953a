// Owns Find (Ctrl K): devices and users that match, and pages.
import { Dialog } from '@base-ui/react/dialog';
import { useDeferredValue, useEffect, useId, useState } from 'react';
import type { KeyboardEvent, ReactElement } from 'react';
import { useLocation } from 'wouter';
import { useQuery } from '../client/use-query.ts';
import { Icon } from '../parts/icon.tsx';
import type { IconName } from '../parts/icon.tsx';
import { StateIcon } from '../parts/state.tsx';
import { t } from '../texts/texts.ts';
import { useFindKey } from './keys.ts';
import { userHref } from '../parts/user-href.ts';
import { hrefOf, usePages } from './nav.tsx';

interface Hit {
  readonly href: string;
  readonly title: string;
  readonly sub: string;
  readonly icon: IconName | null;
  readonly state: string | null;
}

const MOST_DEVICES = 8;
const MOST_USERS = 4;

function useHits(text: string): readonly Hit[] {
  const search = text.trim();
  const pages = usePages();
  const { data } = useQuery(
    'listDevices',
    { query: { search, limit: MOST_DEVICES } },
    { enabled: search.length > 1 },
  );
  const users = useQuery(
    'listUsers',
    { query: { search, limit: MOST_USERS } },
    { enabled: search.length > 1 },
  ).data;
  const hits: Hit[] = pages
    .filter(({ title }) => search === '' || title.toLowerCase().includes(search.toLowerCase()))
    .map((page) => ({ href: hrefOf(page), title: page.title, sub: '', icon: page.nav.icon, state: null }));
  if (search.length < 2) return hits;
  for (const row of data?.rows ?? [])
    hits.push({
      href: `/devices/${encodeURIComponent(row.device)}${row.user === null ? '' : `?user=${encodeURIComponent(row.user)}`}`,
      title: row.user ?? row.device,
      sub: [row.model ?? row.deviceType ?? '', row.user === null ? '' : row.device]
        .filter((part) => part !== '')
        .join(', '),
      icon: null,
      state: row.state,
    });
  for (const { user } of users?.rows ?? [])
    hits.push({ href: userHref(user), title: t.frame.findUser(user), sub: '', icon: 'users', state: null });
  for (const [list, title] of [
    ['devices', t.frame.findDevices(search)],
    ['users', t.frame.findUsers(search)],
  ] as const)
    hits.push({
      href: `/${list}?search=${encodeURIComponent(search)}`,
      title,
      sub: '',
      icon: 'search',
      state: null,
    });
  return hits;
}

function FindBox({ close }: { close: () => void }): ReactElement {
  const [, go] = useLocation();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const hits = useHits(useDeferredValue(text));
  const list = useId();
  useEffect(() => setAt(0), [text]);
  const pick = (hit: Hit | undefined): void => {
    if (hit === undefined) return;
    close();
    go(hit.href);
  };
  const onKey = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && hits.length > 0) {
      event.preventDefault();
      setAt((at + step + hits.length) % hits.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      pick(hits[at]);
    }
  };
  return (
    <>
      <div className="findrow">
        <Icon name="search" />
        <input
          role="combobox"
          aria-expanded="true"
          aria-controls={list}
          aria-activedescendant={hits.length === 0 ? undefined : `${list}-${at}`}
          aria-label={t.frame.findLong}
          placeholder={t.frame.findHint}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKey}
          spellCheck={false}
          autoComplete="off"
        />
      </div>
      <div className="hits" role="listbox" id={list} aria-label={t.frame.findLong}>
        {hits.map((hit, index) => (
          // A pointer picks by click; keys are handled by the input, which keeps the focus.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
          <div
            key={hit.href}
            id={`${list}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === at}
            className="item"
            onClick={() => pick(hit)}
            onMouseMove={() => setAt(index)}
          >
            {hit.icon === null ? null : <Icon name={hit.icon} />}
            {hit.state === null ? null : <StateIcon state={hit.state} />}
            <span className="clip">{hit.title}</span>
            <span className="t3 clip">{hit.sub}</span>
          </div>
        ))}
      </div>
    </>
  );
}

/** The button, and the box that it and Ctrl K open. */
export function Find(): ReactElement {
  const [open, setOpen] = useState(false);
  useFindKey(() => setOpen(true));
  return (
    <Dialog.Root open={open} onOpenChange={(next) => setOpen(next)}>
      <Dialog.Trigger className="find" aria-keyshortcuts="Control+K">
        <Icon name="search" />
        <span>{t.frame.find}</span>
        <kbd>Ctrl K</kbd>
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className="scrim" />
        <Dialog.Popup className="dialog findbox">
          <Dialog.Title className="vh">{t.frame.findLong}</Dialog.Title>
          <FindBox close={() => setOpen(false)} />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

// Owns the frame around every page: side bar, state of the data, account, list of keys.
import { Suspense, useCallback, useEffect, useRef, useState } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { OLD_STATE_MS } from '../../api/contract/state-age.ts';
import { silentSince } from '../client/connection.ts';
import { useSession } from '../client/signed-in.ts';
import { signOut } from '../client/session.ts';
import { useQuery } from '../client/use-query.ts';
import { useValue } from '../client/value.ts';
import { Icon, Mark } from '../parts/icon.tsx';
import { Menu, MenuItem } from '../parts/menu.tsx';
import { Modal } from '../parts/modal.tsx';
import { useTicking } from '../parts/time.tsx';
import { SilentNote, Skeleton } from '../parts/trouble.tsx';
import { length } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Find } from './find.tsx';
import { useKeys } from './keys.ts';
import { Nav, marksOf } from './nav.tsx';
import { ThemeButton } from './theme-button.tsx';

const EVERY_MS = 15_000;
/** Without an answer for this time, the time since the last answer is added to the age that it gave. */
const OVERDUE_MS = EVERY_MS + 5_000;

/** `ageMs`: of the state, when the answer came; `receivedAt`: when that was, milliseconds since 1970. */
function Fresh({
  ageMs,
  receivedAt,
}: {
  ageMs: number | null;
  receivedAt: number | null;
}): ReactElement | null {
  const silent = useValue(silentSince) !== null;
  const overdue = useCallback(
    (now: number) => {
      const since = now - (receivedAt ?? now);
      return String(since > OVERDUE_MS ? since : 0);
    },
    [receivedAt],
  );
  const more = Number(useTicking(overdue));
  if (silent)
    return (
      <div className="fresh stale" title={t.trouble.silentText}>
        <Icon name="cloudoff" />
        <span>{t.frame.notAnswering}</span>
      </div>
    );
  if (ageMs === null) return null;
  const ms = ageMs + more;
  return (
    <div className={ms > OLD_STATE_MS ? 'fresh stale' : 'fresh'} title={t.frame.stateAgeLong(length(ms))}>
      <Icon name={ms > OLD_STATE_MS ? 'warn' : 'check'} />
      <span>{t.frame.stateAge(length(ms))}</span>
    </div>
  );
}

function Account(): ReactElement | null {
  const session = useSession();
  if (session === null) return null;
  return (
    <div className="who">
      <div>
        <b className="clip">{session.name}</b>
        <br />
        <span className="t3 sm">{session.role}</span>
      </div>
      <ThemeButton />
      <Menu className="btn ghost sq" label={t.frame.account} button={<Icon name="dots" />}>
        <MenuItem onPick={() => void signOut()}>{t.frame.signOut}</MenuItem>
      </Menu>
    </div>
  );
}

function KeyList({ close }: { close: () => void }): ReactElement {
  return (
    <Modal title={t.frame.keysTitle} open onClose={close}>
      <dl className="kv">
        {t.keys.map(([key, text]) => (
          <div className="pair" key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}

/** The frame, with a page in it. */
export function Frame({ children }: { children: ReactNode }): ReactElement {
  const [keys, setKeys] = useState(false);
  const [location] = useLocation();
  const { data: overview, receivedAt } = useQuery('showOverview', {}, { everyMs: EVERY_MS });
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useKeys({ '?': () => setKeys(true) });
  useEffect(() => {
    // Another page begins at its top, for screen readers too.
    if (first.current) first.current = false;
    else {
      window.scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
  }, [location]);
  return (
    <>
      <a className="skip" href="#main">
        {t.frame.skip}
      </a>
      <div className="app">
        <header className="side">
          <Link className="brand" href="/" aria-label="easgate">
            <Mark />
            <span>easgate</span>
          </Link>
          <Find />
          <Nav marks={marksOf(overview)} />
          <div className="side-foot">
            <Fresh ageMs={overview?.stateAgeMs ?? null} receivedAt={receivedAt} />
            <Account />
          </div>
        </header>
        <main id="main" tabIndex={-1} ref={main}>
          <SilentNote />
          <Suspense fallback={<Skeleton />}>{children}</Suspense>
        </main>
      </div>
      {keys ? <KeyList close={() => setKeys(false)} /> : null}
    </>
  );
}

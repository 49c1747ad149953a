// Owns the states in which a page has nothing to show: what happened, why, and one action.
import type { ReactElement, ReactNode } from 'react';
import { useEffect, useState } from 'react';
import { Link } from 'wouter';
import { silentSince } from '../client/connection.ts';
import type { ApiError } from '../client/problem.ts';
import { roleFor, useSession } from '../client/signed-in.ts';
import { useValue } from '../client/value.ts';
import type { OperationName } from '../../api/contract/paths.ts';
import { clockTime } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import type { IconName } from './icon.tsx';

/** Icon, title, sentence, buttons. */
export function Blank({
  icon,
  title,
  children,
  actions,
  isPage,
}: {
  icon: IconName;
  title: string;
  children: ReactNode;
  actions?: ReactNode;
  /** It stands for the whole page, which has no other title. */
  isPage?: boolean;
}): ReactElement {
  return (
    <div className="blank">
      <Icon name={icon} />
      {isPage === true ? <h1>{title}</h1> : <h2>{title}</h2>}
      <p>{children}</p>
      {actions === undefined ? null : <div className="row">{actions}</div>}
    </div>
  );
}

/** Where one finds what an address does not have. */
export interface Way {
  readonly href: string;
  readonly text: string;
  /** Why there is nothing at this address. */
  readonly why: string;
}

/** What went wrong with reading, instead of the data; `way` = it stands for the page of one thing, from which this leads on. */
export function LoadTrouble({
  error,
  operation,
  retry,
  way,
}: {
  error: ApiError;
  operation: OperationName;
  retry: () => void;
  way?: Way;
}): ReactElement {
  const session = useSession();
  const isPage = way !== undefined;
  const again = (
    <button className="btn" type="button" onClick={retry}>
      {t.trouble.retry}
    </button>
  );
  if (error.trouble === 'network')
    return (
      <Blank icon="cloudoff" title={t.trouble.silentTitle} actions={again} isPage={isPage}>
        {t.trouble.silentText}
      </Blank>
    );
  if (error.code === 'EASGATE_NO_READ_MODEL')
    return (
      <Blank
        icon="sync"
        title={t.trouble.buildingTitle}
        isPage={isPage}
        actions={
          <>
            {again}
            <Link className="btn" href="/system">
              {t.trouble.buildingSee}
            </Link>
          </>
        }
      >
        {t.trouble.buildingText}
      </Blank>
    );
  if (error.status === 403)
    return (
      <Blank icon="lock" title={t.trouble.forbiddenTitle} isPage={isPage}>
        {t.trouble.forbiddenText(session?.name ?? '', session?.role ?? '', roleFor(operation))}
      </Blank>
    );
  if (error.status === 404)
    return (
      <Blank
        icon="search"
        title={t.trouble.notThereTitle}
        isPage={isPage}
        actions={
          way === undefined ? undefined : (
            <Link className="btn" href={way.href}>
              {way.text}
            </Link>
          )
        }
      >
        {way?.why ?? error.message}
      </Blank>
    );
  return (
    <Blank icon="warn" title={t.trouble.loadTitle} actions={again} isPage={isPage}>
      {error.message} {error.status >= 500 ? t.trouble.retrying : ''}
    </Blank>
  );
}

/** While nothing answers, above the data of before. */
export function SilentNote(): ReactElement | null {
  const since = useValue(silentSince);
  if (since === null) return null;
  return (
    <div className="callout hold mb" role="status">
      <Icon name="cloudoff" />
      <div>
        <b>{navigator.onLine ? t.trouble.silentTitle : t.trouble.offlineTitle}.</b>{' '}
        {t.trouble.offlineText(clockTime(since))}
      </div>
    </div>
  );
}

/** The error of a change, beside its button. */
export function ChangeTrouble({ error }: { error: ApiError | null }): ReactElement | null {
  if (error === null) return null;
  const text =
    error.trouble === 'network'
      ? t.trouble.silentTitle
      : error.status === 412
        ? t.trouble.changedMeanwhile
        : error.message;
  return (
    <p className="err" role="alert">
      <Icon name="x" />
      <span>{text}</span>
    </p>
  );
}

/** True after 200 ms: what is there sooner needs no skeleton. */
function useSlow(): boolean {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = window.setTimeout(() => setSlow(true), 200);
    return () => window.clearTimeout(timer);
  }, []);
  return slow;
}

const WIDTHS = ['w3', 'w4', 'w2', 'w3', 'w4'];

/** Lines in the shape of rows, while the first answer is awaited. */
export function Skeleton({ rows = 8 }: { rows?: number }): ReactElement {
  const slow = useSlow();
  return (
    <div className="skels" role="status" aria-busy="true">
      <span className="vh">{t.list.loading}</span>
      {slow
        ? Array.from({ length: rows }, (_, row) => (
            <div key={row} aria-hidden="true">
              <span className="skel p" />
              <span className={`skel ${WIDTHS[row % WIDTHS.length] ?? 'w3'}`} />
              <span className="skel w3" />
            </div>
          ))
        : null}
    </div>
  );
}

// Owns the page of one user: decision on the user with every device, devices with their reasons, names and groups, what happened.
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { usePathPart } from '../client/path-part.ts';
import { roleFor, useMay } from '../client/signed-in.ts';
import { useQuery } from '../client/use-query.ts';
import { AllowUntil } from '../parts/allow-until.tsx';
import { DecisionTable, historyLines, newestFirst } from '../parts/decision-table.tsx';
import type { DecisionLine } from '../parts/decision-table.tsx';
import { deviceHref, doneText } from '../parts/device-columns.tsx';
import { useTitle } from '../parts/page-head.tsx';
import { Panel } from '../parts/panel.tsx';
import { hindranceText, isInForce } from '../parts/possible.ts';
import { Pill } from '../parts/state.tsx';
import { MORE, SubjectHead } from '../parts/subject-head.tsx';
import { Time } from '../parts/time.tsx';
import { Timeline } from '../parts/timeline.tsx';
import { ChangeTrouble, LoadTrouble, Skeleton } from '../parts/trouble.tsx';
import { useDecideUser } from '../parts/use-decide.ts';
import type { Decide, UserTarget } from '../parts/use-decide.ts';
import { UserDevices } from '../parts/user-devices.tsx';
import { UserFacts } from '../parts/user-facts.tsx';
import { UserMenu } from '../parts/user-menu.tsx';
import { moment, number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';

type Details = AnswerOf<'showUser'>;

const EVERY_MS = 10_000;

function linesOf(details: Details): readonly DecisionLine[] {
  return newestFirst([
    ...historyLines(<span className="t2">{t.user.decisions.everyDevice}</span>, '', details.history),
    ...details.decisions.map(({ device, decision }) => ({
      key: device,
      at: decision.decidedAt,
      by: decision.owner,
      about: (
        <Link className="mono" href={deviceHref(device, details.user)}>
          {device}
        </Link>
      ),
      action: decision.action,
      reason: decision.reason,
      expiresAt: decision.expiresAt ?? null,
    })),
  ]);
}

function Because({ details, decide }: { details: Details; decide: Decide<UserTarget> }): ReactElement {
  const { user, decision } = details;
  const done = decide.doneFor({ user });
  return (
    <div className="because">
      {!isInForce(decision) ? (
        <span className="t2">{t.user.undecided}</span>
      ) : (
        <>
          <Pill state={decision.action} big />
          <span>
            <b>{t.user.decided(decision.owner)}</b>
          </span>
          <span className="t2">
            {decision.reason === null ? null : <>“{decision.reason}” </>}
            {decision.expiresAt === null || decision.expiresAt === undefined ? null : (
              <>
                {t.user.until} <Time iso={decision.expiresAt} form={moment} />
              </>
            )}
          </span>
        </>
      )}
      {done === null ? null : (
        <span className="t2" role="status">
          {doneText(done)}
          {done.notFor.length === 0 || done.isUndone ? null : <>. {t.user.notFor(done.notFor.join(', '))}</>}
        </span>
      )}
    </div>
  );
}

function lastSeenOf({ partnerships }: Details): string | null {
  const times = partnerships.flatMap(({ record }) => {
    const at = record['lastSeen'];
    return typeof at === 'string' ? [at] : [];
  });
  return times.toSorted().at(-1) ?? null;
}

function Head({ details, decide }: { details: Details; decide: Decide<UserTarget> }): ReactElement {
  const may = useMay('decideUser');
  const { user, record } = details;
  useTitle(user);
  const name = t.user.everyDevice(user);
  return (
    <SubjectHead
      label={t.pages.user}
      name={user}
      copied={user}
      facts={
        <>
          {record === null ? (
            <span>{t.user.unreported}</span>
          ) : record.enabled === null ? null : (
            <span className={record.enabled ? undefined : 'c-block'}>
              {record.enabled ? t.user.enabled : t.user.disabled}
            </span>
          )}
          <span>{t.counted.devices(details.partnerships.length, number(details.partnerships.length))}</span>
          <span>
            {t.user.seen} <Time iso={lastSeenOf(details)} ago />
          </span>
        </>
      }
      buttons={
        <>
          <AllowUntil
            target={{ user }}
            name={name}
            title={t.decide.allow.title(name)}
            decide={decide}
            className="btn primary"
            blocked={
              may
                ? details.hindrance === null
                  ? null
                  : hindranceText(details.hindrance)
                : t.trouble.needsRole(roleFor('decideUser'))
            }
          />
          <UserMenu user={user} decide={decide} className="btn" button={MORE} />
        </>
      }
    >
      {may ? null : <p className="body sm t2">{t.trouble.needsRole(roleFor('decideUser'))}</p>}
      {may && details.hindrance !== null ? (
        <p className="body sm t2">{hindranceText(details.hindrance)}</p>
      ) : null}
      <ChangeTrouble error={decide.error} />
      <Because details={details} decide={decide} />
    </SubjectHead>
  );
}

/** The page. */
export function UserPage(): ReactElement {
  const user = usePathPart(1);
  const { data, error, reload } = useQuery('showUser', { params: { user } }, { everyMs: EVERY_MS });
  const decide = useDecideUser(reload);
  if (data === null)
    return (
      <section className="panel">
        {error === null ? (
          <Skeleton />
        ) : (
          <LoadTrouble
            error={error}
            operation="showUser"
            retry={reload}
            way={{ href: '/users', text: t.user.all, why: t.user.notThere(user) }}
          />
        )}
      </section>
    );
  const lines = linesOf(data);
  return (
    <>
      <p className="sm crumb no-print">
        <Link className="inline" href="/users">
          {t.user.back}
        </Link>{' '}
        <span className="t3">/</span> <span className="t2 break">{data.user}</span>
      </p>
      <Head details={data} decide={decide} />
      <nav className="tabs" aria-label={t.device.sections}>
        <a href="#devices">
          {t.user.tabs.devices} <span className="n">{number(data.partnerships.length)}</span>
        </a>
        <a href="#names">{t.user.tabs.names}</a>
        <a href="#decisions">
          {t.user.tabs.decisions} <span className="n">{number(lines.length)}</span>
        </a>
        <a href="#timeline">{t.user.tabs.timeline}</a>
      </nav>
      <div className="cols c-85">
        <div className="stack">
          <UserDevices user={data.user} verdicts={data.verdicts} />
          <Panel id="names" title={t.user.facts.title}>
            <UserFacts details={data} />
          </Panel>
          <Panel
            id="decisions"
            title={t.user.decisions.title}
            mark={
              <span className="age">
                {isInForce(data.decision) ? t.user.decisions.inForce : t.user.decisions.noneInForce}
              </span>
            }
          >
            <DecisionTable lines={lines} />
          </Panel>
        </div>
        <div className="stack">
          <Timeline of={{ user: data.user }} />
        </div>
      </div>
    </>
  );
}

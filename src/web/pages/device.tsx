// Owns the page of one device: why it gets mail or not, what is known of it, what was decided.
import { useEffect } from 'react';
import type { ReactElement } from 'react';
import { Link, useSearchParams } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { usePathPart } from '../client/path-part.ts';
import { useQuery } from '../client/use-query.ts';
import { DeviceChange } from '../parts/device-change.tsx';
import { deviceHref, doneText } from '../parts/device-columns.tsx';
import { DeviceDecisions, decisionCount, hasDecision } from '../parts/device-decisions.tsx';
import { DeviceMenu } from '../parts/device-menu.tsx';
import { FactsTable } from '../parts/facts-table.tsx';
import { FirstAction } from '../parts/first-action.tsx';
import { Icon } from '../parts/icon.tsx';
import { useTitle } from '../parts/page-head.tsx';
import { Panel } from '../parts/panel.tsx';
import { PhoneReply } from '../parts/phone-reply.tsx';
import { hindranceText, possibleOn } from '../parts/possible.ts';
import type { Hindrance } from '../parts/possible.ts';
import { Spellings } from '../parts/spellings.tsx';
import { Pill, lookOf, reasonSentence } from '../parts/state.tsx';
import { MORE, SubjectHead } from '../parts/subject-head.tsx';
import { Time } from '../parts/time.tsx';
import { Timeline } from '../parts/timeline.tsx';
import { ChangeTrouble, LoadTrouble, Skeleton } from '../parts/trouble.tsx';
import { useDecide } from '../parts/use-decide.ts';
import type { Decide, Target } from '../parts/use-decide.ts';
import { Walk } from '../parts/walk.tsx';
import { stagesOf } from '../parts/walk-steps.ts';
import { moment, number } from '../texts/format.ts';
import { ruleText } from '../texts/rule-text.ts';
import { t } from '../texts/texts.ts';

type Details = AnswerOf<'showDevice'>;
type Explanation = AnswerOf<'explainAccess'>;
type Partnership = Details['partnerships'][number];

/** As often as the page is read again. */
const EVERY_MS = 10_000;

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function nameOf({ record, key }: Details, partnership: Partnership | null): string {
  const what = record?.model ?? textOf(partnership?.record['model']) ?? partnership?.record.deviceType ?? key;
  return partnership === null ? what : t.of(what, partnership.record.user);
}

/** What decided, in words; with the reason that an operator gave. */
function decidedText({ rule, requirement, reason }: Explanation['verdict']): string {
  if (rule === null || rule === undefined) return '';
  if (reason !== 'individualRule') return t.device.decidedBy(ruleText(rule));
  return t.device.byHand(rule, requirement ?? null);
}

function Because({
  explanation,
  hindrance,
  decide,
  target,
}: {
  explanation: Explanation;
  hindrance: Hindrance | null;
  decide: Decide;
  target: Target;
}): ReactElement {
  const { verdict } = explanation;
  const done = decide.doneFor(target);
  const since = textOf(verdict['since']);
  const wouldBe = verdict['wouldBe'] as { readonly action: string } | null | undefined;
  return (
    <div className="because">
      <Pill state={verdict.action} big />
      <span>
        <b>{reasonSentence(verdict.reason)}</b>
      </span>
      <span className="t2">
        {decidedText(verdict)}
        {since === null ? null : (
          <>
            {' '}
            {t.device.since} <Time iso={since} form={moment} />
          </>
        )}
      </span>
      {wouldBe === null || wouldBe === undefined ? null : (
        <span className="t2">
          <Icon name="eye" /> {t.device.wouldBe(wouldBe.action)}
        </span>
      )}
      {done === null ? null : (
        <span className="t2" role="status">
          {doneText(done)}
        </span>
      )}
      {hindrance === null || verdict.action === 'allow' ? null : (
        <span className="t2">{hindranceText(hindrance)}</span>
      )}
    </div>
  );
}

function Head({
  details,
  partnership,
  explanation,
  decide,
  changed,
}: {
  details: Details;
  partnership: Partnership | null;
  explanation: Explanation | null;
  decide: Decide;
  changed: () => void;
}): ReactElement {
  const target: Target = { device: details.key, user: partnership?.record.user ?? null };
  const possible = possibleOn(details, target.user);
  const name = nameOf(details, partnership);
  useTitle(name);
  const system = details.record?.os ?? textOf(partnership?.record['os']);
  const protocol = textOf(partnership?.record['protocolVersion']);
  return (
    <SubjectHead
      label={t.pages.device}
      name={name}
      copied={details.key}
      facts={
        <>
          {system === null ? null : <span>{system}</span>}
          {details.record?.ownership === null || details.record === null ? null : (
            <span>{t.device.ownership[details.record.ownership] ?? details.record.ownership}</span>
          )}
          {protocol === null ? null : <span>{t.device.protocol(protocol)}</span>}
          {partnership === null ? (
            <span>{t.device.noUser}</span>
          ) : (
            <span>
              {t.device.seen} <Time iso={partnership.record.lastSeen} ago />
            </span>
          )}
        </>
      }
      buttons={
        <>
          <FirstAction target={target} name={name} possible={possible} decide={decide} />
          <DeviceMenu
            target={target}
            name={name}
            decide={decide}
            className="btn"
            button={MORE}
            changed={changed}
          />
        </>
      }
    >
      <ChangeTrouble error={decide.error} />
      {explanation === null ? null : (
        <Because explanation={explanation} hindrance={possible.hindrance} decide={decide} target={target} />
      )}
    </SubjectHead>
  );
}

function UserChoice({ details, current }: { details: Details; current: string | null }): ReactElement | null {
  if (details.partnerships.length < 2) return null;
  return (
    <nav className="seg mb" aria-label={t.device.users}>
      {details.partnerships.map(({ record }) => (
        <Link
          key={record.user}
          href={deviceHref(details.key, record.user)}
          aria-current={record.user === current ? 'true' : undefined}
        >
          {record.user}
        </Link>
      ))}
    </nav>
  );
}

/** The part of the page that the address names: it was not there yet when the browser looked for it. */
function showPanel(id: string): void {
  document.getElementById(id)?.scrollIntoView();
}

/** The page. */
export function DevicePage(): ReactElement {
  const device = usePathPart(1);
  const [search] = useSearchParams();
  const shown = useQuery('showDevice', { params: { device } }, { everyMs: EVERY_MS });
  const details = shown.data;
  const wanted = search.get('user');
  const partnership =
    details?.partnerships.find(({ record }) => record.user === wanted) ?? details?.partnerships[0] ?? null;
  const user = partnership?.record.user ?? '';
  const explained = useQuery(
    'explainAccess',
    { params: { device }, query: { user } },
    { everyMs: EVERY_MS, enabled: user !== '' },
  );
  const reload = (): void => {
    shown.reload();
    explained.reload();
  };
  const decide = useDecide(reload);
  const isShown = details !== null;
  useEffect(() => {
    if (isShown) showPanel(window.location.hash.slice(1));
  }, [isShown]);

  if (details === null)
    return (
      <section className="panel">
        {shown.error === null ? (
          <Skeleton />
        ) : (
          <LoadTrouble
            error={shown.error}
            operation="showDevice"
            retry={reload}
            way={{ href: '/devices', text: t.device.all, why: t.device.notThere(device) }}
          />
        )}
      </section>
    );
  const explanation = user === '' ? null : explained.data;
  const stages = explanation === null ? [] : stagesOf(explanation);
  const count = decisionCount(details);
  return (
    <>
      <p className="sm crumb no-print">
        <Link className="inline" href="/devices">
          {t.device.back}
        </Link>{' '}
        <span className="t3">/</span> <span className="t2">{details.key}</span>
      </p>
      <UserChoice details={details} current={user} />
      {details.unreadable === undefined ? null : (
        <div className="callout hold mb" role="status">
          <Icon name="warn" />
          <div>
            <b>{t.device.unreadable}:</b> {details.unreadable.join(', ')}. {t.device.unreadableText}
          </div>
        </div>
      )}
      <Head
        details={details}
        partnership={partnership}
        explanation={explanation}
        decide={decide}
        changed={reload}
      />
      <nav className="tabs" aria-label={t.device.sections}>
        <a href="#why">{t.device.tabs.why}</a>
        <a href="#facts">{t.device.tabs.facts}</a>
        <a href="#decisions">
          {t.device.tabs.decisions} <span className="n">{number(count)}</span>
        </a>
        <a href="#reply">{t.device.tabs.reply}</a>
        <a href="#timeline">{t.device.tabs.timeline}</a>
        <a href="#spellings">{t.device.tabs.spellings}</a>
      </nav>
      <div className="cols c-85">
        <div className="stack">
          <Panel id="why" title={t.walk.title}>
            {explanation === null || explanation.decidedBy.why === 'everybody' ? null : (
              <p className="body t2 sm break">{t.walk.by(explanation.decidedBy.text)}</p>
            )}
            {explanation === null ? (
              explained.error === null ? (
                user === '' ? (
                  <p className="body t2">{t.device.noUser}</p>
                ) : (
                  <Skeleton />
                )
              ) : (
                <LoadTrouble error={explained.error} operation="explainAccess" retry={reload} />
              )
            ) : (
              <Walk stages={stages} look={lookOf(explanation.verdict.action)} />
            )}
          </Panel>
          {explanation === null ? null : (
            <DeviceChange
              explanation={explanation}
              possible={possibleOn(details, user)}
              stages={stages}
              target={{ device: details.key, user }}
              name={nameOf(details, partnership)}
              decide={decide}
            />
          )}
          <Panel id="facts" title={t.device.facts.title}>
            {details.reports.length === 0 ? <p className="body t2">{t.device.facts.none}</p> : null}
            <FactsTable details={details} />
          </Panel>
          <Panel
            id="decisions"
            title={t.device.decisions.title}
            mark={
              <span className="age">
                {hasDecision(details) ? t.device.decisions.inForce : t.device.decisions.noneInForce}
              </span>
            }
          >
            <DeviceDecisions details={details} />
          </Panel>
        </div>
        <div className="stack">
          {explanation === null ? null : <PhoneReply reply={explanation.reply} />}
          <Timeline of={{ device: details.key }} />
          <Spellings details={details} partnership={partnership} aliases={explanation?.aliases ?? []} />
        </div>
      </div>
    </>
  );
}

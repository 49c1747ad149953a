// Owns the report of who would be refused: by the policy in use, a draft, a version; if it decided for everybody, or for some users.
import { useState } from 'react';
import type { ReactElement } from 'react';
import { Link, useSearchParams } from 'wouter';
import { addressOf } from '../client/call.ts';
import { readDraft } from '../client/draft.ts';
import { saveCsv } from '../client/save-csv.ts';
import { useDiff } from '../client/use-diff.ts';
import type { Diff, DiffQuestion, Impact } from '../client/use-diff.ts';
import { useQuery } from '../client/use-query.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { ExtentFields, Scope, groupsIn } from './extent-fields.tsx';
import type { Extent, ExtentDraft } from './extent-fields.tsx';
import { Icon } from './icon.tsx';
import { Panel } from './panel.tsx';
import { Counting, Reach } from './policy-impact.tsx';
import { ReportBody } from './report-body.tsx';
import { CsvLink, FIRST_ROWS, MOST_ROWS, Print, ReportHead } from './report-head.tsx';
import { changedRows } from './report-rows.ts';
import { Blank, LoadTrouble, Skeleton } from './trouble.tsx';

const texts = t.reports;
const PLACES = ['live', 'draft', 'rollout', 'shadow'] as const;
const VERSIONS = 20;

/**
 * What is asked: the policy in use, the draft of this tab, the roll-out, the shadow, a version; for some users, or null = everybody. Null =
 * there is no draft.
 */
function questionOf(of: string, extent: Extent | null): DiffQuestion | null {
  const after = afterOf(of);
  if (after === null) return null;
  if (extent === null) return { after, enforced: true };
  // What is rolled out already to these users is counted too.
  return { before: { place: 'live' }, after, rollout: extent, enforced: true };
}

function afterOf(of: string): DiffQuestion['after'] | null {
  if (of === 'draft') {
    const draft = readDraft();
    return draft === null ? null : { document: draft.text };
  }
  const version = Number(of);
  if (Number.isInteger(version) && version > 0) return { version };
  return { place: of === 'shadow' || of === 'rollout' ? of : 'inUse' };
}

const keptOut = ({ phones }: Impact): Impact['phones'] =>
  phones.filter(({ before, after }) => before.action === 'allow' && after.action !== 'allow');

function Body({ of, isPart, diff }: { of: string; isPart: boolean; diff: Diff }): ReactElement {
  const [limit, setLimit] = useState(FIRST_ROWS);
  const { impact } = diff;
  if (impact === null)
    return (
      <section className="panel">
        {diff.error === null ? (
          <>
            <div className="body top">
              <Counting diff={diff} />
            </div>
            <Skeleton />
          </>
        ) : (
          <LoadTrouble error={diff.error} operation="diffPolicy" retry={diff.again} />
        )}
      </section>
    );
  const rows = keptOut(impact);
  const hasFile = of === 'live' && !isPart;
  return (
    <ReportBody
      title={texts.tabs['would-block']}
      none={texts.none['would-block']}
      counts={{ ...impact, total: impact.keptOut }}
      rows={{ phones: null, duplicates: null, nearMisses: null, changes: rows.slice(0, limit) }}
      more={[
        [texts.short.later, impact.keptOutLater.all],
        [texts.short.letIn, impact.letIn.all],
        [texts.short.compared, impact.compared],
      ]}
      side={
        <Link className="btn" href="/policy">
          {of === 'draft' ? texts.backToDraft : texts.toPolicy}
        </Link>
      }
      cut={impact.isCut && limit >= rows.length ? (hasFile ? texts.cut : texts.cutShown) : null}
      onMore={limit < rows.length ? () => setLimit(MOST_ROWS) : null}
    />
  );
}

/** Which policy: one in a place, or one of the latest versions. */
function Choice({ of, choose }: { of: string; choose: (of: string) => void }): ReactElement {
  const [draft] = useState(readDraft);
  const policy = useQuery('showPolicy');
  const versions = useQuery('listPolicyVersions', { query: { limit: VERSIONS } });
  const places = PLACES.filter(
    (place) =>
      place === 'live' ||
      place === of ||
      (place === 'draft' ? draft !== null : policy.data !== null && policy.data[place] !== null),
  );
  const isVersion = PLACES.every((place) => place !== of);
  const numbers = (versions.data?.rows ?? []).map(({ version }) => String(version));
  const listed = isVersion && !numbers.includes(of) ? [of, ...numbers] : numbers;
  return (
    <>
      {places.length === 1 && listed.length === 0 ? null : (
        <div className="seg" role="group" aria-label={texts.ofLabel}>
          {places.map((place) => (
            <button key={place} type="button" aria-pressed={of === place} onClick={() => choose(place)}>
              {texts.of[place]}
            </button>
          ))}
        </div>
      )}
      {listed.length === 0 ? null : (
        <select
          className="select version"
          aria-label={texts.versionLabel}
          value={isVersion ? of : ''}
          onChange={(event) => choose(event.target.value === '' ? 'live' : event.target.value)}
        >
          <option value="">{texts.anyVersion}</option>
          {listed.map((version) => (
            <option key={version} value={version}>
              {texts.of.version(number(Number(version)))}
            </option>
          ))}
        </select>
      )}
    </>
  );
}

/** For whom the policy would decide; `null` = for everybody. */
function ForWhom({
  draft,
  impact,
  onChange,
}: {
  draft: ExtentDraft | null;
  impact: Impact | null;
  onChange: (draft: ExtentDraft | null) => void;
}): ReactElement {
  return (
    <Panel title={t.policy.rollout.scope} className="mb">
      <div className="body stack for-whom">
        <Scope
          isPart={draft !== null}
          some={texts.someUsers}
          onChange={(isPart) => onChange(isPart ? { groups: '', share: 0 } : null)}
        />
        {draft === null ? null : (
          <>
            <ExtentFields draft={draft} least={0} label={t.policy.rollout.groups} onChange={onChange} />
            {isEmpty(draft) ? <p className="t3 sm">{t.policy.rollout.choose}</p> : null}
            {impact === null ? null : <Reach impact={impact} />}
          </>
        )}
      </div>
    </Panel>
  );
}

function isEmpty(draft: ExtentDraft): boolean {
  return groupsIn(draft).length === 0 && draft.share === 0;
}

/** The address of what is asked, so that it can be sent to somebody. */
function searchOf(of: string, draft: ExtentDraft | null): URLSearchParams {
  const search = new URLSearchParams(of === 'live' ? {} : { of });
  if (draft === null) return search;
  for (const group of groupsIn(draft)) search.append('group', group);
  search.set('share', String(draft.share));
  return search;
}

function draftIn(search: URLSearchParams): ExtentDraft | null {
  if (!search.has('share') && !search.has('group')) return null;
  const share = Math.round(Number(search.get('share')));
  return { groups: search.getAll('group').join('\n'), share: share > 0 && share <= 100 ? share : 0 };
}

/** The report. */
export function WouldBlock(): ReactElement {
  const [search, setSearch] = useSearchParams();
  const of = search.get('of') ?? 'live';
  const [draft, setDraft] = useState(() => draftIn(search));
  const extent = draft === null ? null : { groups: groupsIn(draft), share: draft.share };
  const isOpen = draft !== null && isEmpty(draft);
  const question = questionOf(of, extent);
  const diff = useDiff(isOpen ? null : question);
  const impact = diff.isCurrent ? diff.impact : null;
  const rows = impact === null ? [] : keptOut(impact);
  const change = (next: ExtentDraft | null): void => {
    setDraft(next);
    setSearch(searchOf(of, next), { replace: true });
  };
  const tools = (
    <>
      <Choice of={of} choose={(next) => setSearch(searchOf(next, draft))} />
      {of === 'live' && draft === null ? (
        <CsvLink
          href={addressOf('showReport', { report: 'would-block' }, { format: 'csv' })}
          label={texts.csv}
        />
      ) : (
        <button
          className="btn"
          type="button"
          disabled={rows.length === 0}
          onClick={() => saveCsv('would-block.csv', changedRows(rows))}
        >
          <Icon name="save" />
          {texts.csvShown(number(rows.length))}
        </button>
      )}
      <Print />
    </>
  );
  return (
    <>
      <ReportHead name="would-block" asOf={diff.isCurrent ? diff.startedAt : null} tools={tools} />
      {question === null ? (
        <section className="panel">
          <Blank
            icon="policy"
            title={texts.noDraftTitle}
            actions={
              <Link className="btn" href="/policy">
                {texts.toPolicy}
              </Link>
            }
          >
            {texts.noDraft}
          </Blank>
        </section>
      ) : (
        <>
          <ForWhom draft={draft} impact={impact} onChange={change} />
          {isOpen ? null : <Body key={of} of={of} isPart={draft !== null} diff={{ ...diff, impact }} />}
        </>
      )}
    </>
  );
}

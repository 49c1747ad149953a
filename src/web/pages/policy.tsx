// Owns the page of the policy: the document in use, a draft with its problems, what it would do, the roll-out, the history.
import { useMemo, useRef, useState } from 'react';
import type { ReactElement, RefObject } from 'react';
import { Link } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { tagOf } from '../client/call.ts';
import { saveCsv } from '../client/save-csv.ts';
import { roleFor, useMay } from '../client/signed-in.ts';
import { useCheck } from '../client/use-check.ts';
import type { Check } from '../client/use-check.ts';
import { useDiff } from '../client/use-diff.ts';
import type { Impact } from '../client/use-diff.ts';
import { useQuery } from '../client/use-query.ts';
import { Icon } from '../parts/icon.tsx';
import { changedLines, lineDiff } from '../parts/line-diff.ts';
import { PageHead } from '../parts/page-head.tsx';
import { Panel } from '../parts/panel.tsx';
import { Caret, PolicyEditor } from '../parts/policy-editor.tsx';
import type { PolicyChange, PolicyDone } from '../parts/policy-change.ts';
import { PolicyForm } from '../parts/policy-forms.tsx';
import { PolicyHistory } from '../parts/policy-history.tsx';
import { ImpactPanel } from '../parts/policy-impact.tsx';
import { PolicyProblems, ProblemCount } from '../parts/policy-problems.tsx';
import { RollOut } from '../parts/policy-rollout.tsx';
import { offsetOf, withMode } from '../parts/policy-text.ts';
import type { Problem } from '../parts/policy-text.ts';
import { changedRows } from '../parts/report-rows.ts';
import { TextDiff } from '../parts/text-diff.tsx';
import { Time } from '../parts/time.tsx';
import { ChangeTrouble, LoadTrouble, Skeleton } from '../parts/trouble.tsx';
import { useDraft } from '../parts/use-draft.ts';
import type { DraftState } from '../parts/use-draft.ts';
import { moment, number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';

type PolicyInUse = AnswerOf<'showPolicy'>;

const EVERY_MS = 5_000;
const WHY = 'policy-why';
const { editor } = t.policy;
const MODES = ['enforce', 'reportOnly'] as const;

function Lead({ policy, draft }: { policy: PolicyInUse; draft: DraftState }): ReactElement {
  const { lead } = t.policy;
  const by = policy.liveSince === null ? policy.changedBy : policy.liveBy;
  const isDraft = draft.isChanged && policy.source !== 'file';
  return (
    <>
      {isDraft ? `${lead.draft} ` : null}
      {policy.source === 'file' ? lead.file(policy.file ?? '') : null}
      {policy.source === 'configuration' ? lead.configuration : null}
      {policy.live === null || policy.source === 'file' ? null : (
        <>
          {lead.live(number(policy.live.version))}{' '}
          <Time iso={policy.liveSince ?? policy.changedAt} form={moment} />
          {by === null ? null : ` ${lead.by(by)}`}
        </>
      )}
    </>
  );
}

/** Goes to a problem in the text. */
function select(area: RefObject<HTMLTextAreaElement | null>, text: string, { line, column }: Problem): void {
  const { current } = area;
  if (current === null || line === null || column === null) return;
  const offset = offsetOf(text, line, column);
  current.focus();
  current.setSelectionRange(offset, offset);
}

function Document({
  policy,
  draft,
  text,
  check,
  problems,
}: {
  policy: PolicyInUse;
  draft: DraftState;
  text: string;
  check: Check;
  problems: readonly Problem[];
}): ReactElement {
  const area = useRef<HTMLTextAreaElement>(null);
  const [isDiff, setDiff] = useState(false);
  const isFile = policy.source === 'file';
  const lines = useMemo(() => lineDiff(draft.inUse, text), [draft.inUse, text]);
  const changed = useMemo(
    () =>
      new Set(
        draft.inUse === '' ? [] : lines.flatMap(({ kind, after }) => (kind === 'added' ? [after ?? 0] : [])),
      ),
    [lines, draft.inUse],
  );
  const listNames = Object.keys(policy.lists);
  return (
    <Panel
      title={editor.title}
      mark={
        <>
          <ProblemCount id={WHY} problems={check.result === null ? null : problems} />
          <div className="seg push" role="group" aria-label={editor.view}>
            <button type="button" aria-pressed={!isDiff} onClick={() => setDiff(false)}>
              {editor.text}
            </button>
            <button type="button" aria-pressed={isDiff} onClick={() => setDiff(true)}>
              {editor.changes}
              <span className="t3">&nbsp;{number(changedLines(lines))}</span>
            </button>
          </div>
        </>
      }
      foot={
        <>
          <Caret area={area} />
          <span className="sm t3">
            {check.text === text ? editor.checked(number(Math.round(check.tookMs))) : editor.checking}
          </span>
          {draft.isChanged && policy.document !== null && !isFile ? (
            <button className="btn small ghost" type="button" onClick={draft.discard}>
              {editor.discard}
            </button>
          ) : null}
          <span className="push sm t3 off-small">{isFile ? t.policy.file.short : editor.keys}</span>
        </>
      }
    >
      {isDiff ? (
        <TextDiff before={draft.inUse} after={text} />
      ) : (
        <PolicyEditor
          text={text}
          problems={problems}
          changed={changed}
          isReadOnly={isFile}
          area={area}
          onChange={draft.edit}
          onCheck={check.again}
        />
      )}
      <PolicyProblems
        text={text}
        problems={problems}
        go={(problem) => {
          setDiff(false);
          select(area, text, problem);
        }}
        change={isFile ? null : draft.edit}
      />
      {listNames.length === 0 ? null : <p className="body top sm t3">{editor.lists(listNames.join(', '))}</p>}
      <ChangeTrouble error={check.error} />
    </Panel>
  );
}

function Notes({ policy, draft }: { policy: PolicyInUse; draft: DraftState }): ReactElement | null {
  if (policy.source === 'file')
    return (
      <div className="callout mb">
        <Icon name="lock" />
        <div>
          <b>{t.policy.file.title}.</b> {t.policy.file.text(policy.file ?? '')}
        </div>
      </div>
    );
  if (!draft.isBehind) return null;
  return (
    <div className="callout hold mb" role="alert">
      <Icon name="warn" />
      <div>
        <b>{t.policy.meanwhile.title}.</b> {t.policy.meanwhile.text}
        <div className="row mt8">
          <button className="btn small" type="button" onClick={() => draft.goOn(tagOf(policy))}>
            {t.policy.meanwhile.keep}
          </button>
          <button className="btn small" type="button" onClick={draft.discard}>
            {t.policy.meanwhile.take}
          </button>
        </div>
      </div>
    </div>
  );
}

function ImpactFoot({ impact, isEnforced }: { impact: Impact; isEnforced: boolean }): ReactElement {
  return (
    <>
      <Link href="/reports?of=draft">{t.policy.impact.who}</Link>
      <span className="t3">·</span>
      <button
        className="btn small ghost"
        type="button"
        onClick={() =>
          saveCsv(isEnforced ? 'changes-enforced.csv' : 'changes.csv', changedRows(impact.phones))
        }
      >
        {t.policy.impact.csv}
      </button>
    </>
  );
}

function Loaded({ policy, reload }: { policy: PolicyInUse; reload: () => void }): ReactElement {
  const draft = useDraft(policy);
  const text = draft.text ?? '';
  const check = useCheck(text);
  const [change, setChange] = useState<PolicyChange | null>(null);
  const [done, setDone] = useState<string | null>(null);
  const [isEnforced, setEnforced] = useState(false);
  const mayPublish = useMay('publishPolicy');
  const mayShadow = useMay('shadowPolicy');
  const isFile = policy.source === 'file';
  const isChecked = check.text === text;
  const isValid = isChecked && check.result?.isValid === true;
  const isBroken = isChecked && check.result?.isValid === false;
  const mode = check.result?.mode ?? policy.mode;
  const isReporting = mode === 'reportOnly';
  const asEnforced = isEnforced && isReporting;
  const isSame = !draft.isChanged && !asEnforced;
  const diff = useDiff(isValid && !isSame ? { after: { document: text }, enforced: asEnforced } : null);
  const canSend = isValid && draft.isChanged && !isFile;
  const { rollout } = policy;
  const why = (role: 'publishPolicy' | 'shadowPolicy', may: boolean): string | undefined =>
    isFile
      ? t.policy.file.short
      : !may
        ? t.trouble.needsRole(roleFor(role))
        : role === 'publishPolicy' && rollout !== null
          ? t.policy.rollout.under(number(rollout.version))
          : draft.isChanged
            ? undefined
            : t.policy.publish.nothing;
  const finished = ({ kind, text: words, tag }: PolicyDone): void => {
    setDone(words);
    // What was published is no draft any more; beside a shadow, the draft stays.
    if (kind === 'publish' || kind === 'rollBack' || kind === 'promote' || kind === 'finish') draft.discard();
    else draft.goOn(tag);
    reload();
  };
  const publishWhy = why('publishPolicy', mayPublish);
  const tools = (
    <>
      <div className="seg" role="group" aria-label={t.policy.modeLabel}>
        {MODES.map((each) => (
          <button
            key={each}
            type="button"
            aria-pressed={mode === each}
            disabled={isFile}
            title={isFile ? t.policy.file.short : undefined}
            onClick={() => draft.edit(withMode(text, each))}
          >
            {t.policy.mode[each]}
          </button>
        ))}
      </div>
      <button
        className="btn"
        type="button"
        disabled={!canSend || !mayShadow}
        title={why('shadowPolicy', mayShadow)}
        onClick={() => setChange({ kind: 'shadow', document: text })}
      >
        <Icon name="eye" />
        {t.policy.shadow.open}
      </button>
      <button
        className="btn primary"
        type="button"
        disabled={!canSend || !mayPublish || rollout !== null}
        title={publishWhy}
        aria-describedby={WHY}
        onClick={() => setChange({ kind: 'publish', document: text, reportsOnly: isReporting })}
      >
        {t.policy.publish.open}
      </button>
    </>
  );
  return (
    <>
      <PageHead title={t.pages.policy} tools={tools}>
        <Lead policy={policy} draft={draft} />
        {mayPublish || isFile ? null : (
          <span className="t3">. {t.policy.publish.needs(roleFor('publishPolicy'))}</span>
        )}
      </PageHead>
      <Notes policy={policy} draft={draft} />
      {done === null ? null : (
        <p className="callout mb" role="status">
          <Icon name="check" />
          <span>{done}</span>
        </p>
      )}
      <div className="cols c-11">
        <Document
          policy={policy}
          draft={draft}
          text={text}
          check={check}
          problems={check.result === null ? policy.warnings : check.result.problems}
        />
        <div className="stack">
          <ImpactPanel
            diff={diff}
            isBroken={isBroken}
            isSame={isSame}
            tools={
              isReporting ? (
                <>
                  <p className="row tight sm t2">
                    <Icon name="eye" />
                    <span>{t.policy.reportOnlyNote}</span>
                  </p>
                  <div className="seg self" role="group" aria-label={t.policy.impact.view}>
                    <button type="button" aria-pressed={!asEnforced} onClick={() => setEnforced(false)}>
                      {t.policy.impact.asWritten}
                    </button>
                    <button type="button" aria-pressed={asEnforced} onClick={() => setEnforced(true)}>
                      {t.policy.impact.enforced}
                    </button>
                  </div>
                </>
              ) : undefined
            }
            foot={
              diff.impact === null ? undefined : <ImpactFoot impact={diff.impact} isEnforced={asEnforced} />
            }
          />
          <RollOut
            policy={policy}
            tag={tagOf(policy)}
            onChange={setChange}
            onEnded={(tag) => {
              draft.goOn(tag);
              setDone(t.policy.done.ended);
              reload();
            }}
          />
        </div>
      </div>
      <PolicyHistory
        key={tagOf(policy)}
        policy={policy}
        onRollBack={(version) => setChange({ kind: 'rollBack', version })}
        onEdit={isFile ? null : draft.edit}
      />
      {change === null ? null : (
        <PolicyForm
          change={change}
          tag={change.kind === 'publish' || change.kind === 'shadow' ? draft.tag : tagOf(policy)}
          close={() => setChange(null)}
          done={finished}
          conflict={reload}
        />
      )}
    </>
  );
}

/** The page. */
export function PolicyPage(): ReactElement {
  const shown = useQuery('showPolicy', {}, { everyMs: EVERY_MS });
  if (shown.data !== null) return <Loaded policy={shown.data} reload={shown.reload} />;
  return (
    <>
      <PageHead title={t.pages.policy} />
      <section className="panel">
        {shown.error === null ? (
          <Skeleton />
        ) : (
          <LoadTrouble error={shown.error} operation="showPolicy" retry={shown.reload} />
        )}
      </section>
    </>
  );
}

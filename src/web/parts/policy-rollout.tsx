// Owns the roll-out of a policy: the stages, the version that decides for a part of the users, and the one in the shadow.
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { roleFor, useMay } from '../client/signed-in.ts';
import { moment, number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { extentText } from './extent-fields.tsx';
import { Icon } from './icon.tsx';
import { Panel } from './panel.tsx';
import type { PolicyChange } from './policy-change.ts';
import { ShadowChanges, ShadowPart, ShadowPhones } from './policy-shadow.tsx';
import { Time } from './time.tsx';

type PolicyInUse = AnswerOf<'showPolicy'>;
type Rollout = NonNullable<PolicyInUse['rollout']>;

const texts = t.policy.rollout;
const STAGES = ['draft', 'shadow', 'rollout', 'live'] as const;
const CHANGES = ['widen', 'finish', 'abandon'] as const;

function stageOf({ shadow, rollout, live, source }: PolicyInUse): (typeof STAGES)[number] {
  if (rollout !== null) return 'rollout';
  if (shadow !== null) return 'shadow';
  return live === null && source === 'configuration' ? 'draft' : 'live';
}

function Stages({ policy }: { policy: PolicyInUse }): ReactElement {
  const now = stageOf(policy);
  const place = STAGES.indexOf(now);
  return (
    <ol className="stages">
      {STAGES.map((stage, index) => {
        const [title, usual] = t.policy.shadow.stages[stage];
        const isReporting = stage === 'live' && now === 'live' && policy.mode === 'reportOnly';
        const text = isReporting ? t.policy.shadow.reportOnly : usual;
        return (
          <li
            key={stage}
            className={index < place ? 'done' : index === place ? 'now' : ''}
            aria-current={index === place ? 'step' : undefined}
          >
            <b>
              {index < place ? <Icon name="check" /> : null}
              {title}
            </b>
            {text}
          </li>
        );
      })}
    </ol>
  );
}

function RolloutPart({
  rollout,
  isFile,
  onChange,
}: {
  rollout: Rollout;
  isFile: boolean;
  onChange: (change: PolicyChange) => void;
}): ReactElement {
  const may = useMay('widenRollout');
  const { version, extent } = rollout;
  const changeOf = (kind: (typeof CHANGES)[number]): PolicyChange =>
    kind === 'widen' ? { kind, version, extent } : { kind, version };
  const why = isFile ? t.policy.file.short : may ? null : texts.needs(roleFor('widenRollout'));
  return (
    <>
      <p className="sm t2 break">
        <b>{t.policy.history.version(number(version))}</b> {t.policy.lead.by(rollout.by)}
        {rollout.comment === null ? null : `: ${rollout.comment}`}
      </p>
      <p className="break">{texts.to(extentText(extent))}</p>
      <div className="row">
        {CHANGES.map((kind) => (
          <button
            key={kind}
            className={kind === 'widen' ? 'btn primary' : 'btn'}
            type="button"
            disabled={!may || isFile}
            title={why ?? undefined}
            onClick={() => onChange(changeOf(kind))}
          >
            {texts[kind]}
          </button>
        ))}
        <Link className="sm" href="/reports?of=rollout">
          {t.policy.impact.who}
        </Link>
        {why === null ? null : <span className="t3 sm">{why}</span>}
      </div>
    </>
  );
}

function Since({ shadow, rollout }: PolicyInUse): ReactElement | null {
  if (rollout !== null)
    return (
      <span className="age">
        {texts.since} <Time iso={rollout.since} form={moment} />
      </span>
    );
  if (shadow === null) return null;
  return (
    <span className="age">
      {t.policy.shadow.since} <Time iso={shadow.shadowAt ?? shadow.at} form={moment} />
    </span>
  );
}

/** `tag` = what was looked at. */
export function RollOut({
  policy,
  tag,
  onChange,
  onEnded,
}: {
  policy: PolicyInUse;
  tag: string | null;
  onChange: (change: PolicyChange) => void;
  /** The shadow ended. */
  onEnded: (tag: string | null) => void;
}): ReactElement {
  const { shadow, rollout, source } = policy;
  // Nothing can be changed here then.
  const isFile = source === 'file';
  return (
    <Panel title={t.policy.shadow.panel} mark={<Since {...policy} />}>
      <div className="body stack">
        <Stages policy={policy} />
        {rollout === null ? null : <RolloutPart rollout={rollout} isFile={isFile} onChange={onChange} />}
        {shadow === null ? null : (
          <ShadowPart
            shadow={shadow}
            tag={tag}
            isFile={isFile}
            under={rollout === null ? null : texts.under(number(rollout.version))}
            onChange={onChange}
            onEnded={onEnded}
          />
        )}
        {shadow === null && rollout === null ? <p className="sm t2">{t.policy.shadow.groups}</p> : null}
      </div>
      {shadow === null ? null : <ShadowChanges shadow={shadow} />}
      {shadow === null ? null : <ShadowPhones shadow={shadow} />}
    </Panel>
  );
}

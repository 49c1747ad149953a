// Owns the roll-out of a policy: the stages, and what differs while one runs in the shadow.
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { tagOf } from '../client/call.ts';
import { roleFor, useMay } from '../client/signed-in.ts';
import { useChange } from '../client/use-change.ts';
import { moment, number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { deviceHref } from './device-columns.tsx';
import { Icon } from './icon.tsx';
import { Panel } from './panel.tsx';
import { Pill, shortReason } from './state.tsx';
import { Time } from './time.tsx';
import { ChangeTrouble } from './trouble.tsx';

type PolicyInUse = AnswerOf<'showPolicy'>;
type Shadow = NonNullable<PolicyInUse['shadow']>;

const texts = t.policy.shadow;
const STAGES = ['draft', 'shadow', 'report', 'live'] as const;
const MOST_PHONES = 20;

function stageOf({ shadow, mode, live, source }: PolicyInUse): (typeof STAGES)[number] {
  if (shadow !== null) return 'shadow';
  if (live === null && source === 'configuration') return 'draft';
  return mode === 'reportOnly' ? 'report' : 'live';
}

function Stages({ policy }: { policy: PolicyInUse }): ReactElement {
  const now = stageOf(policy);
  const place = STAGES.indexOf(now);
  return (
    <ol className="stages">
      {STAGES.map((stage, index) => {
        const [title, text] = texts.stages[stage];
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

function Differences({ shadow }: { shadow: Shadow }): ReactElement {
  const { counts } = shadow;
  if (counts === null) return <p className="t2">{texts.noCounts}</p>;
  return (
    <p className="t2" role="status">
      <b>{texts.counts(number(counts.different), number(counts.compared))}</b>{' '}
      {counts.different === 0 ? texts.noneYet : null}
    </p>
  );
}

function verdict({ action, reason }: { action: string; reason: string }): ReactElement {
  return (
    <span className="row tight">
      <Pill state={action} />
      <span className="t2">{shortReason(reason)}</span>
    </span>
  );
}

function Phones({ shadow }: { shadow: Shadow }): ReactElement | null {
  const phones = shadow.counts?.phones ?? [];
  if (phones.length === 0) return null;
  return (
    <div className="tw">
      <table className="plain cards wrap">
        <caption className="vh">{texts.caption}</caption>
        <thead>
          <tr>
            <th scope="col">{texts.column.user}</th>
            <th scope="col">{texts.column.live}</th>
            <th scope="col">{texts.column.shadow}</th>
          </tr>
        </thead>
        <tbody>
          {phones.slice(0, MOST_PHONES).map(({ user, device, live, shadow: other }) => (
            <tr key={`${device} ${user}`}>
              <th scope="row" className="full break">
                <Link href={deviceHref(device, user)}>{user}</Link>
              </th>
              <td data-l={texts.column.live}>{verdict(live)}</td>
              <td data-l={texts.column.shadow}>{verdict(other)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** `tag` = what was looked at; `isFile` = nothing can be changed here. */
export function RollOut({
  policy,
  tag,
  onPromote,
  onEnded,
}: {
  policy: PolicyInUse;
  tag: string | null;
  onPromote: (version: number) => void;
  onEnded: (tag: string | null) => void;
}): ReactElement {
  const { shadow, source } = policy;
  const mayPromote = useMay('promoteShadow');
  const mayEnd = useMay('endShadow');
  const change = useChange('endShadow');
  const isFile = source === 'file';
  const end = async (): Promise<void> => {
    const answer = await change.send({ ifMatch: tag });
    if (answer !== null) onEnded(tagOf(answer));
  };
  const why = isFile
    ? t.policy.file.short
    : mayPromote
      ? null
      : mayEnd
        ? texts.needs(roleFor('promoteShadow'))
        : t.trouble.needsRole(roleFor('endShadow'));
  return (
    <Panel
      title={texts.panel}
      mark={
        shadow === null ? undefined : (
          <span className="age">
            {texts.since} <Time iso={shadow.at} form={moment} />
          </span>
        )
      }
    >
      <div className="body stack">
        <Stages policy={policy} />
        {shadow === null ? (
          <p className="sm t2">{texts.groups}</p>
        ) : (
          <>
            <p className="sm t2 break">
              <b>{t.policy.history.version(number(shadow.version))}</b> {t.policy.lead.by(shadow.author)}
              {shadow.comment === null ? null : `: ${shadow.comment}`}
            </p>
            <Differences shadow={shadow} />
            <div className="row">
              <button
                className="btn primary"
                type="button"
                disabled={!mayPromote || isFile}
                onClick={() => onPromote(shadow.version)}
              >
                {texts.promote}
              </button>
              <button
                className="btn"
                type="button"
                disabled={!mayEnd || isFile || change.busy}
                onClick={() => void end()}
              >
                {texts.end}
              </button>
              <Link className="sm" href="/reports?of=shadow">
                {t.policy.impact.who}
              </Link>
              {why === null ? null : <span className="t3 sm">{why}</span>}
            </div>
            <ChangeTrouble error={change.error} />
          </>
        )}
      </div>
      {shadow === null ? null : <Phones shadow={shadow} />}
    </Panel>
  );
}

// Owns the policy in the shadow on the page of the policy: what differs on real traffic, promoting it, its end.
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { tagOf } from '../client/call.ts';
import { roleFor, useMay } from '../client/signed-in.ts';
import { useChange } from '../client/use-change.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { deviceHref } from './device-columns.tsx';
import type { PolicyChange } from './policy-change.ts';
import { Pill, shortReason } from './state.tsx';
import { TableHead } from './table-head.tsx';
import { ChangeTrouble } from './trouble.tsx';

type PolicyInUse = AnswerOf<'showPolicy'>;
type Shadow = NonNullable<PolicyInUse['shadow']>;

const texts = t.policy.shadow;
const MOST_PHONES = 10;

function Differences({ shadow }: { shadow: Shadow }): ReactElement {
  const { counts } = shadow;
  if (counts === null) return <p className="t2">{texts.noCounts}</p>;
  return (
    <p className="t2" role="status">
      <b>{texts.counts(counts.different, number(counts.different), number(counts.compared))}</b>{' '}
      {counts.different === 0 ? texts.noneYet : texts.phones(number(counts.phonesDifferent))}
    </p>
  );
}

function verdict({ action, reason }: { action: string; reason: string }): ReactElement {
  return (
    <span className="row verdict">
      <Pill state={action} />
      <span className="t2">{shortReason(reason)}</span>
    </span>
  );
}

/** How many phones differ in which way. */
export function ShadowChanges({ shadow }: { shadow: Shadow }): ReactElement | null {
  const changes = shadow.counts?.changes ?? [];
  if (changes.length === 0) return null;
  return (
    <div className="tw">
      <table className="plain cards pairs">
        <caption className="vh">{texts.changesCaption}</caption>
        <TableHead titles={[texts.column.live, texts.column.shadow, [texts.column.phones, 'num']]} />
        <tbody>
          {changes.map(({ live, shadow: other, phones }) => (
            <tr key={`${live.action} ${live.reason} ${other.action} ${other.reason}`}>
              <td data-l={texts.column.live}>{verdict(live)}</td>
              <td data-l={texts.column.shadow}>{verdict(other)}</td>
              <td className="num full" data-l={texts.column.phones}>
                {number(phones)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The phones on which it differs. */
export function ShadowPhones({ shadow }: { shadow: Shadow }): ReactElement | null {
  const phones = shadow.counts?.phones ?? [];
  const all = Math.max(phones.length, shadow.counts?.phonesDifferent ?? 0);
  if (phones.length === 0) return null;
  return (
    <div className="tw">
      <table className="plain cards wrap pairs">
        <caption className="vh">{texts.caption}</caption>
        <TableHead titles={[texts.column.user, texts.column.live, texts.column.shadow]} />
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
      {all <= MOST_PHONES ? null : (
        <p className="body t3 sm">{texts.first(number(MOST_PHONES), number(all))}</p>
      )}
    </div>
  );
}

/** `tag` = what was looked at; `under` = why it cannot be promoted now; null = it can. */
export function ShadowPart({
  shadow,
  tag,
  isFile,
  under,
  onChange,
  onEnded,
}: {
  shadow: Shadow;
  tag: string | null;
  isFile: boolean;
  under: string | null;
  onChange: (change: PolicyChange) => void;
  onEnded: (tag: string | null) => void;
}): ReactElement {
  const mayPromote = useMay('promoteShadow');
  const mayEnd = useMay('endShadow');
  const change = useChange('endShadow');
  const end = async (): Promise<void> => {
    const answer = await change.send({ ifMatch: tag });
    if (answer !== null) onEnded(tagOf(answer));
  };
  const why = isFile
    ? t.policy.file.short
    : mayPromote
      ? under
      : mayEnd
        ? texts.needs(roleFor('promoteShadow'))
        : t.trouble.needsRole(roleFor('endShadow'));
  return (
    <>
      <p className="sm t2 break">
        <b>{t.policy.history.version(number(shadow.version))}</b> {t.policy.lead.by(shadow.author)}
        {shadow.comment === null ? null : `: ${shadow.comment}`}
      </p>
      <Differences shadow={shadow} />
      <div className="row">
        <button
          className={under === null ? 'btn primary' : 'btn'}
          type="button"
          disabled={!mayPromote || isFile || under !== null}
          onClick={() => onChange({ kind: 'promote', version: shadow.version })}
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
  );
}

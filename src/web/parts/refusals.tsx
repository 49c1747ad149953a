// Owns the newest refusals: state, reason, user, and an exception at one click.
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { roleFor, useMay } from '../client/signed-in.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { AllowUntil } from './allow-until.tsx';
import { deviceHref, doneText } from './device-columns.tsx';
import { DeviceModel, modelName } from './device-model.tsx';
import { Live, Panel } from './panel.tsx';
import { mayHelp } from './possible.ts';
import { Pill, shortReason } from './state.tsx';
import { TableHead } from './table-head.tsx';
import { Dash, Time } from './time.tsx';
import { Blank, ChangeTrouble } from './trouble.tsx';
import { useDecide } from './use-decide.ts';
import type { Decide } from './use-decide.ts';

type Overview = AnswerOf<'showOverview'>;
type Refusal = Overview['refusals'][number];

const texts = t.overview.refusals;

function Row({ refusal, decide }: { refusal: Refusal; decide: Decide }): ReactElement {
  const may = useMay('decide');
  const { at, user, device, state, reason, rule, model, count } = refusal;
  const target = device === null ? null : { device, user };
  const done = target === null ? null : decide.doneFor(target);
  const isNew = done !== null && !done.isUndone && done.action !== 'clear';
  const what = device === null ? (model ?? '') : modelName(model, device);
  const name = user === null ? what : t.of(what, user);
  const reasonWords = shortReason(reason);
  return (
    <tr>
      <td className="p-st">
        <Pill state={isNew ? done.action : state} />
      </td>
      <td className="p-why" title={reasonWords}>
        {done === null ? (
          reasonWords
        ) : (
          <span className="t2" role="status">
            {doneText(done)}
          </span>
        )}
      </td>
      <td className="p-who">
        {device === null ? (
          (user ?? <Dash />)
        ) : (
          <Link className="name clip stretch" href={deviceHref(device, user)}>
            {user ?? device}
          </Link>
        )}
      </td>
      <td className="p-dev t2 c5" title={device ?? undefined}>
        {device === null || model === null ? what || <Dash /> : <DeviceModel model={model} device={device} />}
      </td>
      <td className="num t3 off-phone c4">{number(count)}</td>
      <td className="p-ago num t2">
        <Time iso={at} />
      </td>
      <td className="p-do act">
        {target === null ? null : done === null && !mayHelp(reason, rule) ? (
          <Link
            className="btn small"
            href={deviceHref(target.device, user)}
            aria-label={t.user.devices.explainFor(name)}
          >
            {t.user.devices.explain}
          </Link>
        ) : (
          <AllowUntil
            target={target}
            name={name}
            title={t.decide.allow.title(name)}
            decide={decide}
            blocked={may ? null : t.trouble.needsRole(roleFor('decide'))}
          />
        )}
      </td>
    </tr>
  );
}

/** The panel. `isLive` = numbers come in by themselves. */
export function Refusals({
  overview,
  isLive,
  changed,
}: {
  overview: Overview;
  isLive: boolean;
  changed: () => void;
}): ReactElement {
  const decide = useDecide(changed);
  const refused = overview.tiles.quarantined.count + overview.tiles.blocked.count;
  return (
    <Panel
      title={texts.title}
      mark={<Live on={isLive} text={isLive ? t.overview.live : t.overview.polled} />}
      foot={<Link href="/devices?state=quarantined%2Cblocked">{texts.all(refused, number(refused))}</Link>}
    >
      <ChangeTrouble error={decide.error} />
      {overview.refusals.length === 0 ? (
        <Blank icon="check" title={texts.noneTitle}>
          {texts.noneText}
        </Blank>
      ) : (
        <div className="tw">
          <table className="devices cards short">
            <caption className="vh">{texts.caption}</caption>
            <TableHead
              titles={[
                t.devices.column.state,
                t.devices.column.reason,
                t.devices.column.user,
                [t.devices.column.device, 'c5'],
                [texts.tries, 'num c4'],
                [t.devices.column.seen, 'num'],
              ]}
              actions={texts.decide}
            />
            <tbody>
              {overview.refusals.map((refusal) => (
                <Row
                  key={`${refusal.device ?? ''} ${refusal.user ?? ''} ${refusal.reason ?? ''}`}
                  refusal={refusal}
                  decide={decide}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

// Owns the devices of one user: the columns of the list of devices, each row with the way to its explanation.
import { useMemo } from 'react';
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { useQuery } from '../client/use-query.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { deviceColumns, deviceHref, deviceRowKey, deviceRowName } from './device-columns.tsx';
import { DeviceMenu } from './device-menu.tsx';
import { Icon } from './icon.tsx';
import { Panel } from './panel.tsx';
import { ChangeTrouble, LoadTrouble, Skeleton } from './trouble.tsx';
import { useDecide } from './use-decide.ts';

/** More are in the list of devices. */
const MOST = 50;
const SHOWN = ['state', 'reason', 'model', 'system', 'seen', 'decision'];
const texts = t.user.devices;

/** The panel. */
export function UserDevices({
  user,
  verdicts,
}: {
  user: string;
  /** What the gateway decides now. */
  verdicts: AnswerOf<'showUser'>['verdicts'];
}): ReactElement {
  const query = { user, sort: '-lastSeen', limit: MOST };
  const { data, error, reload } = useQuery('listDevices', { query }, { everyMs: 10_000 });
  const decide = useDecide(reload);
  const { doneFor } = decide;
  const columns = useMemo(
    () =>
      deviceColumns(
        (row) => doneFor({ device: row.device, user: row.user }),
        (row) => verdicts.find((one) => one.device === row.device && one.user === row.user) ?? null,
      ).filter(({ key }) => SHOWN.includes(key)),
    [doneFor, verdicts],
  );
  const list = `/devices?user=${encodeURIComponent(user)}`;
  const rows = data?.rows ?? [];
  return (
    <Panel
      id="devices"
      title={texts.title}
      className="bleed"
      foot={
        data?.next === null || data === null ? undefined : (
          <Link className="inline" href={list}>
            {texts.all(t.counted.devices(2, number(MOST)))}
          </Link>
        )
      }
    >
      <ChangeTrouble error={decide.error} />
      {data === null ? (
        error === null ? (
          <Skeleton rows={3} />
        ) : (
          <LoadTrouble error={error} operation="listDevices" retry={reload} />
        )
      ) : rows.length === 0 ? (
        <p className="body t2">{texts.none}</p>
      ) : (
        <div className="tw">
          <table className="devices own cards">
            <caption className="vh">{texts.caption}</caption>
            <thead>
              <tr>
                {columns.map(({ key, title, className }) => (
                  <th key={key} scope="col" className={className}>
                    {title}
                  </th>
                ))}
                <th scope="col">
                  <span className="vh">{t.list.actions}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={deviceRowKey(row)}>
                  {columns.map(({ key, className, hover, cell }) => (
                    <td key={key} className={className} title={hover?.(row)}>
                      {cell(row)}
                    </td>
                  ))}
                  <td className="act over">
                    <span className="row tight end">
                      <Link
                        className="btn small"
                        href={deviceHref(row.device, row.user)}
                        aria-label={texts.explainFor(deviceRowName(row))}
                      >
                        {texts.explain}
                      </Link>
                      <DeviceMenu
                        target={{ device: row.device, user: row.user }}
                        name={deviceRowName(row)}
                        decide={decide}
                        className="btn ghost sq small"
                        label={t.list.actionsFor(deviceRowName(row))}
                        button={<Icon name="dots" />}
                        changed={reload}
                      />
                    </span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

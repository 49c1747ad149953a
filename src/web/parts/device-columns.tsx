// Owns the columns of lists of devices, and which of them the person chose to see.
import { useState } from 'react';
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import type { RowOf } from '../client/use-pages.ts';
import { day, moment } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import type { Column } from './data-table.tsx';
import { DeviceModel, modelName } from './device-model.tsx';
import { Icon } from './icon.tsx';
import { Menu, MenuCheck, MenuGroup, MenuItem, MenuLine } from './menu.tsx';
import { decidedSince, notAskedSince } from './not-asked-since.ts';
import type { VerdictNow } from './not-asked-since.ts';
import { Pill, shortReason } from './state.tsx';
import { Dash, Time } from './time.tsx';
import type { Done } from './use-decide.ts';

/** A user on a device. */
export type DeviceRow = RowOf<'listDevices'>;

/** The key of a row. */
export const deviceRowKey = ({ device, user }: DeviceRow): string => `${device}\n${user ?? ''}`;

/** "Pixel 8 …2783 of clara@example.com", for titles and screen readers. */
export function deviceRowName({ device, user, model, deviceType }: DeviceRow): string {
  const what = modelName(model ?? deviceType, device);
  return user === null ? what : t.of(what, user);
}

/** The address of the page of a device; the user chooses which partnership it explains. */
export function deviceHref(device: string, user: string | null): string {
  const query = user === null ? '' : `?user=${encodeURIComponent(user)}`;
  return `/devices/${encodeURIComponent(device)}${query}`;
}

/** "Allow until 18:00" in words; null = no decision. */
export function decidedText(action: string | null, expiresAt: string | null): string | null {
  if (action === null) return null;
  // One that ended stays stored until the next change; it counts no more.
  if (expiresAt !== null && Date.parse(expiresAt) <= Date.now()) return null;
  const words = t.devices.decided as Readonly<Record<string, (until: string | null) => string>>;
  return words[action]?.(expiresAt === null ? null : moment(Date.parse(expiresAt), Date.now())) ?? action;
}

/** What was decided a moment ago, instead of the reason. */
export function doneText({ action, expiresAt, isUndone, cleared }: Done): string {
  if (isUndone) return t.change.undone;
  if (action === 'clear') return t.decide.cleared[cleared];
  return t.decide.done[action](expiresAt === null ? null : moment(Date.parse(expiresAt), Date.now()));
}

/** Why a row is in its state; or what a decision makes of it since. */
export function reasonText(row: DeviceRow, now: VerdictNow | null = null): string {
  if (row.unreadable) return t.devices.unreadable;
  if (now === null) return notAskedSince(row, Date.now()) ?? shortReason(row.reason);
  const since = decidedSince(row, now);
  return since === null ? shortReason(row.reason) : `${since}: ${shortReason(now.reason)}`;
}

/** The decision on the device, else that on the user. */
function decisionText(row: DeviceRow): string | null {
  const onUser = decidedText(row.userDecision, row.userDecisionExpiresAt);
  const own = decidedText(row.decision, row.decisionExpiresAt);
  return own ?? (onUser === null ? null : t.devices.decidedOnUser(onUser));
}

const systemText = ({ os, osVersion }: DeviceRow): string => os ?? osVersion ?? '';

function yesNo(value: boolean | null): ReactElement | string {
  return value === null ? <Dash /> : value ? t.devices.filter.yes : t.devices.filter.no;
}

const ALWAYS: readonly string[] = ['state', 'reason'];
const AT_FIRST: readonly string[] = [...ALWAYS, 'user', 'device', 'model', 'system', 'seen', 'decision'];

/** Every column there is. `doneFor` = what was just decided about a row; `nowOf` = what the gateway decides now, where that is known. */
export function deviceColumns(
  doneFor: (row: DeviceRow) => Done | null,
  nowOf: (row: DeviceRow) => VerdictNow | null = () => null,
): readonly Column<DeviceRow>[] {
  const { column } = t.devices;
  const reasonOf = (row: DeviceRow): string => reasonText(row, nowOf(row));
  return [
    {
      key: 'state',
      title: column.state,
      sort: 'state',
      className: 'p-st',
      cell: (row) => {
        const done = doneFor(row);
        const isNew = done !== null && !done.isUndone && done.action !== 'clear';
        return <Pill state={isNew ? done.action : row.state} />;
      },
    },
    {
      key: 'reason',
      title: column.reason,
      sort: 'reason',
      className: 'p-why',
      hover: reasonOf,
      cell: (row) => {
        const done = doneFor(row);
        return (
          <Link className="name plain stretch" href={deviceHref(row.device, row.user)}>
            {done === null ? reasonOf(row) || wordless(row) : <span className="t2">{doneText(done)}</span>}
          </Link>
        );
      },
    },
    {
      key: 'user',
      title: column.user,
      sort: 'user',
      className: 'p-who over',
      hover: (row) => row.user ?? '',
      cell: (row) =>
        row.user === null ? (
          <span className="t3">{t.devices.noUser}</span>
        ) : (
          <Link className="name clip" href={deviceHref(row.device, row.user)}>
            {row.user}
          </Link>
        ),
    },
    {
      key: 'device',
      title: column.device,
      sort: 'device',
      className: 'mono t2 off-phone c3 w-id own-id',
      hover: (row) => row.device,
      cell: (row) => row.device,
    },
    {
      key: 'model',
      title: column.model,
      sort: 'model',
      className: 'p-dev c1',
      cell: (row) => <DeviceModel model={row.model ?? row.deviceType} device={row.device} />,
    },
    {
      key: 'system',
      title: column.system,
      sort: 'os',
      className: 'p-os t2 c2',
      hover: systemText,
      cell: (row) => systemText(row) || <Dash />,
    },
    {
      key: 'compliant',
      title: column.compliant,
      className: 'off-phone c2',
      cell: (row) => yesNo(row.compliant),
    },
    {
      key: 'ownership',
      title: column.ownership,
      className: 'off-phone c2 w-id',
      hover: (row) => row.ownership ?? '',
      cell: (row) => row.ownership ?? <Dash />,
    },
    {
      key: 'groups',
      title: column.groups,
      className: 'off-phone c2 w-id',
      hover: (row) => row.groups?.join(', ') ?? '',
      cell: (row) => (row.groups === null || row.groups.length === 0 ? <Dash /> : row.groups.join(', ')),
    },
    {
      key: 'checkIn',
      title: column.checkIn,
      sort: 'lastCheckIn',
      className: 'off-phone num c2',
      cell: (row) => <Time iso={row.lastCheckIn} />,
    },
    {
      key: 'firstSeen',
      title: column.firstSeen,
      sort: 'firstSeen',
      className: 'off-phone num t2 c2',
      cell: (row) => <Time iso={row.firstSeen} form={day} />,
    },
    {
      key: 'seen',
      title: column.seen,
      sort: 'lastSeen',
      className: 'p-ago num t2',
      cell: (row) => <Time iso={row.lastSeen} />,
    },
    {
      key: 'decision',
      title: column.decision,
      sort: 'decision',
      className: 'p-dec off-phone',
      hover: (row) => decisionText(row) ?? '',
      cell: (row) => decisionText(row) ?? <Dash />,
    },
  ];
}

/** A row without a reason still needs a name for its link. */
function wordless(row: DeviceRow): string {
  return row.state === 'unseen' ? t.states.unseen : row.device;
}

const STORAGE = 'easgate.columns';

function stored(): readonly string[] {
  try {
    const text = localStorage.getItem(STORAGE);
    return text === null ? AT_FIRST : text.split(',');
  } catch {
    return AT_FIRST;
  }
}

/** The columns that are shown, and the menu that changes them. */
export function useColumns(all: readonly Column<DeviceRow>[]): {
  readonly shown: readonly Column<DeviceRow>[];
  readonly menu: ReactElement;
} {
  const [keys, setKeys] = useState(stored);
  const change = (next: readonly string[]): void => {
    setKeys(next);
    try {
      localStorage.setItem(STORAGE, next.join(','));
    } catch {
      // Then it holds until the page is left.
    }
  };
  const menu = (
    <Menu
      className="btn off-small"
      button={
        <>
          <Icon name="columns" />
          {t.list.columns}
        </>
      }
    >
      <MenuGroup title={t.list.columns}>
        {all.map(({ key, title }) => {
          const isFixed = ALWAYS.includes(key);
          return (
            <MenuCheck
              key={key}
              checked={isFixed || keys.includes(key)}
              disabled={isFixed}
              onChange={(on) => change(on ? [...keys, key] : keys.filter((each) => each !== key))}
            >
              {title}
              {isFixed ? <span className="t3 sm">{t.list.always}</span> : null}
            </MenuCheck>
          );
        })}
      </MenuGroup>
      <MenuLine />
      <MenuItem onPick={() => change(AT_FIRST)}>{t.list.asAtFirst}</MenuItem>
    </Menu>
  );
  return { shown: all.filter(({ key }) => ALWAYS.includes(key) || keys.includes(key)), menu };
}

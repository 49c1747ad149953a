// Owns the actions of one device: in the row of a list, and under More on its page. The wipe is last, below a line.
import { useState } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { useMay } from '../client/signed-in.ts';
import { useQuery } from '../client/use-query.ts';
import { t } from '../texts/texts.ts';
import { ClearWipeModal } from './clear-wipe-modal.tsx';
import { copyText } from './copy.tsx';
import { DecideModal } from './decide-modal.tsx';
import type { Proposal } from './decide-modal.tsx';
import { DecisionItems } from './decision-items.tsx';
import { Menu, MenuItem, MenuLine } from './menu.tsx';
import { possibleOn } from './possible.ts';
import type { Possible } from './possible.ts';
import type { Decide, Target } from './use-decide.ts';
import { WipeModal } from './wipe-modal.tsx';

type Action = Proposal<Target>['action'];

/** What a pick of the menu opens. */
type Opened = { readonly proposal: Proposal<Target> } | 'wipe' | { readonly cleared: Target };

/** Whether an action makes sense. */
function isOffered(action: Action, { isRefused, hindrance }: Possible): boolean {
  return !isRefused && (action === 'block' || hindrance === null);
}

/** For the moment before the gateway has answered, or where it does not: then it refuses what makes no sense. */
const UNKNOWN: Possible = { hindrance: null, isRefused: false, verdict: null, stored: [] };

/** The entries, which are drawn when the menu opens: what makes sense is asked then. */
function Actions({
  target,
  decide,
  propose,
  open,
  children,
}: {
  target: Target;
  decide: Decide;
  propose: (action: Action) => void;
  open: (opened: Opened) => void;
  children: ReactNode;
}): ReactElement {
  const mayDecide = useMay('decide');
  const mayWipe = useMay('orderWipe');
  const { data } = useQuery('showDevice', { params: { device: target.device } });
  const possible = data === null ? UNKNOWN : possibleOn(data, target.user);
  const { hindrance, stored } = possible;
  const clearText = (one: Possible['stored'][number]): string => {
    if (one.kind === 'openWipe') return t.decide.wipe.takeBack;
    if (one.kind === 'wiped') return t.decide.wipe.clear;
    return one.target.user === target.user ? t.decide.clear : t.decide.clearEveryUser;
  };
  return (
    <>
      <DecisionItems
        hindrance={hindrance}
        isOffered={(action) => mayDecide && isOffered(action, possible)}
        propose={propose}
      />
      {stored.length === 0 ? (
        <MenuItem disabled onPick={() => undefined}>
          {t.decide.clear}
        </MenuItem>
      ) : (
        stored.map((one) => (
          <MenuItem
            key={one.target.user ?? ''}
            disabled={one.kind === 'decision' ? !mayDecide : !mayWipe}
            onPick={() => {
              if (one.kind === 'wiped') open({ cleared: one.target });
              else void decide.clear(one.target);
            }}
          >
            {clearText(one)}
          </MenuItem>
        ))
      )}
      <MenuLine />
      {children}
      <MenuItem onPick={() => void copyText(target.device)}>{t.devices.copyId}</MenuItem>
      <MenuLine />
      <MenuItem danger disabled={!mayWipe || possible.isRefused} onPick={() => open('wipe')}>
        {t.decide.wipe.menu}
      </MenuItem>
    </>
  );
}

/** `children` = further entries, above the wipe. */
export function DeviceMenu({
  target,
  name,
  decide,
  button,
  className,
  label,
  changed,
  children,
}: {
  target: Target;
  name: string;
  decide: Decide;
  button: ReactNode;
  className: string;
  label?: string;
  /** After a wipe was ordered. */
  changed: () => void;
  children?: ReactNode;
}): ReactElement {
  const [opened, open] = useState<Opened | null>(null);
  const propose = (action: Action): void => {
    decide.forgetError();
    open({
      proposal: {
        action,
        target,
        wider: target.user === null ? null : { device: target.device, user: null },
        name,
      },
    });
  };
  const close = (): void => open(null);
  return (
    <>
      <Menu className={className} button={button} {...(label === undefined ? {} : { label })}>
        <Actions target={target} decide={decide} propose={propose} open={open}>
          {children}
        </Actions>
      </Menu>
      {opened === null ? null : opened === 'wipe' ? (
        <WipeModal target={target} name={name} close={close} done={changed} />
      ) : 'cleared' in opened ? (
        <ClearWipeModal target={opened.cleared} name={name} decide={decide} close={close} />
      ) : (
        <DecideModal proposal={opened.proposal} decide={decide} close={close} />
      )}
    </>
  );
}

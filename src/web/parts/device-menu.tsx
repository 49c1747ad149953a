// Owns the actions of one device: in the row of a list, and under More on its page. The wipe is last, below a line.
import { useState } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { useMay } from '../client/signed-in.ts';
import { t } from '../texts/texts.ts';
import { copyText } from './copy.tsx';
import { DecideModal } from './decide-modal.tsx';
import type { Proposal } from './decide-modal.tsx';
import { Menu, MenuItem, MenuLine } from './menu.tsx';
import type { Decide, Target } from './use-decide.ts';
import { WipeModal } from './wipe-modal.tsx';

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
  const mayDecide = useMay('decide');
  const mayWipe = useMay('orderWipe');
  const [proposal, setProposal] = useState<Proposal<Target> | null>(null);
  const [isWiping, setWiping] = useState(false);
  const propose = (action: Proposal<Target>['action']): void => {
    decide.forgetError();
    setProposal({
      action,
      target,
      wider: target.user === null ? null : { device: target.device, user: null },
      name,
    });
  };
  return (
    <>
      <Menu className={className} button={button} {...(label === undefined ? {} : { label })}>
        <MenuItem disabled={!mayDecide} onPick={() => propose('allow')}>
          {t.decide.allow.menu}
        </MenuItem>
        <MenuItem disabled={!mayDecide} onPick={() => propose('quarantine')}>
          {t.decide.quarantine.menu}
        </MenuItem>
        <MenuItem disabled={!mayDecide} onPick={() => propose('block')}>
          {t.decide.block.menu}
        </MenuItem>
        <MenuItem disabled={!mayDecide} onPick={() => void decide.clear(target)}>
          {t.decide.clear}
        </MenuItem>
        <MenuLine />
        {children}
        <MenuItem onPick={() => void copyText(target.device)}>{t.devices.copyId}</MenuItem>
        <MenuLine />
        <MenuItem danger disabled={!mayWipe} onPick={() => setWiping(true)}>
          {t.decide.wipe.menu}
        </MenuItem>
      </Menu>
      {proposal === null ? null : (
        <DecideModal proposal={proposal} decide={decide} close={() => setProposal(null)} />
      )}
      {isWiping ? (
        <WipeModal target={target} name={name} close={() => setWiping(false)} done={changed} />
      ) : null}
    </>
  );
}

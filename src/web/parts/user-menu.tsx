// Owns the actions on one user with every device: in the row of a list, and under More on the page.
import { useState } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { useMay } from '../client/signed-in.ts';
import { t } from '../texts/texts.ts';
import { DecideModal } from './decide-modal.tsx';
import type { Proposal } from './decide-modal.tsx';
import { Menu, MenuItem, MenuLine } from './menu.tsx';
import type { Decide, UserTarget } from './use-decide.ts';

/** `children` = further entries. */
export function UserMenu({
  user,
  decide,
  button,
  className,
  label,
  children,
}: {
  user: string;
  decide: Decide<UserTarget>;
  button: ReactNode;
  className: string;
  label?: string;
  children?: ReactNode;
}): ReactElement {
  const may = useMay('decideUser');
  const [proposal, setProposal] = useState<Proposal<UserTarget> | null>(null);
  const propose = (action: Proposal<UserTarget>['action']): void => {
    decide.forgetError();
    setProposal({ action, target: { user }, wider: null, name: t.user.everyDevice(user) });
  };
  return (
    <>
      <Menu className={className} button={button} {...(label === undefined ? {} : { label })}>
        {children === undefined ? null : (
          <>
            {children}
            <MenuLine />
          </>
        )}
        <MenuItem disabled={!may} onPick={() => propose('allow')}>
          {t.decide.allow.menu}
        </MenuItem>
        <MenuItem disabled={!may} onPick={() => propose('quarantine')}>
          {t.decide.quarantine.menu}
        </MenuItem>
        <MenuItem disabled={!may} onPick={() => propose('block')}>
          {t.decide.block.menu}
        </MenuItem>
        <MenuItem disabled={!may} onPick={() => void decide.clear({ user })}>
          {t.decide.clear}
        </MenuItem>
      </Menu>
      {proposal === null ? null : (
        <DecideModal proposal={proposal} decide={decide} close={() => setProposal(null)} />
      )}
    </>
  );
}

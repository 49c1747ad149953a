// Owns the actions on one user with every device: in the row of a list, and under More on the page.
import { useState } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { useMay } from '../client/signed-in.ts';
import { useQuery } from '../client/use-query.ts';
import { t } from '../texts/texts.ts';
import { DecideModal } from './decide-modal.tsx';
import type { Proposal } from './decide-modal.tsx';
import { DecisionItems } from './decision-items.tsx';
import { Menu, MenuItem, MenuLine } from './menu.tsx';
import { isInForce } from './possible.ts';
import type { Decide, UserTarget } from './use-decide.ts';

type Action = Proposal<UserTarget>['action'];

/** The entries, which are drawn when the menu opens: what makes sense is asked then. */
function Actions({
  user,
  decide,
  propose,
}: {
  user: string;
  decide: Decide<UserTarget>;
  propose: (action: Action) => void;
}): ReactElement {
  const may = useMay('decideUser');
  const { data } = useQuery('showUser', { params: { user } });
  const hindrance = data?.hindrance ?? null;
  return (
    <>
      <DecisionItems
        hindrance={hindrance}
        isOffered={(action) => may && (action === 'block' || hindrance === null)}
        propose={propose}
      />
      <MenuItem
        disabled={!may || !isInForce(data?.decision ?? null)}
        onPick={() => void decide.clear({ user })}
      >
        {t.decide.clear}
      </MenuItem>
    </>
  );
}

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
  const [proposal, setProposal] = useState<Proposal<UserTarget> | null>(null);
  const propose = (action: Action): void => {
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
        <Actions user={user} decide={decide} propose={propose} />
      </Menu>
      {proposal === null ? null : (
        <DecideModal proposal={proposal} decide={decide} close={() => setProposal(null)} />
      )}
    </>
  );
}

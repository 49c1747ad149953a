// Owns the decisions in the menus of a device and of a user, below the reason why some of them are not offered.
import type { ReactElement } from 'react';
import { t } from '../texts/texts.ts';
import { MenuGroup, MenuItem } from './menu.tsx';
import { hindranceText } from './possible.ts';
import type { Hindrance } from './possible.ts';

const ACTIONS = ['allow', 'quarantine', 'block'] as const;

/** `hindrance` = what keeps an exception from helping; null = nothing. */
export function DecisionItems({
  hindrance,
  isOffered,
  propose,
}: {
  hindrance: Hindrance | null;
  isOffered: (action: (typeof ACTIONS)[number]) => boolean;
  propose: (action: (typeof ACTIONS)[number]) => void;
}): ReactElement {
  const items = ACTIONS.map((action) => (
    <MenuItem key={action} disabled={!isOffered(action)} onPick={() => propose(action)}>
      {t.decide[action].menu}
    </MenuItem>
  ));
  if (hindrance === null) return <>{items}</>;
  return (
    <MenuGroup title={hindranceText(hindrance)} isSentence>
      {items}
    </MenuGroup>
  );
}

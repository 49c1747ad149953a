// Owns the state of a phone as lists show it: by the verdict that a gateway last gave. Loads no schema.

/** `wiping` = it was ordered to wipe, `unseen` = no user was seen with the device. */
export type AccessState = 'allowed' | 'quarantined' | 'blocked' | 'wiping' | 'unseen';

/** All of {@link AccessState}. New ones are added at the end: the read model stores their places. */
export const ACCESS_STATES: readonly AccessState[] = [
  'allowed',
  'quarantined',
  'blocked',
  'wiping',
  'unseen',
];

/** States by the action of a verdict. */
export const STATES_OF_ACTIONS: Readonly<Record<string, AccessState>> = {
  allow: 'allowed',
  quarantine: 'quarantined',
  block: 'blocked',
  wipe: 'wiping',
  accountWipe: 'wiping',
};

/** The state by the action of the last verdict. */
export function stateOfAction(action: string): AccessState {
  return STATES_OF_ACTIONS[action] ?? 'unseen';
}

// Owns that what must never happen in a gateway fails the test that made it happen.
import type { OnTrouble } from '../../../src/gateway/trouble.ts';

const BUGS: ReadonlySet<string> = new Set(['EASGATE_ILLEGAL_TRANSITION', 'EASGATE_NO_CLEARANCE']);

/** Tells `onTrouble` of everything; throws, where the gateway is, at what is a bug of it. */
export function throwingAtBugs(onTrouble: OnTrouble = () => undefined): OnTrouble {
  return (code, facts) => {
    if (BUGS.has(code)) throw new Error(`${code}: ${JSON.stringify(facts)}`);
    onTrouble(code, facts);
  };
}

// Owns the handling of internal errors in tests: an error that a gateway must never have fails the test.
import type { OnTrouble } from '../../../src/gateway/trouble.ts';

const BUGS: ReadonlySet<string> = new Set(['EASGATE_ILLEGAL_TRANSITION', 'EASGATE_NO_CLEARANCE']);

/** Passes every trouble to `onTrouble`; throws inside the gateway if it is a bug of the gateway. */
export function throwingAtBugs(onTrouble: OnTrouble = () => undefined): OnTrouble {
  return (code, facts) => {
    if (BUGS.has(code)) throw new Error(`${code}: ${JSON.stringify(facts)}`);
    onTrouble(code, facts);
  };
}

// Owns arbitrary exchanges with any combination of facts, for property tests.
import fc from 'fast-check';
import type { FinalAnswer } from '../../../src/quarantine/mailbox-types.ts';
import { parseEasQuery } from '../../../src/eas/query-parser.ts';
import { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import type { CredentialsState } from '../../../src/gateway/exchange/exchange.ts';
import type { StepInputs } from '../../../src/gateway/exchange/steps.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import type { Verdict, VerdictAction } from '../../../src/model/verdict.ts';
import { verdict, wipeOrder } from '../servers/test-gateway.ts';

const QUERY = parseEasQuery('Cmd=Sync&User=u&DeviceId=D&DeviceType=T', false);
const EXIT: FinalAnswer = { kind: 'empty' };
export const ACTIONS: readonly VerdictAction[] = ['allow', 'quarantine', 'block', 'wipe', 'accountWipe'];
export const CREDENTIALS: readonly CredentialsState[] = [
  'unchecked',
  'accepted',
  'refused',
  'unknown',
  'bound',
];

/** Verdicts of wipes have an order. */
export function verdictOf(action: VerdictAction): Verdict {
  return action === 'wipe' || action === 'accountWipe'
    ? { ...verdict(action), wipe: wipeOrder('d') }
    : verdict(action);
}

/** Any facts, also combinations that no request can have. */
export const anyExchange: fc.Arbitrary<Exchange> = fc
  .record({
    method: fc.constantFrom('POST', 'OPTIONS'),
    command: fc.constantFrom(null, 'Provision', 'Settings', 'Sync', 'Ping', 'SendMail', 'FolderSync'),
    framing: fc.constantFrom('none', 'length', 'chunked'),
    content: fc.constantFrom('empty', 'wbxml', 'gzip-wbxml', 'rfc822'),
    contentLength: fc.constantFrom(0, 13, 1_000_000),
    expectContinue: fc.boolean(),
    continued: fc.boolean(),
    rootSeen: fc.boolean(),
    query: fc.constantFrom(null, typeof QUERY === 'string' ? null : QUERY),
    autodiscover: fc.constantFrom(null, { form: 'xml' } as never),
    user: fc.constantFrom(null, 'u' as UserKey),
    device: fc.constantFrom(null, 'd' as DeviceKey),
    authorization: fc.constantFrom(null, 'Basic dTpw'),
    leg: fc.constantFrom('none', 'opening', 'closing'),
    challengeOnly: fc.boolean(),
    credentials: fc.constantFrom(...CREDENTIALS),
    verdict: fc.constantFrom(null, ...ACTIONS.map(verdictOf)),
    overtakings: fc.constantFrom(0, 3, 4),
    bodySpent: fc.boolean(),
    inspected: fc.boolean(),
    exit: fc.constantFrom(null, EXIT),
    rewritten: fc.boolean(),
    held: fc.boolean(),
    pollAdmitted: fc.boolean(),
  })
  .map((facts) => Object.assign(new Exchange(0), facts));

/** Any circumstances. */
export const anyInputs: fc.Arbitrary<StepInputs> = fc.record({
  bodyComplete: fc.boolean(),
  bodyReceived: fc.constantFrom(0, 13, 1_000_000),
  mailbox: fc.boolean(),
  maxReadAhead: fc.constant(65_536),
});

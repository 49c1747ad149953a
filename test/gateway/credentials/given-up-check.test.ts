// Owns the promise that a check of credentials that was given up in a queue takes the answer from no request that comes with the same credentials in the
// same turn of the event loop, before the end of that check was noticed.
import { expect, it, onTestFinished } from 'vitest';
import { stopWaiting } from '../../../src/directory/place-wait.ts';
import type { WaitingRequest } from '../../../src/directory/place-wait.ts';
import { CredentialCheck } from '../../../src/gateway/credentials/credential-check.ts';
import type { Claim } from '../../../src/gateway/credentials/credential-question.ts';
import { OpenOptions } from '../../../src/gateway/credentials/open-options.ts';
import { Balancer } from '../../../src/gateway/upstream/balancer.ts';
import type { UserKey } from '../../../src/identity/keys.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';
import { basic, taking, times } from '../../support/phones/logins.ts';
import { backendOf } from '../../support/servers/openings.ts';
import { isBare } from '../../support/servers/raw-backend.ts';
import type { BackendRequest } from '../../support/servers/raw-backend.ts';
import { testSettings } from '../../support/servers/test-gateway.ts';

checkLeaks();

/** Places for checks of one address. */
const PLACES = 64;

const good = taking((login) => login.endsWith(':secret'));
const newRequest = (): WaitingRequest => ({ waitsFor: null });

/** Known phones behind one address. */
function claimOf(user: string): Claim {
  return {
    user: user as UserKey,
    routeKey: user,
    authorization: basic(`${user}:secret`),
    origin: { address: '192.0.2.1', chain: '192.0.2.1', proto: 'https', host: 'm', hidden: false },
    device: null,
    known: true,
  };
}

it('a check that is begun in the turn in which another one for the same credentials was given up is made, and shared', async () => {
  const questions: BackendRequest[] = [];
  const backend = await backendOf((request) => {
    if (isBare(request)) good(request);
    else questions.push(request);
  });
  const { upstream } = testSettings(backend.port);
  const balancer = new Balancer(
    upstream,
    () => 0,
    () => undefined,
  );
  const forwarding = {
    trustedProxies: [],
    forwardedHeader: 'xForwardedFor' as const,
    sendsForwarded: false,
    publicHosts: [],
  };
  const checks = new CredentialCheck(
    upstream,
    balancer,
    forwarding,
    () => 0,
    new OpenOptions(() => undefined),
  );
  onTestFinished(() => checks.close());
  const before = times(PLACES, (index) => checks.check(claimOf(`first${index}`), newRequest()));
  await until(() => questions.length === PLACES, 'the places to be taken');
  const gone = newRequest();
  const given = checks.check(claimOf('phone'), gone);
  stopWaiting(gone);
  const again = checks.check(claimOf('phone'), newRequest());
  expect(await given).toBe('EASGATE_CREDENTIALS_BUSY');
  const shared = checks.check(claimOf('phone'), newRequest());
  for (const question of questions.splice(0)) good(question);
  for (const one of before) expect(await one).toBe('accepted');
  await until(() => questions.length > 0, 'the next question');
  expect(questions).toHaveLength(1);
  for (const question of questions.splice(0)) good(question);
  expect(await Promise.all([again, shared])).toEqual(['accepted', 'accepted']);
});

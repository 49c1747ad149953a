// Owns the promise that a decision on a user is not evaded by another spelling of the login, and that nothing is given to a
// name that was not meant. Threat: mail servers take `dave`, `X\dave` and `dave@eas.test` for one mailbox; a block of one
// spelling was void for the others. Rule: src/identity/user-names.ts.
import { describe, expect, it, onTestFinished } from 'vitest';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { deviceKey } from '../../src/identity/device.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { UserNames } from '../../src/identity/user-names.ts';
import { userKey } from '../../src/identity/user.ts';
import { decideAccess } from '../../src/policy/access.ts';
import { readAccess } from '../../src/policy/access-facts.ts';
import { compileSimplePolicy } from '../../src/policy/compile/simple-policy.ts';
import type { CompiledPolicy } from '../../src/policy/compile/compiled-policy.ts';
import type { ManualDecision } from '../../src/model/decision.ts';
import { EasClient } from '../support/phones/eas-client.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { STORES, openOffice } from '../support/servers/office.ts';
import type { Office, StoreKind } from '../support/servers/office.ts';
import { startRedis } from '../support/servers/redis.ts';
import { until } from '../support/checks/until.ts';
import { BY_TEST, decision, userReport, wipeDecision } from '../support/servers/directory-records.ts';

checkLeaks();

const PHONE = deviceKey('UB1');
const POLICY = compileSimplePolicy({ unknownDevice: 'allow', notEnrolled: 'allow', notCompliant: 'allow' });
const STRICT = compileSimplePolicy({ notEnrolled: 'allow', notCompliant: 'allow' });
const named = (login: string): UserKey => userKey(login) as UserKey;

async function openStore(kind: StoreKind, groups: string[][]): Promise<DirectoryStore> {
  const names = new UserNames(groups);
  const redis = kind === 'redis' ? await startRedis() : null;
  if (redis !== null) onTestFinished(() => redis.kill());
  const store =
    redis === null
      ? new EmbeddedStore(':memory:', names)
      : await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 }, names);
  onTestFinished(() => store.close());
  return store;
}

const LOGINS = [
  'dave',
  'DAVE',
  'X\\dave',
  'EAST\\dave',
  'dave@eas.test',
  'X\\dave@eas.test',
  'dave@corp.eas.test',
];
const OTHERS = ['dave@other.test', 'davey', 'bob'];
/** The spellings of each list mean the same user by the table; the others meet but for two DNS domains. */
const EXACT: Readonly<Record<'none' | 'groups' | 'alias', readonly (readonly string[])[]>> = {
  none: [
    ['dave', 'DAVE'],
    ['X\\dave'],
    ['EAST\\dave'],
    ['dave@eas.test', 'X\\dave@eas.test'],
    ['dave@corp.eas.test'],
  ],
  groups: [
    ['dave', 'DAVE'],
    ['X\\dave'],
    ['EAST\\dave', 'dave@eas.test', 'X\\dave@eas.test', 'dave@corp.eas.test'],
  ],
  alias: [
    ['dave', 'DAVE', 'X\\dave', 'dave@eas.test', 'X\\dave@eas.test'],
    ['EAST\\dave'],
    ['dave@corp.eas.test'],
  ],
};
const GROUPS = [['eas.test', 'corp.eas.test', 'EAST']];
type Setting = keyof typeof EXACT;

function isExact(setting: Setting, a: string, b: string): boolean {
  return a === b || EXACT[setting].some((group) => group.includes(a) && group.includes(b));
}

/** By an alias a name may be any name of its user; a group of domains stands for its first one. */
function mayBe(setting: Setting, a: string, b: string): boolean {
  if (isExact(setting, a, b)) return true;
  const suffix = (login: string): string =>
    setting === 'groups' && isExact(setting, login, 'dave@eas.test')
      ? 'eas.test'
      : ((login.split('\\').at(-1) ?? '').split('@')[1] ?? '');
  const spelled = (login: string): readonly string[] =>
    setting === 'alias' ? (EXACT.alias.find((group) => group.includes(login)) ?? [login]) : [login];
  const apart = (one: string, other: string): boolean =>
    suffix(one) !== '' && suffix(other) !== '' && suffix(one) !== suffix(other);
  return spelled(a).some((one) => spelled(b).some((other) => !apart(one, other)));
}

describe('a mail address without its @', () => {
  // cPanel signs in `dave+eas.test`, vpopmail and Courier `dave%eas.test`; a block of `dave@eas.test` was void for both.
  it.each(['dave+eas.test', 'dave%eas.test', 'Dave%EAS.test', 'X\\dave+eas.test'])(
    'is the same user: %s',
    (login) => {
      expect(named(login)).toBe(named('dave@eas.test'));
    },
  );

  it.each(['dave+sales', 'dave%', 'dave+x@eas.test', '+eas.test'])('is not just any name: %s', (login) => {
    expect(named(login)).toBe(login);
  });
});

describe.each(STORES)('with the %s store', (kind) => {
  it.each(['none', 'groups', 'alias'] as const)(
    'decides each login by a decision on each spelling: %s',
    async (setting) => {
      const store = await openStore(kind, setting === 'groups' ? GROUPS : []);
      if (setting === 'alias') {
        const aliases = ['X\\dave', 'dave@eas.test'].map(named);
        await store.putUsers([userReport(named('dave'), { aliases, groups: [] })]);
      }
      const verdicts = async (decided: string, made: ManualDecision, policy: CompiledPolicy) => {
        const { user } = await store.lookup(named(decided), PHONE);
        await store.decide({ user: user, device: PHONE }, made, BY_TEST);
        const found = new Map<string, string>();
        for (const login of [...LOGINS, ...OTHERS]) {
          const facts = await store.lookup(named(login), PHONE);
          const access = readAccess(facts, { user: login, device: PHONE, deviceType: null }, Date.now());
          found.set(login, decideAccess(policy, access, Date.now()).action);
        }
        await store.decide({ user: user, device: PHONE }, null, BY_TEST);
        return found;
      };
      for (const decided of LOGINS) {
        const { user } = await store.lookup(named(decided), PHONE);
        const blocked = await verdicts(decided, decision('block'), POLICY);
        const quarantined = await verdicts(decided, decision('quarantine'), POLICY);
        const allowed = await verdicts(decided, decision('allow'), STRICT);
        const wiped = await verdicts(decided, wipeDecision(5, 'accountWipe', user, PHONE), POLICY);
        for (const login of LOGINS) {
          const [exact, meets] = [isExact(setting, decided, login), mayBe(setting, decided, login)];
          expect([decided, login, blocked.get(login)]).toEqual([decided, login, meets ? 'block' : 'allow']);
          expect([decided, login, quarantined.get(login)]).toEqual([
            decided,
            login,
            meets ? 'quarantine' : 'allow',
          ]);
          expect([decided, login, allowed.get(login)]).toEqual([
            decided,
            login,
            exact ? 'allow' : 'quarantine',
          ]);
          const outcome = exact ? 'accountWipe' : meets ? 'block' : 'allow';
          expect([decided, login, wiped.get(login)]).toEqual([decided, login, outcome]);
        }
        for (const login of ['davey', 'bob'])
          expect([decided, blocked.get(login)]).toEqual([decided, 'allow']);
      }
    },
  );

  it('a block of one spelling ends the poll that another holds, and the phone stays out', async () => {
    const office: Office = await openOffice(kind, {
      policy: { unknownDevice: 'allow' },
      identity: { domains: [['example.com', 'CORP']] },
    });
    onTestFinished(() => office.close());
    const clients = ['alice', 'X\\alice', 'alice@example.com', 'CORP\\alice'].map(
      (user) => new EasClient({ port: office.gateway.port, user, password: 'alice-pw', device: 'UB1' }),
    );
    onTestFinished(() => clients.forEach((client) => client.close()));
    for (const client of clients) expect((await client.folderSync()).easStatus).toBe('1');
    const polls = clients.map((client) => client.ping(600));
    await until(() => office.gateway.heldPolls() === clients.length, 'the polls to be held');
    await office.operator.decide(
      { user: 'corp\\alice' as UserKey, device: PHONE },
      decision('block'),
      BY_TEST,
    );
    for (const answer of await Promise.all(polls)) expect(answer.easStatus).toBe('7');
    for (const client of clients) expect((await client.folderSync()).easStatus).toBe('129');
    await office.heard(() =>
      office.operator.decide({ user: 'corp\\alice' as UserKey, device: PHONE }, null, BY_TEST),
    );
    for (const client of clients) expect((await client.folderSync()).easStatus).not.toBe('129');
  });

  it('an alias that joins two names ends the poll of the one that is blocked by it', async () => {
    const office = await openOffice(kind, { policy: { unknownDevice: 'allow' } });
    onTestFinished(() => office.close());
    const client = new EasClient({
      port: office.gateway.port,
      user: 'CORP\\alice',
      password: 'alice-pw',
      device: 'UB1',
    });
    onTestFinished(() => client.close());
    await office.operator.decide({ user: 'a.smith' as UserKey, device: PHONE }, decision('block'), BY_TEST);
    expect((await client.folderSync()).easStatus).toBe('1');
    const poll = client.ping(600);
    await until(() => office.gateway.heldPolls() === 1, 'the poll to be held');
    const aliases = ['alice@example.com' as UserKey];
    await office.operator.putUsers([userReport('a.smith' as UserKey, { aliases, groups: [] })]);
    expect((await poll).easStatus).toBe('7');
    expect((await client.folderSync()).easStatus).toBe('129');
  });
});

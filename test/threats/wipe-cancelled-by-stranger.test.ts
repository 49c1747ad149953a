// Owns the promise that nobody but the phone that was ordered to wipe itself ends a wipe (MS-ASPROV 3.2.5.1.2: an
// acknowledgement follows an order that was sent). Threat: another owner of a mailbox, with a password of his own, says
// "done" for a device id that is not his; then the lost phone never gets the order.
import { Command } from 'commander';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { registerDevices } from '../../src/cli/commands/devices.ts';
import { fromXml, toXml } from '../../src/eas/wbxml/xml.ts';
import { deviceKey } from '../../src/identity/device.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { EasClient } from '../support/phones/eas-client.ts';
import type { EasAnswer, EasClientOptions } from '../support/phones/eas-client.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { STORES, openOffice } from '../support/servers/office.ts';
import type { Office, StoreKind } from '../support/servers/office.ts';
import { until } from '../support/checks/until.ts';
import { partnershipsOf } from '../support/servers/directory-records.ts';

checkLeaks();

const KEY = deviceKey('LOST1');
const HEX = Buffer.from('LOST1').toString('hex').toUpperCase();
const alice = 'alice' as UserKey;
const bob = 'bob' as UserKey;

let office: Office;

function phone(user = 'alice', more: Partial<EasClientOptions> = {}, port = office.gateway.port): EasClient {
  const password = user.includes('bob') ? 'bob-pw' : 'alice-pw';
  const client = new EasClient({ port, user, password, device: 'LOST1', version: '16.1', ...more });
  onTestFinished(() => client.close());
  return client;
}

const provision = (client: EasClient, inner = ''): Promise<EasAnswer> =>
  client.command('Provision', fromXml(`<Provision xmlns="Provision:">${inner}</Provision>`));
const xml = ({ tree }: EasAnswer): string => (tree === undefined ? '' : toXml(tree));
const DONE = '<RemoteWipe><Status>1</Status></RemoteWipe>';
const FAILED = '<RemoteWipe><Status>2</Status></RemoteWipe>';
const ACCOUNT_DONE = '<AccountOnlyRemoteWipe><Status>1</Status></AccountOnlyRemoteWipe>';
const ordered = (answer: EasAnswer): boolean => /<(?:AccountOnly)?RemoteWipe\/>/.test(xml(answer));

async function begin(kind: StoreKind, ...users: string[]): Promise<void> {
  office = closeAtEnd(await openOffice(kind, { policy: { unknownDevice: 'allow' } }));
  for (const user of users) expect((await phone(user).folderSync()).status).toBe(200);
  await seen(users.length);
}

async function seen(count: number): Promise<void> {
  await until(async () => (await partnershipsOf(office.operator)).length === count, 'the phones to be known');
}

/** The order as the operator gives it. */
async function wipe(...words: string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-threat-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'easgate.yaml');
  writeFileSync(file, JSON.stringify({ store: office.store }));
  const program = new Command('easgate').option('--config <file>').exitOverride();
  registerDevices(program);
  const silent = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    await office.heard(async () => {
      const order = ['devices', 'wipe', 'LOST1', '--reason', 'lost', '--confirm', 'LOST1', ...words];
      await program.parseAsync(['--config', file, ...order], { from: 'user' });
    });
  } finally {
    silent.mockRestore();
  }
}

const state = async (user: UserKey | null = null): Promise<string | undefined> => {
  const found = await office.operator.lookup(user ?? alice, KEY);
  const decision = user === null ? found.deviceDecision : found.partnershipDecision;
  return decision !== null && 'wipe' in decision ? decision.wipe.state : undefined;
};

describe.each(STORES)('with the %s store, a wipe of a device', (kind) => {
  it.each([DONE, FAILED])(
    'is not answered by the owner of another mailbox, nor as his first request: %s',
    async (answer) => {
      await begin(kind, 'alice');
      await wipe();
      const mallory = phone('bob');
      const replies = [
        await provision(mallory, answer),
        await mallory.folderSync(),
        await provision(mallory, answer),
      ];
      expect(replies.map(ordered)).toEqual([false, false, false]);
      expect(replies.map(({ easStatus }) => easStatus)).toEqual(['129', '129', '129']);
      expect(await state()).toBe('pending');
      // Also once he is known, and under another version.
      await seen(2);
      expect(ordered(await provision(phone('bob', { version: '14.1' }), answer))).toBe(false);
      expect(await state()).toBe('pending');
      expect(ordered(await provision(phone()))).toBe(true);
      expect(xml(await provision(phone(), DONE))).not.toContain('RemoteWipe');
      expect(await state()).toBe('acknowledged');
    },
  );

  it('is not acknowledged by a phone that was not told: it gets the order', async () => {
    await begin(kind, 'alice');
    await wipe();
    expect(ordered(await provision(phone(), DONE))).toBe(true);
    expect(await state()).toBe('pending');
    expect(ordered(await provision(phone(), DONE))).toBe(false);
    expect(await state()).toBe('acknowledged');
  });

  it('is acknowledged at another gateway than the one that sent the order', async () => {
    await begin(kind, 'alice');
    await wipe();
    expect(ordered(await provision(phone()))).toBe(true);
    const node = await office.node();
    expect(ordered(await provision(phone('alice', {}, node.port), DONE))).toBe(false);
    expect(await state()).toBe('acknowledged');
  });

  it('is told to every user that the id was seen with, when the operator says so, and one answer ends it', async () => {
    await begin(kind, 'alice', 'bob');
    await expect(wipe()).rejects.toMatchObject({ code: 'EASGATE_WIPE_USER' });
    await wipe('--all-users');
    expect(ordered(await provision(phone('bob'), DONE))).toBe(true);
    expect(ordered(await provision(phone()))).toBe(true);
    // Bob's was told of it by now; alice's answer is recorded as hers.
    await provision(phone(), DONE);
    const decision = (await office.operator.lookup(alice, KEY)).deviceDecision;
    expect(decision).toMatchObject({ wipe: { state: 'acknowledged', acknowledgedBy: alice } });
  });

  it.each([
    ['another login of the same mailbox', 'x\\alice', {}],
    ['the address', 'alice@example.com', {}],
    ['the id in hex', 'alice', { device: HEX }],
    ['the id in a base64 query', 'alice', { query: 'base64' }],
  ] as const)('is neither told to %s nor ended by it, and keeps it out', async (_what, user, more) => {
    await begin(kind, 'alice');
    await wipe();
    const other = phone(user, more);
    for (const answer of [await provision(other), await provision(other, DONE), await other.folderSync()]) {
      expect([ordered(answer), answer.easStatus]).toEqual([false, '129']);
    }
    expect(await state()).toBe('pending');
    expect(ordered(await provision(phone()))).toBe(true);
    expect((await provision(other, DONE)).easStatus).toBe('129');
    expect(await state()).toBe('pending');
  });

  it('is told under every spelling of the id that was seen before it', async () => {
    await begin(kind, 'alice');
    await phone('alice', { device: HEX }).folderSync();
    const spellings = async () => (await office.operator.lookup(alice, KEY)).partnership?.spellings;
    await until(async () => (await spellings())?.length === 2, 'the second spelling to be known');
    expect(await spellings()).toEqual([KEY, Buffer.from(KEY).toString('hex')]);
    await wipe();
    expect(ordered(await provision(phone('alice', { device: HEX })))).toBe(true);
    expect(ordered(await provision(phone(), DONE))).toBe(false);
    expect(await state()).toBe('acknowledged');
  });
});

describe.each(STORES)('with the %s store, a wipe of an account', (kind) => {
  it('is not answered by another user, nor under another name, and both stay out where the name may be hers', async () => {
    await begin(kind, 'alice', 'bob');
    await wipe('--account-only', '--user', 'alice');
    for (const other of ['x\\alice', 'alice@example.com']) {
      const answer = await provision(phone(other), ACCOUNT_DONE);
      expect([other, ordered(answer), answer.easStatus]).toEqual([other, false, '129']);
      expect((await phone(other).folderSync()).easStatus).toBe('129');
    }
    expect((await phone('bob').folderSync()).easStatus).toBe('1');
    expect(ordered(await provision(phone('bob'), ACCOUNT_DONE))).toBe(false);
    expect(await state(alice)).toBe('pending');
    expect(ordered(await provision(phone(), ACCOUNT_DONE))).toBe(true);
    await office.heard(() => provision(phone(), ACCOUNT_DONE));
    expect(await state(alice)).toBe('acknowledged');
    expect(await state(bob)).toBeUndefined();
    for (const other of ['alice', 'x\\alice', 'alice@example.com'])
      expect((await phone(other).folderSync()).easStatus).toBe('129');
  });
});

// Owns `easgate devices`: what the directory knows of devices, and decisions by hand.
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { DeviceListing, DirectoryStore, PartnershipListing } from '../directory/store.ts';
import { deviceAliases, deviceKey } from '../identity/device.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { isUserError, userKey } from '../identity/user.ts';
import type { AccessDecision, ManualDecision } from '../policy/model.ts';
import { CommandError, withStore } from './context.ts';
import { table } from './table.ts';

interface DecideOptions {
  readonly user?: string;
  readonly reason?: string;
  readonly owner?: string;
  readonly expires?: string;
}

interface SetOptions {
  readonly managed?: string;
  readonly compliant?: string;
  readonly model?: string;
  readonly os?: string;
  readonly source: string;
}

const ACTIONS: readonly AccessDecision['action'][] = ['allow', 'block', 'quarantine'];

/** Registers `devices` and its subcommands. */
export function registerDevices(program: Command): void {
  const devices = program.command('devices').description('what is known of devices, and decisions by hand');

  devices
    .command('list')
    .description('all devices and partnerships')
    .option('--user <user>', 'only partnerships of this user')
    .option('--json', 'one JSON document')
    .action(async (options: { user?: string; json?: true }, command: Command) => {
      await withStore(command, async (store) => {
        const listing = await collect(store, options.user === undefined ? null : parseUser(options.user));
        process.stdout.write(options.json ? JSON.stringify(listing, null, 2) + '\n' : listTable(listing));
      });
    });

  devices
    .command('show')
    .argument('<device>', 'device id')
    .description('one device in full')
    .option('--json', 'one JSON document')
    .action(async (id: string, options: { json?: true }, command: Command) => {
      await withStore(command, async (store) => {
        const key = parseDevice(id);
        const device = await store.getDevice(key);
        const partnerships = (await store.listPartnerships()).filter(({ record }) => record.device === key);
        if (device === null && partnerships.length === 0) throw await notFound(store, key);
        const shown = {
          key,
          aliases: deviceAliases(key),
          record: device?.record ?? null,
          decision: device?.decision ?? null,
          partnerships,
        };
        process.stdout.write(options.json ? JSON.stringify(shown, null, 2) + '\n' : showText(shown));
      });
    });

  for (const action of ACTIONS) {
    devices
      .command(action)
      .argument('<device>', 'device id')
      .description(`${action} a device, or one user on it`)
      .option('--user <user>', 'only for this user')
      .option('--reason <text>', 'why')
      .option('--owner <name>', 'who decides; default: the login name')
      .option('--expires <when>', 'until then: 30m, 12h, 7d, or a date')
      .action(async (id: string, options: DecideOptions, command: Command) => {
        await withStore(command, async (store) => {
          await decide(store, parseDevice(id), options.user, readDecision(action, options));
          process.stdout.write(`${action}: ${target(id, options.user)}\n`);
        });
      });
  }

  devices
    .command('clear')
    .argument('<device>', 'device id')
    .description('take a decision back')
    .option('--user <user>', 'only for this user')
    .action(async (id: string, options: { user?: string }, command: Command) => {
      await withStore(command, async (store) => {
        await decide(store, parseDevice(id), options.user, null);
        process.stdout.write(`cleared: ${target(id, options.user)}\n`);
      });
    });

  devices
    .command('set')
    .argument('<device>', 'device id')
    .description('write what a feed would report of a device')
    .option('--managed <yes>', 'true or false')
    .option('--compliant <yes>', 'true or false')
    .option('--model <text>', 'model')
    .option('--os <text>', 'operating system')
    .option('--source <name>', 'name of the feed', 'cli')
    .action(async (id: string, options: SetOptions, command: Command) => {
      await withStore(command, async (store) => {
        const key = parseDevice(id);
        const before = (await store.getDevice(key))?.record ?? null;
        const now = Date.now();
        await store.putDevice({
          key,
          managed: parseFlag(options.managed, '--managed') ?? before?.managed ?? null,
          compliant: parseFlag(options.compliant, '--compliant') ?? before?.compliant ?? null,
          model: options.model ?? before?.model ?? null,
          os: options.os ?? before?.os ?? null,
          encrypted: before?.encrypted ?? null,
          compromised: before?.compromised ?? null,
          owner: before?.owner ?? null,
          lastCheckIn: now,
          source: options.source,
          version: now,
          observedAt: now,
        });
        process.stdout.write(`set: ${key}\n`);
      });
    });
}

/**
 * A phone may come under another spelling of its id. A block of a hex id is also written under the text it spells, whose
 * capitals the hex form alone remembers; clearing takes both back.
 */
async function decide(
  store: DirectoryStore,
  device: DeviceKey,
  user: string | undefined,
  decision: ManualDecision | null,
): Promise<void> {
  const name = user === undefined ? null : parseUser(user);
  const canonical = name === null ? null : (await store.lookup(name, [device])).user;
  const spelled = deviceAliases(device).filter((alias) => alias.length < device.length);
  for (const key of decision === null || decision.action === 'block' ? [device, ...spelled] : [device]) {
    await store.decide(canonical, key, decision);
  }
}

function readDecision(action: AccessDecision['action'], options: DecideOptions): AccessDecision {
  return {
    action,
    owner: options.owner ?? userInfo().username,
    reason: options.reason ?? null,
    decidedAt: Date.now(),
    expiresAt: options.expires === undefined ? null : parseExpiry(options.expires),
  };
}

function parseExpiry(text: string): number {
  const match = /^([1-9][0-9]{0,5})([mhd])$/.exec(text);
  const unit = { m: 60_000, h: 3_600_000, d: 86_400_000 }[match?.[2] ?? ''] ?? 0;
  const at = match === null ? Date.parse(text) : Date.now() + Number(match[1]) * unit;
  if (!Number.isFinite(at) || at <= Date.now()) {
    throw new CommandError('EASGATE_EXPIRY', `--expires ${text}: neither a span like 7d nor a date to come`);
  }
  return at;
}

function parseFlag(text: string | undefined, name: string): boolean | null {
  if (text === undefined) return null;
  if (text !== 'true' && text !== 'false')
    throw new CommandError('EASGATE_FLAG', `${name} takes true or false`);
  return text === 'true';
}

/** The key of a device id typed by a person. */
export function parseDevice(id: string): DeviceKey {
  if (!/^[A-Za-z0-9]{1,64}$/.test(id)) {
    throw new CommandError('EASGATE_DEVICE_ID', `${id}: a device id is letters and digits`);
  }
  return deviceKey(id);
}

/** The key of a user name typed by a person, in any of its spellings. */
export function parseUser(name: string): UserKey {
  const key = userKey(name);
  if (isUserError(key)) throw new CommandError(key, `${name}: not a user name`);
  return key;
}

function target(id: string, user: string | undefined): string {
  return user === undefined ? deviceKey(id) : `${parseUser(user)} on ${deviceKey(id)}`;
}

async function notFound(store: DirectoryStore, key: DeviceKey): Promise<CommandError> {
  const spellings = new Set<string>(deviceAliases(key));
  const near = (await collect(store, null)).filter(
    (row) => spellings.has(row.device) || row.device.startsWith(key.slice(0, 6)),
  );
  const hint =
    near.length === 0 ? '' : `; near: ${[...new Set(near.map((row) => row.device))].slice(0, 5).join(', ')}`;
  return new CommandError('EASGATE_NOT_FOUND', `no device ${key}${hint}`);
}

interface ListRow {
  readonly device: DeviceKey;
  readonly user: UserKey | null;
  readonly listing: DeviceListing | null;
  readonly partnership: PartnershipListing | null;
}

async function collect(store: DirectoryStore, user: UserKey | null): Promise<ListRow[]> {
  const devices = new Map((await store.listDevices()).map((listing) => [listing.key, listing]));
  const partnerships = (await store.listPartnerships()).filter(
    ({ record }) => user === null || record.user === user,
  );
  const rows: ListRow[] = partnerships.map((partnership) => ({
    device: partnership.record.device,
    user: partnership.record.user,
    listing: devices.get(partnership.record.device) ?? null,
    partnership,
  }));
  if (user === null) {
    const paired = new Set(rows.map((row) => row.device));
    for (const [device, listing] of devices) {
      if (!paired.has(device)) rows.push({ device, user: null, listing, partnership: null });
    }
  }
  return rows.sort((a, b) => a.device.localeCompare(b.device) || (a.user ?? '').localeCompare(b.user ?? ''));
}

function listTable(rows: readonly ListRow[]): string {
  if (rows.length === 0) return 'no devices\n';
  return table(
    ['DEVICE', 'USER', 'TYPE', 'MANAGED', 'COMPLIANT', 'DECISION', 'LAST VERDICT', 'LAST SEEN'],
    rows.map(({ device, user, listing, partnership }) => [
      device,
      user ?? '-',
      partnership?.record.deviceType ?? listing?.record?.model ?? '-',
      yesNo(listing?.record?.managed),
      yesNo(listing?.record?.compliant),
      partnership?.decision?.action ?? listing?.decision?.action ?? '-',
      partnership === null ? '-' : `${partnership.record.lastVerdict} (${partnership.record.lastReason})`,
      partnership === null ? '-' : new Date(partnership.record.lastSeen).toISOString(),
    ]),
  );
}

function yesNo(value: boolean | null | undefined): string {
  return value === null || value === undefined ? '?' : value ? 'yes' : 'no';
}

function showText(shown: object): string {
  return Object.entries(shown)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value, null, 2)}`)
    .join('\n')
    .concat('\n');
}

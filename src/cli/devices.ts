// Owns `easgate devices`: what the directory knows of devices, and decisions by hand.
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { DeviceListing, DirectoryStore, PartnershipListing } from '../directory/store.ts';
import { deviceAliases } from '../identity/device.ts';
import type { DeviceKey } from '../identity/keys.ts';
import type { AccessDecision } from '../policy/model.ts';
import { isOpenWipe, isWipe } from '../policy/wipe.ts';
import { CommandError, withStore } from './context.ts';
import { canonicalUser, changeDecision, decisionText, storedDecision, wipeText } from './decisions.ts';
import { parseDevice, parseUser, target } from './device-names.ts';
import { collect, modelOf, notFound, printable } from './inventory.ts';
import type { ListRow } from './inventory.ts';
import { table } from './table.ts';
import { registerWipe } from './wipe.ts';

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
  readonly requirement?: readonly string[];
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
          ...(device?.unreadable === undefined ? {} : { unreadable: device.unreadable }),
          decision: device?.decision ?? null,
          partnerships,
        };
        const wipes = [
          { user: null, decision: shown.decision },
          ...partnerships.map(({ record, decision }) => ({ user: record.user, decision })),
        ].flatMap(({ user, decision }) =>
          isWipe(decision) ? [`${target(key, user)}: ${wipeText(decision)}`] : [],
        );
        process.stdout.write(
          options.json
            ? JSON.stringify(shown, null, 2) + '\n'
            : showText({ ...shown, ...(wipes.length === 0 ? {} : { wipe: wipes.join('; ') }) }),
        );
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
          const device = parseDevice(id);
          const user = await canonicalUser(store, device, options.user);
          await changeDecision(store, device, user, readDecision(action, options), false);
          process.stdout.write(`${action}: ${target(device, user)}\n`);
        });
      });
  }

  devices
    .command('clear')
    .argument('<device>', 'device id')
    .description('take a decision back')
    .option('--user <user>', 'only for this user')
    .option('--force', 'also a wipe that the device acknowledged: lets it in again')
    .action(async (id: string, options: { user?: string; force?: true }, command: Command) => {
      await withStore(command, async (store) => {
        const device = parseDevice(id);
        const user = await canonicalUser(store, device, options.user);
        const before = await storedDecision(store, device, user);
        await changeDecision(store, device, user, null, options.force === true);
        const taken = isWipe(before) ? ` (was: ${wipeText(before)})` : '';
        process.stdout.write(`cleared: ${target(device, user)}${taken}\n${await wipesLeft(store, device)}`);
      });
    });

  registerWipe(devices);

  devices
    .command('set')
    .argument('<device>', 'device id')
    .description('write what a feed would report of a device')
    .option('--managed <yes>', 'true or false')
    .option('--compliant <yes>', 'true or false')
    .option('--model <text>', 'model')
    .option('--os <text>', 'operating system')
    .option(
      '--requirement <text...>',
      'requirements it does not meet, e.g. encryption minimumOs; shown to its user',
    )
    .option('--source <name>', 'name of the feed', 'cli')
    .action(async (id: string, options: SetOptions, command: Command) => {
      await withStore(command, async (store) => {
        const key = parseDevice(id);
        const before = (await store.getDevice(key))?.record ?? null;
        const now = Date.now();
        const compliant = parseFlag(options.compliant, '--compliant') ?? before?.compliant ?? null;
        const unmet = options.requirement ?? before?.unmetRequirements ?? [];
        await store.putDevice({
          key,
          managed: parseFlag(options.managed, '--managed') ?? before?.managed ?? null,
          compliant,
          model: options.model ?? before?.model ?? null,
          os: options.os ?? before?.os ?? null,
          encrypted: before?.encrypted ?? null,
          compromised: before?.compromised ?? null,
          owner: before?.owner ?? null,
          lastCheckIn: now,
          source: options.source,
          version: now,
          observedAt: now,
          unmetRequirements: compliant === true ? [] : unmet,
        });
        process.stdout.write(`set: ${key}\n`);
      });
    });
}

/** Who takes one wipe back must not believe that another one is gone too. */
async function wipesLeft(store: DirectoryStore, device: DeviceKey): Promise<string> {
  return (await collect(store, null))
    .filter((row) => row.device === device)
    .flatMap(({ user, listing, partnership }) => [
      { user: null, decision: listing?.decision ?? null },
      { user, decision: partnership?.decision ?? null },
    ])
    .flatMap(({ user, decision }) =>
      isOpenWipe(decision) ? [`still to be wiped: ${target(device, user)}: ${wipeText(decision)}\n`] : [],
    )
    .filter((line, index, lines) => lines.indexOf(line) === index)
    .join('');
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

function listTable(rows: readonly ListRow[]): string {
  if (rows.length === 0) return 'no devices\n';
  return table(
    ['DEVICE', 'USER', 'TYPE', 'MODEL', 'MANAGED', 'COMPLIANT', 'DECISION', 'LAST VERDICT', 'LAST SEEN'],
    rows.map(({ device, user, listing, partnership }) => [
      device,
      user ?? '-',
      printable(partnership?.record.deviceType ?? null, '-'),
      printable(modelOf(listing, partnership), '-'),
      yesNo(listing?.record?.managed),
      yesNo(listing?.record?.compliant),
      unreadableText(listing, partnership) ??
        decisionText(partnership?.decision ?? null, listing?.decision ?? null),
      partnership === null ? '-' : `${partnership.record.lastVerdict} (${partnership.record.lastReason})`,
      partnership === null ? '-' : new Date(partnership.record.lastSeen).toISOString(),
    ]),
  );
}

/** Null = all is understood. */
function unreadableText(
  listing: DeviceListing | null,
  partnership: PartnershipListing | null,
): string | null {
  const names = [...(listing?.unreadable ?? []), ...(partnership?.unreadable ?? [])];
  return names.length === 0 ? null : `not understood: ${printable(names.join(', '))}`;
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

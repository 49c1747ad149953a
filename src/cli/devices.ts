// Owns `easgate devices`: what the directory knows of devices, and decisions by hand.
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import type { DeviceListing, DirectoryStore, PartnershipListing } from '../directory/store.ts';
import { otherSpellings } from '../identity/device.ts';
import type { DeviceKey } from '../identity/keys.ts';
import type { AccessDecision, ManualDecision } from '../policy/model.ts';
import { isOpenWipe, isWipe } from '../policy/wipe.ts';
import { CommandError, withStore } from './context.ts';
import { acquaintanceOf, coverage, replacedText, warnings } from './coverage.ts';
import { canonicalUser, clear, clearCommand, decide, decidedOn, decisive, wipeText } from './decisions.ts';
import { parseDevice, parseUser, target } from './device-names.ts';
import { collect, modelOf, notFound, printable } from './inventory.ts';
import type { ListRow } from './inventory.ts';
import { table } from './table.ts';
import { isoTime, jsonText, parseMomentToCome, withIsoTimes } from './times.ts';
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
        process.stdout.write(options.json ? jsonText(listing) : listTable(listing));
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
          aliases: otherSpellings(key),
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
            ? jsonText(shown)
            : `${wipes.map((text) => `wipe: ${text}\n`).join('')}${showText(shown)}`,
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
      .option(
        '--expires <when>',
        'so long (30m, 12h, 7d, 1w), or until a date (2026-12-31, 2026-12-31T18:00Z)',
      )
      .action(async (id: string, options: DecideOptions, command: Command) => {
        await withStore(command, async (store) => {
          const device = parseDevice(id);
          const user = await canonicalUser(store, device, options.user);
          const seen = await acquaintanceOf(store, device);
          const replaced = await decide(store, device, user, readDecision(action, options));
          for (const warning of warnings(store, seen, user))
            process.stderr.write(`easgate: warning: ${warning}\n`);
          const lines = [...replacedText(device, replaced), ...(await coverage(store, seen, user, action))];
          process.stdout.write(`${action}: ${target(device, user)}\n${indented(lines)}`);
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
        const taken = await clear(store, device, user, options.force === true);
        const lines = taken.map(
          (stored) => `cleared: ${target(device, stored.user)} (was: ${wipeText(stored.decision)})\n`,
        );
        if (lines.length === 0) lines.push(`nothing to clear: no decision on ${target(device, user)}\n`);
        process.stdout.write(lines.join('') + (await decisionsLeft(store, device)));
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

/** Who takes one decision back must not believe that the others are gone too. */
async function decisionsLeft(store: DirectoryStore, device: DeviceKey): Promise<string> {
  return (await decidedOn(store, device))
    .map(({ user, decision }) => {
      const state = isOpenWipe(decision) ? 'still to be wiped' : 'still decided';
      const more = isWipe(decision) && !isOpenWipe(decision) ? ' --force' : '';
      const clear = `${clearCommand(device, user)}${more}`;
      return `${state}: ${target(device, user)}: ${wipeText(decision)}; to take it back: ${clear}\n`;
    })
    .join('');
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}\n`).join('');
}

function readDecision(action: AccessDecision['action'], options: DecideOptions): AccessDecision {
  return {
    action,
    owner: options.owner ?? userInfo().username,
    reason: options.reason ?? null,
    decidedAt: Date.now(),
    expiresAt: options.expires === undefined ? null : parseMomentToCome(options.expires, '--expires'),
  };
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
    [
      'DEVICE',
      'USER',
      'TYPE',
      'MODEL',
      'MANAGED',
      'COMPLIANT',
      'LAST VERDICT',
      'LAST SEEN',
      'DECISION',
      'UNTIL',
      'BY',
      'REASON',
    ],
    rows.map(({ device, user, listing, partnership }) => [
      device,
      user ?? '-',
      printable(partnership?.record.deviceType ?? null, '-'),
      printable(modelOf(listing, partnership), '-'),
      yesNo(listing?.record?.managed),
      yesNo(listing?.record?.compliant),
      partnership === null ? '-' : `${partnership.record.lastVerdict} (${partnership.record.lastReason})`,
      partnership === null ? '-' : isoTime(partnership.record.lastSeen),
      ...(unreadableCells(listing, partnership) ??
        decisionCells(decisive(partnership?.decision ?? null, listing?.decision ?? null))),
    ]),
  );
}

/** Null = all is understood. */
function unreadableCells(
  listing: DeviceListing | null,
  partnership: PartnershipListing | null,
): string[] | null {
  const names = [...(listing?.unreadable ?? []), ...(partnership?.unreadable ?? [])];
  return names.length === 0 ? null : [`not understood: ${printable(names.join(', '))}`, '-', '-', '-'];
}

function decisionCells(decision: ManualDecision | null): string[] {
  if (decision === null) return ['-', '-', '-', '-'];
  const { expiresAt, owner, reason } = decision;
  const over = expiresAt !== null && expiresAt <= Date.now() ? ' (over)' : '';
  return [
    wipeText(decision),
    expiresAt === null ? '-' : `${isoTime(expiresAt)}${over}`,
    printable(owner),
    printable(reason, '-'),
  ];
}

function yesNo(value: boolean | null | undefined): string {
  return value === null || value === undefined ? '?' : value ? 'yes' : 'no';
}

/** As YAML, which is read as it stands and escapes what a terminal would obey; unknown values are left out. */
function showText(shown: object): string {
  return stringify(withIsoTimes(shown), (_key, value: unknown) => value ?? undefined, { lineWidth: 0 });
}

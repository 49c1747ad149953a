// Owns `easgate devices wipe`: what an operator sees before a device is erased, and how they confirm it.
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { MAX_WIPE_PARTNERSHIPS } from '../directory/one-key.ts';
import type { PartnershipRecord } from '../directory/records.ts';
import type { DeviceListing, DirectoryStore, PartnershipListing } from '../directory/store.ts';
import { clientFamily } from '../eas/refusals.ts';
import { deviceKey } from '../identity/device.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { WipeDecision } from '../policy/model.ts';
import { CommandError, withStore } from './context.ts';
import { canonicalUser, decisionText, overwrite, refuseOverWipe, storedDecisions } from './decisions.ts';
import type { Decided } from './decisions.ts';
import { parseDevice, target } from './device-names.ts';
import { notFound, printable } from './inventory.ts';
import { table } from './table.ts';
import { isoTime } from './times.ts';

interface WipeOptions {
  readonly reason: string;
  readonly user?: string;
  readonly owner?: string;
  readonly accountOnly?: true;
  readonly allUsers?: true;
  readonly confirm?: string;
}

/** The only version whose clients know a wipe of the account alone (MS-ASPROV 2.2.2.1). */
const ACCOUNT_ONLY_VERSION = '16.1';

/** Registers `wipe` below `devices`. */
export function registerWipe(devices: Command): void {
  devices
    .command('wipe')
    .argument('<device>', 'device id')
    .description('have a device erased, or only what it holds of one account')
    .requiredOption('--reason <text>', 'why')
    .option('--user <user>', 'tell the device only when this user asks for mail')
    .option('--all-users', 'of an id that several users were seen with, whichever of them asks for mail')
    .option('--account-only', 'only the mail account of one user (clients of 16.1)')
    .option('--owner <name>', 'who decides; default: the login name')
    .option('--confirm <device>', 'the device id once more, for scripts; else it is asked for')
    .action(async (id: string, options: WipeOptions, command: Command) => {
      await withStore(command, (store) => wipe(store, parseDevice(id), options));
    });
}

async function wipe(store: DirectoryStore, device: DeviceKey, options: WipeOptions): Promise<void> {
  if (options.reason.trim() === '') throw new CommandError('EASGATE_REASON', 'a wipe needs a --reason');
  const listing = await store.getDevice(device);
  const partnerships = (await store.listPartnerships()).filter(({ record }) => record.device === device);
  if (listing === null && partnerships.length === 0) throw await notFound(store, device);
  const user = await chooseUser(store, device, partnerships, options);
  await refuseOverWipe(store, device, user);
  const before = await storedDecisions(store, device, user);
  const named = namedBy(store, partnerships, user);
  process.stdout.write(
    summary(device, listing, partnerships, user, before, options.accountOnly === true, named),
  );
  await confirm(device, options.confirm);
  const now = Date.now();
  const decision: WipeDecision = {
    action: options.accountOnly === true ? 'accountWipe' : 'wipe',
    owner: options.owner ?? userInfo().username,
    reason: options.reason,
    decidedAt: now,
    expiresAt: null,
    wipe: {
      requestedAt: now,
      partnerships: named.map(({ record }) => ({
        user: record.user,
        spellings: record.spellings,
        toldAt: null,
      })),
      state: 'pending',
      acknowledgedAt: null,
      deviceStatus: null,
      acknowledgedBy: null,
    },
  };
  await overwrite(store, device, user, before, decision);
  process.stdout.write(`${decisionText(decision, null)}: ${target(device, user)}\n`);
}

/** The partnerships that the wipe names: those known now, the first seen first. */
function namedBy(
  store: DirectoryStore,
  partnerships: readonly PartnershipListing[],
  user: UserKey | null,
): PartnershipListing[] {
  return partnerships
    .filter(({ record }) => user === null || store.names.same(record.user, user))
    .sort((a, b) => a.record.firstSeen - b.record.firstSeen)
    .slice(0, MAX_WIPE_PARTNERSHIPS);
}

/** Whose partnership the wipe is written to; null = the device's, for all users. */
async function chooseUser(
  store: DirectoryStore,
  device: DeviceKey,
  partnerships: readonly PartnershipListing[],
  { user: name, accountOnly, allUsers }: WipeOptions,
): Promise<UserKey | null> {
  const users = partnerships.map(({ record }) => record.user);
  if (name === undefined && users.length > 1 && (accountOnly === true || allUsers !== true)) {
    const list = users.join(', ');
    const which =
      accountOnly === true
        ? 'whose account? (--user)'
        : 'whose phone? (--user, or --all-users for each of them)';
    throw new CommandError('EASGATE_WIPE_USER', `${device} is used by ${list}: ${which}`);
  }
  if (name === undefined && accountOnly !== true) return null;
  const user = (await canonicalUser(store, device, name)) ?? users[0];
  const seen = partnerships.filter(({ record }) => user !== undefined && store.names.same(record.user, user));
  if (user === undefined || seen.length === 0) {
    const who = user === undefined ? 'no user was ever' : `${user} was never`;
    const alike = users.filter((other) => user !== undefined && store.names.meets(other, user));
    const hint = alike.length === 0 ? '' : `; ${alike.join(', ')} was: a wipe is for exact names`;
    throw new CommandError('EASGATE_WIPE_USER', `${who} seen with ${device}${hint}`);
  }
  if (accountOnly === true) for (const { record } of seen) requireAccountOnly(record);
  return user;
}

function requireAccountOnly({ user, device, protocolVersion }: PartnershipRecord): void {
  if (protocolVersion === ACCOUNT_ONLY_VERSION) return;
  const version = protocolVersion === null ? 'an unknown protocol version' : `version ${protocolVersion}`;
  throw new CommandError(
    'EASGATE_WIPE_VERSION',
    `${target(device, user)} was last seen with ${version}: only clients of ${ACCOUNT_ONLY_VERSION} know an account-only ` +
      'wipe, older ones cannot be told; block the device, or wipe all of it',
  );
}

function summary(
  device: DeviceKey,
  listing: DeviceListing | null,
  partnerships: readonly PartnershipListing[],
  user: UserKey | null,
  before: readonly Decided[],
  accountOnly: boolean,
  named: readonly PartnershipListing[],
): string {
  const { model = null, os = null, owner = null } = listing?.record ?? {};
  const lines = [
    `device ${device}: model ${printable(model)}, system ${printable(os)}, owner ${printable(owner)}`,
  ];
  const rows = partnerships.map((seen) => {
    const { record } = seen;
    return [
      named.includes(seen) ? '=>' : '',
      printable(record.user),
      printable(record.deviceType),
      printable(record.model),
      printable(record.os),
      printable(record.imei),
      printable(record.userAgent),
      printable(record.protocolVersion),
      isoTime(record.lastSeen),
    ];
  });
  if (rows.length > 0)
    lines.push(
      table(
        ['', 'USER', 'TYPE', 'MODEL', 'SYSTEM', 'IMEI', 'CLIENT', 'VERSION', 'LAST SEEN'],
        rows,
      ).trimEnd(),
    );
  else lines.push('no user was seen with it yet: there is nobody to tell, whoever comes is kept out');
  for (const { decision } of before)
    lines.push(
      `Replaces "${decision.action}" by ${decision.owner}; taking the wipe back does not bring it back.`,
    );
  if (accountOnly) {
    lines.push(
      `This removes the account of ${user} from the device, when it next asks for mail.`,
      `Only clients of ${ACCOUNT_ONLY_VERSION} do it; others are kept out.`,
    );
  } else {
    lines.push(
      'This ERASES THE WHOLE DEVICE, private data too, when it next asks for mail. It cannot be undone.',
      ...(user === null ? [] : [`It is told so only when ${user} asks for mail.`]),
      'Who comes with this id otherwise, as another user or under another spelling of it, is kept out and told nothing.',
      ...(partnerships.some(({ record }) => isOutlookMobile(record))
        ? ['Outlook mobile obeys an account-only wipe alone.']
        : []),
    );
  }
  return lines.join('\n') + '\n';
}

function isOutlookMobile({ userAgent, deviceType }: PartnershipRecord): boolean {
  return clientFamily(userAgent, deviceType) === 'outlook';
}

async function confirm(device: DeviceKey, given: string | undefined): Promise<void> {
  if (given === undefined && !process.stdin.isTTY) {
    throw new CommandError('EASGATE_WIPE_CONFIRM', `nobody to ask here: add --confirm ${device}`);
  }
  const typed = given ?? (await ask('Type the device id to wipe it: ', process.stdin, process.stdout));
  if (typed === null || deviceKey(typed.trim()) !== device) {
    throw new CommandError('EASGATE_WIPE_CONFIRM', `not confirmed: that is not ${device}; nothing was done`);
  }
}

/** One line of an answer; null when the input ends before it. */
export function ask(
  question: string,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
): Promise<string | null> {
  const lines = createInterface({ input, output });
  return new Promise((resolve) => {
    lines.once('close', () => resolve(null));
    lines.question(question, (answer) => {
      resolve(answer);
      lines.close();
    });
  });
}

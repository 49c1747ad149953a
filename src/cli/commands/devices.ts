// Owns the definitions of `easgate devices`: look at devices, and decide about them by hand.
import { Option } from 'commander';
import type { Command } from 'commander';
import { INVENTORY_FIELDS } from '../../app/inventory.ts';
import { ACCESS_STATES } from '../../model/access-state.ts';
import type { AccessDecision } from '../../model/decision.ts';
import type { DecideOptions, SetOptions } from '../devices.ts';
import type { InventoryOptions } from '../inventory.ts';
import type { WipeOptions } from '../wipe.ts';
import { addExamples, addListOptions, words } from './options.ts';

const DECISIONS = ['allow', 'block', 'quarantine', 'wipe', 'accountWipe', 'none'];
const YES_NO = ['yes', 'no', 'unknown'];
/** What `--expires` takes. */
export const EXPIRES = 'so long (30m, 12h, 7d, 1w), or until a date (2026-12-31, 2026-12-31T18:00Z)';

/** Registers `devices` and its verbs. */
export function registerDevices(program: Command): void {
  const devices = program.command('devices').description('what is known of devices, and decisions by hand');
  registerLooks(devices);
  registerDecisions(devices);
  registerWipe(devices);
  registerSet(devices);
  addExamples(
    devices,
    ['devices list --state blocked,quarantined --seen 7d', 'who does not get mail, of those in use'],
    ['devices block LOSTPHONE3 --reason "stolen"', 'within a second, on every gateway of the directory'],
    ['devices clear LOSTPHONE3', 'back to what the policy says'],
  );
}

/** Adds the filters of `devices list` and `partnerships list`, and what every list takes. */
export function addInventoryOptions(command: Command): Command {
  command
    .option('--user <user>', 'every name that may be this user')
    .option('--device <id>', 'device id in any spelling, or with * and ?')
    .addOption(words('--state <states>', 'the verdict that the gateway last gave', ACCESS_STATES))
    .addOption(words('--reason <reasons>', 'its reason, as notCompliant'))
    .option('--seen <time>', 'seen in the last 30m, 12h, 7d, or since a date')
    .option('--not-seen <time>', 'not seen since then')
    .option('--type <type>', 'device type, as iPhone or Android*')
    .option('--model <model>', 'model, as iPhone15*')
    .option('--os <system>', 'operating system, as "iOS 17*"')
    .addOption(new Option('--managed <yes>', 'a feed reports it as managed').choices(YES_NO))
    .addOption(new Option('--compliant <yes>', 'a feed reports it as compliant').choices(YES_NO))
    .addOption(words('--decision <actions>', 'the decision by hand on it', DECISIONS))
    .option('--search <text>', 'part of any id, name, type, model, system or client');
  return addListOptions(command, Object.keys(INVENTORY_FIELDS));
}

function registerLooks(devices: Command): void {
  addExamples(
    addInventoryOptions(
      devices
        .command('list')
        .description('devices with their users; also those that nobody was seen with')
        .action(async (options: InventoryOptions, command: Command) =>
          (await import('../inventory.ts')).listDevices(options, command),
        ),
    ),
    ['devices list --state blocked --reason notCompliant --sort -lastSeen --limit 50', 'the newest 50'],
    ['devices list --user alice --json', 'for scripts; times are ISO'],
    ['devices list --not-seen 90d', 'what nobody uses any more'],
    ['devices list --search pixel --compliant no', ''],
  );
  addExamples(
    devices
      .command('show')
      .argument('<device>', 'device id, in any spelling')
      .description('one device in full')
      .option('--json', 'one JSON document, with ISO times')
      .action(async (id: string, options: { json?: true }, command: Command) =>
        (await import('../devices.ts')).show(id, options, command),
      ),
    ['devices show GOODPHONE1', ''],
  );
}

const DECIDE: readonly (readonly [AccessDecision['action'], string])[] = [
  ['allow', 'let a device in, or one user on it'],
  ['block', 'keep a device out, or one user on it'],
  ['quarantine', 'show a device, or one user on it, the quarantine mailbox alone'],
];

function registerDecisions(devices: Command): void {
  for (const [action, description] of DECIDE)
    addExamples(
      devices
        .command(action)
        .argument('<device>', 'device id, in any spelling')
        .description(description)
        .option('--user <user>', 'only for this user')
        .option('--reason <text>', 'why')
        .option('--owner <name>', 'who decides; default: the login name')
        .option('--expires <when>', EXPIRES)
        .option('--json', 'one JSON document: the decision, what it replaced, whom it holds for, warnings')
        .action(async (id: string, options: DecideOptions, command: Command) =>
          (await import('../devices.ts')).decideByHand(action, id, options, command),
        ),
      [`devices ${action} PHONE1 --reason "ticket 4711"`, 'for every user of the device'],
      [`devices ${action} PHONE1 --user alice --expires 7d`, 'for one user, for a week'],
    );
  addExamples(
    devices
      .command('clear')
      .argument('<device>', 'device id, in any spelling')
      .description('take a decision or a wipe back')
      .option('--user <user>', 'only the one for this user')
      .option('--force', 'also a wipe that the device acknowledged: lets it in again')
      .option('--json', 'one JSON document: what was taken back, what is left')
      .action(async (id: string, options: { user?: string; force?: true; json?: true }, command: Command) =>
        (await import('../devices.ts')).clear(id, options, command),
      ),
    ['devices clear PHONE1', 'the decision for every user of the device'],
    ['devices clear PHONE1 --user alice', 'the one for alice'],
  );
}

function registerWipe(devices: Command): void {
  addExamples(
    devices
      .command('wipe')
      .argument('<device>', 'device id, in any spelling')
      .description('have a device erased, or only what it holds of one account')
      .requiredOption('--reason <text>', 'why')
      .option('--user <user>', 'tell the device only when this user asks for mail')
      .option('--all-users', 'of an id that several users were seen with, whichever of them asks for mail')
      .option('--account-only', 'only the mail account of one user (clients of 16.1)')
      .option('--owner <name>', 'who decides; default: the login name')
      .option('--confirm <device>', 'the device id once more, for scripts; else it is asked for')
      .option('--json', 'one JSON document: the order, and what it replaced; needs --confirm')
      .action(async (id: string, options: WipeOptions, command: Command) =>
        (await import('../wipe.ts')).wipe(id, options, command),
      ),
    ['devices wipe LOSTPHONE3 --reason "stolen on the train"', 'all of it; asks for the id once more'],
    ['devices wipe GOODPHONE1 --account-only --user alice --reason "left"', 'only the account of alice'],
    ['decisions list --action wipe,accountWipe', 'how far wipes have come'],
    ['devices clear LOSTPHONE3', 'take it back'],
  );
}

function registerSet(devices: Command): void {
  const flags = ['true', 'false'];
  addExamples(
    devices
      .command('set')
      .argument('<device>', 'device id, in any spelling')
      .description('write what a feed would report of a device')
      .addOption(withChoices(new Option('--managed <yes>', 'true or false'), flags))
      .addOption(withChoices(new Option('--compliant <yes>', 'true or false'), flags))
      .addOption(withChoices(new Option('--encrypted <yes>', 'true or false'), flags))
      .addOption(withChoices(new Option('--compromised <yes>', 'true or false'), flags))
      .option('--platform <name>', 'ios, android, windows, macos or another one')
      .option('--os-version <version>', 'version of the operating system, as 17.4.1')
      .option('--model <text>', 'model')
      .option('--os <text>', 'operating system')
      .addOption(new Option('--ownership <who>', 'who owns it').choices(['company', 'personal']))
      .option('--owner <name>', 'whose device it is')
      .option(
        '--requirement <text...>',
        'requirements it does not meet, e.g. encryption minimumOs; shown to its user',
      )
      .option('--removed', 'the feed no longer has the device: it counts as not managed')
      .option('--source <name>', 'name of the feed', 'cli')
      .option('--json', 'one JSON document: the device as all feeds report it')
      .action(async (id: string, options: SetOptions, command: Command) =>
        (await import('../devices.ts')).set(id, options, command),
      ),
    ['devices set NEWPHONE --managed true --compliant true', ''],
    ['devices set OLDPHONE2 --compliant false --requirement encryption minimumOs', ''],
  );
}

/** Choices for completion alone: the description names them, and the work refuses others with a code. */
export function withChoices(option: Option, choices: string[]): Option {
  option.argChoices = choices;
  return option;
}

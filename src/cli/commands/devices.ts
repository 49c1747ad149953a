// Owns the definitions of `easgate devices`: lists, manual decisions, wipes.
import { Option } from 'commander';
import type { Command } from 'commander';
import { DECISION_FILTERS } from '../../app/decision-words.ts';
import { MODEL_FIELDS } from '../../directory/read-model/model-fields.ts';
import { ACCESS_STATES } from '../../model/access-state.ts';
import type { AccessDecision } from '../../model/decision.ts';
import type { DecideOptions, SetOptions } from '../devices.ts';
import type { DeviceListOptions } from '../lists.ts';
import type { WipeOptions } from '../wipe.ts';
import { RELATIVE, addExamples, addListOptions, words, yesNo, yesNoUnknown } from './options.ts';

/** What `--expires` takes. */
export const EXPIRES = 'so long (30m, 12h, 7d, 1w), or until a date (2026-12-31, 2026-12-31T18:00Z)';

/** Registers `devices` and its verbs. */
export function registerDevices(program: Command): void {
  const devices = program
    .command('devices')
    .description('devices of the directory, and manual decisions on them');
  registerLooks(devices);
  registerDecisions(devices);
  registerWipe(devices);
  registerSet(devices);
  addExamples(
    devices,
    ['devices list --state blocked,quarantined --seen 7d', 'devices in use that do not get mail'],
    [
      'devices block LOSTPHONE3 --reason "stolen"',
      'takes effect within a second, on every gateway of the directory',
    ],
    ['devices clear LOSTPHONE3', 'removes the decision: the policy applies again'],
  );
}

/** Adds the filters of `devices list` and `partnerships list`. */
export function addDeviceFilters(command: Command): Command {
  command
    .option('--user <user>', 'every name that may be this user')
    .option('--device <id>', 'device id in any spelling, or with * and ?')
    .addOption(words('--state <states>', 'state by the last verdict', ACCESS_STATES))
    .addOption(words('--reason <reasons>', 'reason of the last verdict, e.g. notCompliant'))
    .option('--seen <time>', 'seen in the last 30m, 12h, 7d, or since a date')
    .option('--not-seen <time>', 'not seen in the last 30m, 12h, 7d, or since a date')
    .option('--type <type>', 'device type, e.g. iPhone or Android*')
    .option('--model <model>', 'model, e.g. iPhone15*')
    .option('--os <system>', 'operating system, e.g. "iOS 17*"')
    .option('--group <name>', 'a group of the user')
    .addOption(yesNo('--reported <yes>', 'a feed reports the device'))
    .addOption(yesNoUnknown('--managed <yes>', 'a feed reports it as managed'))
    .addOption(yesNoUnknown('--compliant <yes>', 'a feed reports it as compliant'))
    .addOption(
      words('--decision <actions>', 'manual decision on the device or partnership', DECISION_FILTERS),
    )
    .option('--open-wipe', 'a wipe is ordered that the device has not confirmed')
    .option('--exception', 'a decision on it or its user lets it pass, and is in force')
    .option('--search <text>', 'part of any id, name, type, model, system or app');
  return command;
}

/** Adds those filters, and the options of every list. */
export function addDeviceListOptions(command: Command): Command {
  return addListOptions(addDeviceFilters(command), Object.keys(MODEL_FIELDS));
}

function registerLooks(devices: Command): void {
  addExamples(
    addDeviceListOptions(
      devices
        .command('list')
        .description('devices with their users, and devices without a partnership')
        .action(async (options: DeviceListOptions, command: Command) =>
          (await import('../lists.ts')).listDevices(options, command),
        ),
    ),
    ['devices list --state blocked --reason notCompliant --sort -lastSeen --limit 50', 'the 50 seen last'],
    ['devices list --user alice --json', 'for scripts; times are ISO'],
    ['devices list --not-seen 90d', 'devices no longer in use'],
    ['devices list --search pixel --compliant no', ''],
  );
  addExamples(
    devices
      .command('show')
      .argument('<device>', 'device id, in any spelling')
      .description('all data about one device')
      .option('--relative', RELATIVE)
      .option('--json', 'one JSON document, with ISO times')
      .action(async (id: string, options: { json?: true }, command: Command) =>
        (await import('../devices.ts')).show(id, options, command),
      ),
    ['devices show GOODPHONE1', ''],
  );
}

const DECIDE: readonly (readonly [AccessDecision['action'], string])[] = [
  ['allow', 'allow a device, or one user on it'],
  ['block', 'block a device, or one user on it'],
  ['quarantine', 'quarantine a device, or one user on it: it sees only the quarantine mailbox'],
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
        .option('--owner <name>', 'author of the decision; default: the login name')
        .option('--expires <when>', EXPIRES)
        .option('--dry-run', 'only show what it would do')
        .option('--json', 'one JSON document: the decision, what it replaced, whom it covers, warnings')
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
      .description('clear a decision, or cancel a wipe')
      .option('--user <user>', 'only the decision for this user')
      .option('--force', 'also a wipe that the device acknowledged, so that the policy applies to it again')
      .option('--json', 'one JSON document: what was cleared, what is left')
      .action(async (id: string, options: { user?: string; force?: true; json?: true }, command: Command) =>
        (await import('../devices.ts')).clear(id, options, command),
      ),
    ['devices clear PHONE1', 'the decision for every user of the device'],
    ['devices clear PHONE1 --user alice', 'the decision for alice'],
  );
}

function registerWipe(devices: Command): void {
  addExamples(
    devices
      .command('wipe')
      .argument('<device>', 'device id, in any spelling')
      .description('order a device to erase itself, or only the data of one account')
      .requiredOption('--reason <text>', 'why')
      .option('--user <user>', 'send the order only to the partnership of this user')
      .option('--all-users', 'for a device with several users: send the order to each of them')
      .option('--account-only', 'erase only the mail account of one user (protocol version 16.1)')
      .option('--owner <name>', 'author of the decision; default: the login name')
      .option('--dry-run', 'only show the plan')
      .option('--confirm <device>', 'the device id again, for scripts; without it the command asks for it')
      .option('--json', 'one JSON document: the order, and what it replaced; needs --confirm')
      .action(async (id: string, options: WipeOptions, command: Command) =>
        (await import('../wipe.ts')).wipe(id, options, command),
      ),
    ['devices wipe LOSTPHONE3 --reason "stolen on the train"', 'the whole device; asks for the id again'],
    ['devices wipe GOODPHONE1 --account-only --user alice --reason "left"', 'only the account of alice'],
    ['decisions list --action wipe,accountWipe', 'the progress of wipes'],
    ['devices clear LOSTPHONE3', 'cancel it'],
  );
}

function registerSet(devices: Command): void {
  addExamples(
    devices
      .command('set')
      .argument('<device>', 'device id, in any spelling')
      .description('write a device report manually, in place of a feed')
      .addOption(yesNo('--managed <yes>', 'it is managed'))
      .addOption(yesNo('--compliant <yes>', 'it meets the compliance policies of the feed'))
      .addOption(yesNo('--encrypted <yes>', 'its storage is encrypted'))
      .addOption(yesNo('--compromised <yes>', 'it is jailbroken, rooted or otherwise compromised'))
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
    ['devices set NEWPHONE --managed yes --compliant yes', ''],
    ['devices set OLDPHONE2 --compliant no --requirement encryption minimumOs', ''],
  );
}

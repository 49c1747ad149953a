// Owns the definitions of `easgate users`, `partnerships` and `decisions`, and of `explain`.
import type { Command } from 'commander';
import { DECISION_ACTIONS, DECISION_STATES } from '../../app/decision-words.ts';
import { DECISION_FIELDS, USER_FIELDS } from '../../directory/read-model/model-fields.ts';
import { ACCESS_STATES } from '../../model/access-state.ts';
import type { DecisionOptions, DeviceListOptions } from '../lists.ts';
import type { AccessDecision } from '../../model/decision.ts';
import type { DecideOptions } from '../devices.ts';
import type { SetOptions, UserOptions } from '../users.ts';
import { EXPIRES, addDeviceListOptions } from './devices.ts';
import { RELATIVE, addExamples, addListOptions, words, yesNo } from './options.ts';

/** Registers `users`, `partnerships`, `decisions` and `explain`. */
export function registerDirectory(program: Command): void {
  registerUsers(program);
  registerPartnerships(program);
  registerDecisions(program);
  addExamples(
    program
      .command('explain')
      .argument('<user>', 'user name, in any spelling')
      .argument('<device>', 'device id, in any spelling')
      .description('the verdict on a device of a user, step by step')
      .option('--relative', RELATIVE)
      .option('--json', 'one JSON document, with ISO times')
      .action(async (user: string, device: string, options: { json?: true }, command: Command) =>
        (await import('../explain.ts')).explain(user, device, options, command),
      ),
    ['explain alice OLDPHONE2', ''],
    ["explain 'CONTOSO\\alice' OLDPHONE2 --json", ''],
  );
}

function registerUsers(program: Command): void {
  const users = program.command('users').description('users and their devices');
  const list = addUserFilters(
    users.command('list').description('users, and the number of their devices in each state'),
  ).action(async (options: UserOptions, command: Command) =>
    (await import('../users.ts')).list(options, command),
  );
  addExamples(
    addListOptions(list, Object.keys(USER_FIELDS)),
    ['users list --min-devices 5 --sort -devices', 'users with the most devices'],
    ['users list --state quarantined --seen 1d', 'users with a quarantined device, today'],
  );
  addExamples(
    users
      .command('show')
      .argument('<user>', 'user name, in any spelling')
      .description('one user: names, groups, devices, decisions')
      .option('--relative', RELATIVE)
      .option('--json', 'one JSON document, with ISO times')
      .action(async (name: string, options: { json?: true }, command: Command) =>
        (await import('../users.ts')).show(name, options, command),
      ),
    ['users show alice', ''],
  );
  registerUserDecisions(users);
  addExamples(
    users,
    ['users list', ''],
    ['users show alice', ''],
    ['users block alice --reason "left the company"', 'with every device'],
  );
}

const DECIDE: readonly (readonly [AccessDecision['action'], string])[] = [
  ['allow', 'let a user in with every device'],
  ['block', 'keep a user out with every device'],
  ['quarantine', 'show a user the quarantine mailbox alone, on every device'],
];

/** Adds the filters of `users list`. */
export function addUserFilters(command: Command): Command {
  return command
    .option('--user <user>', 'every name that may be this user, or with * and ?')
    .addOption(words('--state <states>', 'has a device in this state', ACCESS_STATES))
    .option('--seen <time>', 'seen in the last 30m, 12h, 7d, or since a date')
    .option('--not-seen <time>', 'not seen in the last 30m, 12h, 7d, or since a date')
    .option('--group <name>', 'is in this group')
    .option('--search <text>', 'part of a name of the user')
    .option('--min-devices <number>', 'has at least this number of devices');
}

function registerUserDecisions(users: Command): void {
  for (const [action, description] of DECIDE)
    addExamples(
      users
        .command(action)
        .argument('<user>', 'user name, in any spelling')
        .description(description)
        .option('--reason <text>', 'why')
        .option('--owner <name>', 'who decides; default: the login name')
        .option('--expires <when>', EXPIRES)
        .option('--dry-run', 'only show what it would do')
        .option('--json', 'one JSON document: the decision, what it replaced, whom it holds for')
        .action(async (name: string, options: DecideOptions, command: Command) =>
          (await import('../users.ts')).decideByHand(action, name, options, command),
        ),
      [`users ${action} alice --reason "ticket 4711" --expires 1d`, ''],
    );
  addExamples(
    users
      .command('clear')
      .argument('<user>', 'user name, in any spelling')
      .description('take the decision on a user back')
      .option('--json', 'one JSON document: what was taken back')
      .action(async (name: string, options: { json?: true }, command: Command) =>
        (await import('../users.ts')).clear(name, options, command),
      ),
    ['users clear alice', ''],
  );
  addExamples(
    users
      .command('set')
      .argument('<user>', 'the name that the user is stored under')
      .description('write what a feed would report of a user')
      .option('--group <name...>', 'groups the user is a member of; all of them')
      .option('--alias <name...>', 'other names of the same user; all of them')
      .addOption(yesNo('--enabled <yes>', 'the account is enabled'))
      .option('--removed', 'the feed no longer has the user: the account counts as disabled')
      .option('--source <name>', 'name of the feed', 'cli')
      .option('--json', 'one JSON document: the user as all feeds report it')
      .action(async (name: string, options: SetOptions, command: Command) =>
        (await import('../users.ts')).set(name, options, command),
      ),
    ["users set alice@example.com --group staff sales --alias 'CONTOSO\\alice'", ''],
  );
}

function registerPartnerships(program: Command): void {
  const partnerships = program
    .command('partnerships')
    .description('users on devices whose credentials the mail server accepted: clients, versions, times');
  addExamples(
    addDeviceListOptions(
      partnerships
        .command('list')
        .description('all partnerships')
        .action(async (options: DeviceListOptions, command: Command) =>
          (await import('../lists.ts')).listPartnerships(options, command),
        ),
    ),
    ['partnerships list --sort -firstSeen --limit 20', 'the newest'],
    ['partnerships list --search Outlook --relative', ''],
  );
  addExamples(partnerships, ['partnerships list --user alice', '']);
}

function registerDecisions(program: Command): void {
  const decisions = program
    .command('decisions')
    .description('all manual decisions and wipes; use `devices` to make and clear them');
  decisions.showHelpAfterError(
    '(easgate devices allow, block, quarantine and wipe make decisions; easgate devices clear removes them)',
  );
  const list = addDecisionFilters(
    decisions
      .command('list')
      .description('all decisions of operators and feeds, also on devices that were never seen'),
  ).action(async (options: DecisionOptions, command: Command) =>
    (await import('../lists.ts')).listAllDecisions(options, command),
  );
  addExamples(
    addListOptions(list, Object.keys(DECISION_FIELDS)),
    ['decisions list --action allow --state active --ends 7d', 'exceptions that expire soon'],
    ['decisions list --action wipe,accountWipe --state pending,failed', 'open wipes'],
    ['decisions list --decided 1d --sort -decidedAt', 'the decisions of today'],
  );
  addExamples(
    decisions
      .command('accept')
      .argument('<device>', 'id of the device as it is now, in any spelling')
      .description(
        'copy the decisions in force on a phone before its reset to the device it is now: same user, type and model',
      )
      .option('--from <device>', 'the device before the reset, where several may be it')
      .option('--owner <name>', 'who decides; default: the login name')
      .option('--dry-run', 'only show what would be copied')
      .option('--json', 'one JSON document: what was copied, what was left')
      .action(
        async (
          id: string,
          options: { from?: string; owner?: string; dryRun?: true; json?: true },
          command: Command,
        ) => (await import('../devices.ts')).accept(id, options, command),
      ),
    ['decisions accept NEWPHONE', 'devices show NEWPHONE proposes it'],
    ['decisions accept NEWPHONE --from OLDPHONE --dry-run', ''],
  );
  addExamples(
    decisions,
    ['decisions list', ''],
    ['devices block PHONE1 --reason "stolen"', 'makes a decision'],
    ['devices clear PHONE1', 'clears it'],
  );
}

/** Adds the filters of `decisions list`. */
export function addDecisionFilters(command: Command): Command {
  return command
    .option('--device <id>', 'device id in any spelling, or with * and ?')
    .option('--user <user>', 'every name that may be this user')
    .addOption(words('--action <actions>', 'action of the decision', DECISION_ACTIONS))
    .addOption(words('--state <states>', 'whether it is in force; for a wipe its progress', DECISION_STATES))
    .option('--source <feed>', 'imported by this feed, may have * and ?')
    .option('--by <name>', 'author, may have * and ?')
    .option('--decided <time>', 'made in the last 30m, 12h, 7d, or since a date')
    .option('--ends <time>', 'ends within 30m, 12h, 7d, or before a date; includes expired ones')
    .option('--search <text>', 'part of any id, name or reason');
}

// Owns the definitions of `easgate policy` and `easgate simulate`.
import type { Command } from 'commander';
import type { CheckOptions } from '../policy.ts';
import type { ChangeOptions, ExtentOptions } from '../policy-change.ts';
import type { DiffOptions } from '../policy-comparison.ts';
import type { ShadowOptions } from '../policy-versions.ts';
import { FACT_OPTIONS, wholeNumber } from './fact-options.ts';
import { RELATIVE, addExamples, yesNoUnknown } from './options.ts';

/** Registers `policy` with its verbs, and `simulate`. */
export function registerPolicy(program: Command): void {
  const policy = program.command('policy').description('policy documents');
  addExamples(
    policy
      .command('check')
      .argument('[file]', 'policy document')
      .description('list every problem of a policy document, with line and column')
      .option('--strict', 'warnings fail too')
      .option('--json', 'one JSON document')
      .option('--schema', 'print the JSON Schema of policy documents instead')
      .option('--fields', 'print all fields as Markdown instead')
      .action(async (file: string | undefined, options: CheckOptions, command: Command) =>
        (await import('../policy.ts')).check(file, options, command),
      ),
    ['policy check policy.yaml', ''],
    ['policy check --strict --json policy.yaml', 'for pipelines: warnings fail too'],
  );
  addExamples(
    policy
      .command('test')
      .argument('<cases>', 'YAML or JSON file: a list of { name, facts, expect }')
      .description('run test cases against a policy document')
      .option('--policy <file>', 'policy document; default: the one named in the cases')
      .option('--json', 'one JSON document')
      .action(async (file: string, options: { policy?: string; json?: true }) =>
        (await import('../policy.ts')).test(file, options),
      ),
    ['policy test cases.yaml --policy policy.yaml', 'ends with 1 when a case fails'],
  );
  addExamples(
    policy
      .command('evaluate')
      .description('decide facts on stdin, one JSON object per line; prints one verdict per line')
      .requiredOption('--policy <file>', 'policy document')
      .action(async (options: { policy: string }) => (await import('../policy.ts')).evaluate(options)),
    ['policy evaluate --policy policy.yaml < facts.ndjson', ''],
  );
  addExamples(
    policy
      .command('explain')
      .description('decide one JSON object of facts on stdin, and show every step')
      .requiredOption('--policy <file>', 'policy document')
      .option('--json', 'one JSON document')
      .action(async (options: { policy: string; json?: true }) =>
        (await import('../policy.ts')).explain(options),
      ),
    ['policy explain --policy policy.yaml < facts.json', ''],
  );
  registerVersions(policy);
  addExamples(policy, ['policy check policy.yaml', ''], ['policy test cases.yaml --policy policy.yaml', '']);
  registerSimulate(program);
}

/** What a policy is named by. */
export const POLICY_NAMES = 'a file, the number of a version, live, rollout, shadow, or configured';

function registerVersions(policy: Command): void {
  addExamples(
    addDiffOptions(
      policy
        .command('diff')
        .argument('<old>', POLICY_NAMES)
        .argument('<new>', POLICY_NAMES)
        .description('compare two policies: the phones of the directory on which they decide differently'),
    ).action(async (before: string, after: string, options: DiffOptions, command: Command) =>
      (await import('../policy-comparison.ts')).diff(before, after, options, command),
    ),
    ['policy diff live new.yaml', 'before it is published'],
    ['policy diff 3 4 --csv > changes.csv', 'what a version changed'],
  );
  addExamples(
    addChangeOptions(
      addExtentOptions(
        policy
          .command('publish')
          .argument('<file>', 'policy document')
          .description(
            'make a document the policy of all gateways of the directory, for everybody or a part of the users; says whom it concerns, and asks',
          ),
      ),
    ).action(async (file: string, options: ChangeOptions & ExtentOptions, command: Command) =>
      (await import('../policy-versions.ts')).publish(file, options, command),
    ),
    ['policy publish policy.yaml --comment "contractors too"', ''],
    [
      'policy publish policy.yaml --group Pilot Board --share 10',
      'for two groups and a tenth of all users first',
    ],
    ['policy publish policy.yaml --group Pilot --dry-run', 'who would change'],
    ['policy publish policy.yaml --yes --json', 'for pipelines'],
  );
  addExamples(
    policy
      .command('history')
      .description(
        'the versions, the latest first: when each was in the shadow, rolled out to whom, and published',
      )
      .option('--limit <number>', 'so many at most; default 20')
      .option('--json', 'one JSON document, with ISO times')
      .action(async (options: { limit?: string; json?: true }, command: Command) =>
        (await import('../policy-history.ts')).history(options, command),
      ),
    ['policy history', ''],
  );
  addExamples(
    addChangeOptions(
      policy
        .command('rollback')
        .argument('[version]', 'which one; default: the one that was live before')
        .description('make an earlier version live again; says whom it concerns, and asks'),
    ).action(async (version: string | undefined, options: ChangeOptions, command: Command) =>
      (await import('../policy-versions.ts')).rollback(version, options, command),
    ),
    ['policy rollback', 'undo the last publish or promote'],
    ['policy rollback 3 --yes', 'without a question'],
  );
  addExamples(
    addReasonOptions(
      policy
        .command('shadow')
        .argument('[file]', 'policy document')
        .description('evaluate a document on real traffic beside the live policy, without effect')
        .option('--off', 'end it')
        .option('--limit <number>', 'so many rows of the comparison; default 20'),
    ).action(async (file: string | undefined, options: ShadowOptions, command: Command) =>
      (await import('../policy-versions.ts')).shadow(file, options, command),
    ),
    ['policy shadow new.yaml', ''],
    ['policy shadow', 'how it compares with the live one on the traffic of this host'],
    ['policy shadow --off', ''],
  );
  addExamples(
    addChangeOptions(
      addExtentOptions(
        policy
          .command('promote')
          .description(
            'make the policy in the shadow the live one, for everybody or a part of the users; says whom it concerns, and asks',
          ),
      ),
    ).action(async (options: ChangeOptions & ExtentOptions, command: Command) =>
      (await import('../policy-versions.ts')).promoteShadow(options, command),
    ),
    ['policy promote', ''],
    ['policy promote --group Pilot', 'for a group first'],
  );
  registerRollout(policy);
}

function registerRollout(policy: Command): void {
  const rollout = policy
    .command('rollout')
    .description(
      'the version that decides for a part of the users, while the live one decides for the others',
    );
  addExamples(
    rollout
      .command('show')
      .description('which version is rolled out to whom, since when, and what it decides differently')
      .option('--json', 'one JSON document, with ISO times')
      .action(async (options: { json?: true }, command: Command) =>
        (await import('../policy-rollout.ts')).show(options, command),
      ),
    ['policy rollout show', ''],
  );
  addExamples(
    addChangeOptions(
      addExtentOptions(
        rollout
          .command('widen')
          .description('roll the version out to more users; says whom it concerns, and asks'),
      ),
    ).action(async (options: ChangeOptions & ExtentOptions, command: Command) =>
      (await import('../policy-rollout.ts')).widen(options, command),
    ),
    ['policy rollout widen --group Sales', 'one more group'],
    ['policy rollout widen --share 50', 'half of all users; those of the smaller share stay in'],
  );
  addExamples(
    addChangeOptions(
      rollout
        .command('finish')
        .description(
          'make the version that is rolled out the live one, for everybody; says whom it concerns, and asks',
        ),
    ).action(async (options: ChangeOptions, command: Command) =>
      (await import('../policy-rollout.ts')).finish(options, command),
    ),
    ['policy rollout finish', ''],
  );
  addExamples(
    addChangeOptions(
      rollout
        .command('abandon')
        .description('let the live version decide for everybody again; says whom it concerns, and asks'),
    ).action(async (options: ChangeOptions, command: Command) =>
      (await import('../policy-rollout.ts')).abandon(options, command),
    ),
    ['policy rollout abandon --comment "blocks tablets"', ''],
  );
  rollout.helpCommand(false);
  addExamples(
    rollout,
    ['policy publish policy.yaml --group Pilot', 'begins one'],
    ['policy rollout widen --share 25', ''],
    ['policy rollout finish', ''],
  );
}

/** How a comparison is printed. */
export function addDiffOptions(command: Command): Command {
  return command
    .option('--limit <number>', 'so many rows of each table; default 20')
    .option('--csv', 'every phone that changes, as CSV')
    .option('--relative', RELATIVE)
    .option('--json', 'one JSON document, with ISO times');
}

/** Whom a version decides for. */
export function addExtentOptions(command: Command): Command {
  return command
    .option('--group <name...>', 'only for members of these groups')
    .option('--share <percent>', 'only for so many percent of all users, besides those of the groups');
}

function addChangeOptions(command: Command): Command {
  return addReasonOptions(command).option('--dry-run', 'say whom it concerns, and change nothing');
}

function addReasonOptions(command: Command): Command {
  return command
    .option('--comment <text>', 'why, for the history and the audit')
    .option('--owner <name>', 'who does it; default: the login name')
    .option('--yes', 'do not ask')
    .option('--json', 'one JSON document');
}

function registerSimulate(program: Command): void {
  const simulate = program
    .command('simulate')
    .description(
      'the verdict of a policy on given facts, a line of the access log or a recorded request; a fact that is not given is unknown',
    )
    .requiredOption('--policy <policy>', POLICY_NAMES)
    .option('--facts <file>', 'JSON file of facts to begin with; - = standard input')
    .option('--log-line <line>', 'facts of a line of the access log; - = standard input')
    .option('--request <file>', 'facts of a recorded request: its raw head; - = standard input')
    .option('--json', 'one JSON document');
  for (const { flag, text, kind } of FACT_OPTIONS) {
    if (kind === 'flag') simulate.addOption(yesNoUnknown(flag, text));
    else if (kind === 'number') simulate.option(flag, text, wholeNumber);
    else simulate.option(flag, text);
  }
  simulate.action(async (options: Record<string, unknown>, command: Command) =>
    (await import('../simulate.ts')).simulate(options, command),
  );
  addExamples(
    simulate,
    ['simulate --policy policy.yaml --user alice --group staff --managed yes --compliant no', ''],
    [
      'simulate --policy policy.yaml --facts facts.json --os-version 17.4',
      'the facts of a file, with another value for one',
    ],
    [
      'simulate --policy policy.yaml --log-line - --managed no < line.json',
      'a request that was logged, at its time',
    ],
    ['simulate --policy policy.yaml --request head.txt --address 10.1.2.3', ''],
  );
}

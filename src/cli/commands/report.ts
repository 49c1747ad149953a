// Owns the definitions of `easgate report`.
import type { Command } from 'commander';
import type { ExtentOptions } from '../policy-change.ts';
import type { DiffOptions } from '../policy-comparison.ts';
import type { ReportOptions } from '../report.ts';
import { RELATIVE, addExamples } from './options.ts';
import { POLICY_NAMES, addDiffOptions, addExtentOptions } from './policy.ts';

/** Registers `report` and its reports. */
export function registerReports(program: Command): void {
  const report = program.command('report').description('reports over the whole directory');
  add(
    report,
    'inventory',
    'every phone with its user and state, and reported devices that nobody was seen with',
    'report inventory --csv > phones.csv',
  );
  add(report, 'blocked', 'phones that are blocked or quarantined, the last seen first', 'report blocked');
  addExamples(
    addDiffOptions(
      addExtentOptions(
        report
          .command('would-block')
          .description(
            'whom a policy would keep out if it were enforced, by reason, group, model and last activity',
          )
          .requiredOption('--policy <policy>', POLICY_NAMES),
      ),
    ).action(async (options: DiffOptions & ExtentOptions & { policy: string }, command: Command) =>
      (await import('../policy-comparison.ts')).wouldBlock(options, command),
    ),
    ['report would-block --policy new.yaml', ''],
    ['report would-block --policy new.yaml --group Pilot', 'if it decided for one group only'],
    ['report would-block --policy shadow --csv > blocked.csv', 'every phone, for a spreadsheet'],
  );
  addExamples(
    addDiffOptions(
      report
        .command('grandfathered')
        .description(
          'phones that the live policy lets in only because they were in use before it, and for what it would keep them out',
        ),
    ).action(async (options: DiffOptions, command: Command) =>
      (await import('../policy-comparison.ts')).grandfathered(options, command),
    ),
    ['report grandfathered', ''],
    ['report grandfathered --csv > grandfathered.csv', 'every phone, for a spreadsheet'],
  );
  add(
    report,
    'stale',
    'phones that were not seen for long, and devices that never were',
    'report stale --not-seen 180d',
  ).option('--not-seen <time>', 'not seen for so long, or since then; default 90d');
  add(
    report,
    'duplicates',
    'devices of one user with the same type and model: a phone before and after a reset',
    'report duplicates',
  );
  add(
    report,
    'near-misses',
    'reported devices that nobody was seen with, and phones no feed reports, that may be one: by serial number, IMEI, or owner and model',
    'report near-misses',
  );
  add(
    report,
    'exceptions',
    'phones that a decision lets pass, the decision that ends first at the top',
    'report exceptions --ends 7d',
  ).option('--ends <time>', 'only those that end within 30m, 12h, 7d, or before a date');
  addExamples(
    report,
    ['report blocked', 'numbers by reason, group, model and last activity, then the phones'],
    ['report inventory --csv > phones.csv', 'every phone, for a spreadsheet'],
    ['report would-block --policy new.yaml', ''],
  );
}

function add(report: Command, name: string, description: string, example: string): Command {
  const command = report
    .command(name)
    .description(description)
    .option('--limit <number>', 'so many rows of each table; default 20')
    .option('--csv', 'every row, as CSV')
    .option('--relative', RELATIVE)
    .option('--json', 'one JSON document with every row, with ISO times')
    .action(async (options: ReportOptions, verb: Command) =>
      (await import('../report.ts')).report(name, options, verb),
    );
  return addExamples(command, [example, '']);
}

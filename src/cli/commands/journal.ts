// Owns the definitions of `easgate journal` and `easgate audit`.
import type { Command } from 'commander';
import type { StreamName } from '../../journal/journal-store.ts';
import { EVENT_MEANINGS } from '../../model/event-names.ts';
import { OPERATION_MEANINGS } from '../../model/operation-names.ts';
import type { JournalOptions } from '../journal.ts';
import { addExamples, words } from './options.ts';

/** Registers `journal` and `audit`. */
export function registerJournal(program: Command): void {
  const journal = program
    .command('journal')
    .description('what happened to phones: refusals, changed verdicts, wipes, loops, odd clients');
  addExamples(
    addQuery('journal', addJournalFilters(journal.command('query').description('the newest events'))),
    ['journal query --device OLDPHONE2', 'the history of one phone'],
    ['journal query --user alice --since 7d', ''],
    ['journal query --kind device_shared,device_respelled --since 1d', 'who may be somebody else'],
  );
  addExamples(
    addJournalFilters(journal.command('follow').description('events as they are written, until Ctrl-C'))
      .option('--json', 'one JSON object a line')
      .action(async (options: JournalOptions, command: Command) =>
        (await import('../journal.ts')).follow(options, command),
      ),
    ['journal follow', ''],
    ['journal follow --kind wipe_told,wipe_acknowledged,wipe_failed', 'what wipes come to'],
  );
  addExamples(
    addExport(
      'journal',
      addJournalFilters(
        journal.command('export').description('all events, the newest first, one JSON object a line'),
      ),
    ),
    ['journal export --since 2026-11-01 --until 2026-12-01 --csv > november.csv', ''],
  );
  addExamples(journal, ['journal query --user alice', ''], ['journal follow', '']);
  registerAudit(program);
}

function registerAudit(program: Command): void {
  const audit = program.command('audit').description('who changed what: decisions, policy, directory');
  addExamples(
    addQuery(
      'audit',
      addAuditFilters(audit.command('query').description('the newest changes, with before and after')),
    ),
    ['audit query --since 1d', 'what was changed today'],
    ['audit query --device OLDPHONE2 --json', 'who decided on a phone'],
    ['audit query --operation policy_publish,policy_rollback', 'the life of the policy'],
  );
  addExamples(
    addExport(
      'audit',
      addAuditFilters(
        audit.command('export').description('all changes, the newest first, one JSON object a line'),
      ),
    ),
    ['audit export > audit.ndjson', ''],
  );
  addExamples(audit, ['audit query --by carol', '']);
}

function addQuery(stream: StreamName, command: Command): Command {
  return command
    .option('--limit <number>', 'at most so many rows', '50')
    .option('--relative', 'times as lengths from now, 3d ago')
    .option('--json', 'one JSON document, with ISO times')
    .option('--csv', 'CSV')
    .action(async (options: JournalOptions, verb: Command) =>
      (await import('../journal.ts')).query(stream, options, verb),
    );
}

function addExport(stream: StreamName, command: Command): Command {
  return command
    .option('--limit <number>', 'at most so many')
    .option('--csv', 'CSV instead')
    .action(async (options: JournalOptions, verb: Command) =>
      (await import('../journal.ts')).exportEntries(stream, options, verb),
    );
}

function addJournalFilters(command: Command): Command {
  return addCommonFilters(
    command
      .addOption(words('--kind <kinds>', 'what happened', Object.keys(EVENT_MEANINGS)))
      .addOption(words('--reason <reasons>', 'reason of the verdict, as notCompliant')),
  );
}

function addAuditFilters(command: Command): Command {
  return addCommonFilters(
    command
      .addOption(words('--operation <operations>', 'what was changed', Object.keys(OPERATION_MEANINGS)))
      .option('--by <name>', 'who changed it'),
  );
}

function addCommonFilters(command: Command): Command {
  return command
    .option('--user <user>', 'every name that may be this user, in any spelling')
    .option('--device <id>', 'device id, in any spelling')
    .option('--since <time>', 'in the last 30m, 12h, 7d, or since a date')
    .option('--until <time>', 'before 30m, 12h, 7d ago, or until a date');
}

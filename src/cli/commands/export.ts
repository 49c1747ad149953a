// Owns the definition of `easgate export`.
import { Option } from 'commander';
import type { Command } from 'commander';
import { DECISION_FIELDS, MODEL_FIELDS, USER_FIELDS } from '../../directory/read-model/model-fields.ts';
import type { DecisionOptions, DeviceListOptions } from '../lists.ts';
import type { UserOptions } from '../users.ts';
import { addDeviceFilters } from './devices.ts';
import { addDecisionFilters, addUserFilters } from './directory.ts';
import { addExamples, addOrder } from './options.ts';

/** Registers `export`. */
export function registerExport(program: Command): void {
  const exported = program
    .command('export')
    .description('what a list shows, as a file on standard output; the filters are those of the list');
  addExamples(
    addFormat(
      addDeviceFilters(exported.command('devices').description('what `devices list` shows')).action(
        async (options: DeviceListOptions, command: Command) =>
          (await import('../lists.ts')).listDevices(options, command),
      ),
      Object.keys(MODEL_FIELDS),
    ),
    ['export devices --state blocked > blocked.csv', 'for a spreadsheet'],
    ['export devices --format ndjson > devices.ndjson', '`easgate import devices.ndjson` reads it again'],
  );
  addExamples(
    addFormat(
      addUserFilters(
        exported
          .command('users')
          .description('what `users list` shows; as ndjson: what feeds report of users'),
      ).action(async (options: UserOptions, command: Command) =>
        (await import('../users.ts')).list(options, command),
      ),
      Object.keys(USER_FIELDS),
    ),
    ['export users --min-devices 5', ''],
  );
  addExamples(
    addFormat(
      addDecisionFilters(exported.command('decisions').description('what `decisions list` shows')).action(
        async (options: DecisionOptions, command: Command) =>
          (await import('../lists.ts')).listAllDecisions(options, command),
      ),
      Object.keys(DECISION_FIELDS),
    ),
    ['export decisions --action allow --ends 7d', 'exceptions that expire soon'],
  );
  addExamples(exported, ['export devices --compliant no > not-compliant.csv', '']);
}

function addFormat(command: Command, fields: readonly string[]): Command {
  return addOrder(command, fields).addOption(
    new Option('--format <format>', 'csv for spreadsheets, ndjson (JSON lines) for import and programs')
      .choices(['csv', 'ndjson'])
      .default('csv'),
  );
}

// Owns the definition of `easgate import`.
import { Option } from 'commander';
import type { Command } from 'commander';
import type { ImportOptions } from '../import.ts';
import { addExamples } from './options.ts';

/** As in src/feeds/mapping.ts, which is loaded when the command runs; a test compares them. */
export const IMPORT_FORMATS = [
  'auto', 'intune', 'graph', 'exchange', 'jamf', 'workspace-one', 'ivanti', 'micromdm', 'csv', 'ndjson',
]; // prettier-ignore

/** Registers `import`. */
export function registerImport(program: Command): void {
  addExamples(
    program
      .command('import')
      .argument('<file>', 'exported file, or - for standard input')
      .description('read what a device management or Exchange exported')
      .addOption(new Option('--format <format>', 'what the file is').choices(IMPORT_FORMATS).default('auto'))
      .option('--source <name>', 'name of the source; default: the format')
      .requiredOption('--print', 'print one JSON line for each record; the directory stays as it is')
      .addOption(
        new Option(
          '--dates <order>',
          'order in dates such as 3/2/2026; default: by all dates of the column',
        ).choices(['day-first', 'month-first']),
      )
      .option('--time-zone <zone>', 'zone of times that name none, as Europe/Berlin', 'UTC')
      .action(async (file: string, options: ImportOptions) =>
        (await import('../import.ts')).importFile(file, options),
      ),
    ['import devices.csv --print', 'detects the format, and names it on standard error'],
    [
      'import DevicesWithInventory.csv --format intune --print | grep refused',
      'refused records, with line and reason',
    ],
    ['import mobile-devices.csv --print --dates day-first --time-zone Europe/Berlin', ''],
  );
}

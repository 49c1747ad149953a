// Owns the definition of `easgate import`.
import { Option } from 'commander';
import type { Command } from 'commander';
import { FORMATS } from '../../feeds/format-names.ts';
import type { ImportFlags } from '../import.ts';
import { addExamples } from './options.ts';

/** What `--format` takes. */
export const IMPORT_FORMATS = ['auto', ...FORMATS];

/** Registers `import`. */
export function registerImport(program: Command): void {
  addExamples(
    program
      .command('import')
      .argument('<file>', 'exported file, or - for standard input')
      .description('bring what a device management, a directory or Exchange exported into the directory')
      .addOption(new Option('--format <format>', 'what the file is').choices(IMPORT_FORMATS).default('auto'))
      .addOption(
        new Option(
          '--mapping <file>',
          'file with an expression for each field, in place of a format (docs/guide/mappings.md)',
        ).conflicts('format'),
      )
      .option('--source <name>', 'name of the source; default: the format')
      .addOption(
        new Option('--print', 'print one JSON line for each record; the directory stays as it is').conflicts([
          'dryRun', 'replace', 'yes', 'allowDecisions', 'json',
        ]), // prettier-ignore
      )
      .option('--dry-run', 'compute everything and write nothing')
      .option('--replace', 'the file has all records of its source: others of this source are removed')
      .option('--allow-decisions', 'allows of the file take effect, for 30 days')
      .option('--yes', 'also where the brakes hold: more than 10 % (at least 20) would be removed or change')
      .option('--json', 'one JSON document: counts, refused records, records without a device')
      .addOption(
        new Option(
          '--dates <order>',
          'order in dates such as 3/2/2026; default: by all dates of the column',
        ).choices(['day-first', 'month-first']),
      )
      .option('--time-zone <zone>', 'zone of times that name none, as Europe/Berlin', 'UTC')
      .action(async (file: string, options: ImportFlags, command: Command) =>
        (await import('../import.ts')).importFile(file, options, command),
      ),
    ['import devices.csv --dry-run', 'what it would change'],
    ['import devices.csv --source intune --replace', 'what the file does not have is removed'],
    ['import devices.csv --print', 'the records, as they are understood'],
    ['import devices.json --mapping config/feeds/jamf.yaml --print', ''],
    [
      'import DevicesWithInventory.csv --format intune --print | grep refused',
      'refused records, with line and reason',
    ],
    ['import mobile-devices.csv --print --dates day-first --time-zone Europe/Berlin', ''],
  );
}

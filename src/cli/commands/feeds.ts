// Owns the definitions of `easgate feeds`.
import type { Command } from 'commander';
import type { RunCommandOptions } from '../feeds.ts';
import { addExamples } from './options.ts';

const NAME = 'name of the feed in the configuration';

/** Registers `feeds` and its verbs. */
export function registerFeeds(program: Command): void {
  const feeds = program.command('feeds').description('where compliance data comes from');
  registerLooks(feeds);
  addExamples(
    feeds
      .command('run')
      .argument('<name>', NAME)
      .description('run a feed once, now, in this process')
      .option('--dry-run', 'compute everything and write nothing')
      .option('--json', 'one JSON document: counts, refused records, records without a device')
      .action(async (name: string, options: RunCommandOptions, command: Command) =>
        (await import('../feeds.ts')).run(name, options, command),
      ),
    ['feeds run mdm --dry-run', 'what it would change'],
    ['feeds run mdm', ''],
  );
  addExamples(
    feeds
      .command('confirm')
      .argument('<name>', NAME)
      .description('run a feed once, also where a brake holds it')
      .option('--json', 'one JSON document: counts, refused records, records without a device')
      .action(async (name: string, options: { json?: true }, command: Command) =>
        (await import('../feeds.ts')).confirm(name, options, command),
      ),
    ['feeds confirm mdm', 'after a look at `feeds status` and at the source'],
  );
  addExamples(
    feeds
      .command('test')
      .argument('<name>', NAME)
      .argument('<file>', 'a file of the source, or - for standard input')
      .description('print what each record of a file becomes for a feed, or why it is refused')
      .action(async (name: string, file: string, _options: object, command: Command) =>
        (await import('../feeds.ts')).test(name, file, command),
      ),
    ['feeds test mdm devices.csv', ''],
  );
  addExamples(
    feeds,
    ['feeds list', ''],
    ['feeds status', 'ends with 1 when a feed is held, failing or stale'],
  );
}

function registerLooks(feeds: Command): void {
  addExamples(
    feeds
      .command('list')
      .description('the feeds, in order of precedence, and how they are')
      .option('--json', 'one JSON document, with ISO times')
      .action(async (options: { json?: true }, command: Command) =>
        (await import('../feeds.ts')).list(options, command),
      ),
    ['feeds list', ''],
  );
  addExamples(
    feeds
      .command('status')
      .description('last runs, counts, failures, and why a run is held')
      .option('--json', 'one JSON document, with ISO times')
      .action(async (options: { json?: true }, command: Command) =>
        (await import('../feeds.ts')).status(options, command),
      ),
    ['feeds status', 'ends with 1 when a feed is held, failing or stale'],
  );
}

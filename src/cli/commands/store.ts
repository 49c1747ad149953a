// Owns the definitions of `easgate store`.
import type { Command } from 'commander';
import { addExamples } from './options.ts';

/** Registers `store` and its verbs. */
export function registerStore(program: Command): void {
  const store = program.command('store').description('the identity of the directory store');
  addExamples(
    store
      .command('status')
      .description('the identity in the store, the recorded one, and whether they agree')
      .option('--json', 'one JSON document')
      .action(async (options: { json?: true }, command: Command) =>
        (await import('../store.ts')).status(options, command),
      ),
    ['store status', 'ends with 1 when they do not agree'],
  );
  addExamples(
    store
      .command('init')
      .description('create the directory if there is none')
      .option('--json', 'one JSON document')
      .action(async (options: { json?: true }, command: Command) =>
        (await import('../store.ts')).init(options, command),
      ),
    ['store init', 'once, for a new Redis'],
  );
  addExamples(
    store
      .command('accept')
      .description(
        'accept the current store, whether restored, replaced or empty; its pending wipes are suspended until they are ordered again',
      )
      .option('--json', 'one JSON document')
      .action(async (options: { json?: true }, command: Command) =>
        (await import('../store.ts')).accept(options, command),
      ),
    ['store accept', 'after a backup was restored'],
  );
  addExamples(
    store
      .command('migrate')
      .description(
        'bring records of an earlier version over, while no gateway runs; wipes in it wait until they are ordered again',
      )
      .option('--json', 'one JSON document')
      .action(async (options: { json?: true }, command: Command) =>
        (await import('../store.ts')).migrate(options, command),
      ),
    ['store migrate', 'once, after an upgrade of easgate that asks for it; make a backup first'],
  );
  addExamples(store, ['store status', '']);
}

// Owns the definitions of `easgate policy`.
import type { Command } from 'commander';
import { addExamples } from './options.ts';

/** Registers `policy` and its verbs. */
export function registerPolicy(program: Command): void {
  const policy = program.command('policy').description('policy documents');
  addExamples(
    policy
      .command('evaluate')
      .description('decides facts on stdin, one JSON object a line; prints one verdict a line')
      .requiredOption('--policy <file>', 'policy document')
      .action(async (options: { policy: string }) => (await import('../policy.ts')).evaluate(options)),
    ['policy evaluate --policy policy.yaml < facts.ndjson', ''],
  );
  addExamples(policy, ['policy evaluate --policy policy.yaml < facts.ndjson', '']);
}

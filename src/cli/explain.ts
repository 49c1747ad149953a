// Owns `easgate explain`: why a device of a user may or may not pass, step by step.
import type { Command } from 'commander';
import { explain } from '../policy/evaluate.ts';
import { withStore } from './context.ts';
import { parseDevice, parseUser } from './device-names.ts';
import { table } from './table.ts';
import { jsonText } from './times.ts';

/** Registers `explain`. */
export function registerExplain(program: Command): void {
  program
    .command('explain')
    .argument('<user>', 'user name in any spelling')
    .argument('<device>', 'device id')
    .description('why a device of a user may or may not pass')
    .option('--json', 'one JSON document')
    .action(async (name: string, id: string, options: { json?: true }, command: Command) => {
      await withStore(command, async (store, config) => {
        const user = parseUser(name);
        const device = parseDevice(id);
        const found = await store.lookup(user, device);
        const explanation = explain(config.policy, { ...found, now: Date.now() });
        const { verdict, steps } = explanation;
        if (options.json) {
          const validUntil = Number.isFinite(verdict.validUntil) ? verdict.validUntil : null;
          const document = { user: found.user, device, verdict: { ...verdict, validUntil }, steps };
          process.stdout.write(jsonText(document));
          return;
        }
        const rows = steps.map((step) => [step.matched ? '=>' : '', step.rule, step.detail]);
        process.stdout.write(
          `${found.user} on ${device}: ${verdict.action} (${verdict.reason}; ${verdict.rule})\n\n${table(['', 'RULE', 'FOUND'], rows)}`,
        );
      });
    });
}

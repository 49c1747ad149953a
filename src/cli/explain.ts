// Owns the work of `easgate explain`: why a device of a user may or may not pass, step by step.
import type { Command } from 'commander';
import { explainAccess } from '../app/explain.ts';
import { withStore } from './context.ts';
import { print, printJson, printable, toned } from './output.ts';
import type { Tone } from './output.ts';
import { table } from './table.ts';

const TONES: Readonly<Record<string, Tone>> = { allow: 'good', quarantine: 'warning' };

/** `explain`. */
export function explain(
  user: string,
  device: string,
  { json }: { readonly json?: true },
  command: Command,
): Promise<void> {
  return withStore(command, async (store, config) => {
    const found = await explainAccess(store, config.policy, { user, device }, Date.now());
    const { verdict, steps } = found;
    if (json) {
      const validUntil = Number.isFinite(verdict.validUntil) ? verdict.validUntil : null;
      printJson({ user: found.user, device: found.device, verdict: { ...verdict, validUntil }, steps });
      return;
    }
    const action = toned(TONES[verdict.action] ?? 'bad', verdict.action);
    const rows = steps.map((step) => [step.matched ? '=>' : '', step.rule, printable(step.detail)]);
    print(
      `${found.user} on ${found.device}: ${action} (${verdict.reason}; ${verdict.rule})\n\n${table(['', 'RULE', 'FOUND'], rows)}`,
    );
  });
}

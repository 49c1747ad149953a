// Owns the work of `easgate explain`: the verdict on a device of a user, step by step.
import type { Command } from 'commander';
import { explainAccess } from '../app/explain.ts';
import { stepDocument } from '../app/policy-explain.ts';
import { servedPolicy } from '../config/served-policy.ts';
import { withStore } from './context.ts';
import { print, printJson, printable, toned } from './output.ts';
import type { Tone } from './output.ts';
import { stepsTable } from './policy-walk.ts';

const TONES: Readonly<Record<string, Tone>> = { allow: 'good', quarantine: 'warning' };

/** `explain`. */
export function explain(
  user: string,
  device: string,
  { json }: { readonly json?: true },
  command: Command,
): Promise<void> {
  return withStore(command, async (store, config) => {
    const { policy } = servedPolicy(config);
    const found = await explainAccess(store, policy, { user, device }, Date.now());
    const { verdict, steps } = found;
    if (json) {
      const validUntil = Number.isFinite(verdict.validUntil) ? verdict.validUntil : null;
      printJson({
        user: found.user,
        device: found.device,
        verdict: { ...verdict, validUntil },
        steps: steps.map(stepDocument),
      });
      return;
    }
    const action = toned(TONES[verdict.action] ?? 'bad', verdict.action);
    const requirement = verdict.requirement === undefined ? '' : `: ${verdict.requirement}`;
    print(
      `${found.user} on ${found.device}: ${action} (${verdict.reason}; ${verdict.rule}${printable(requirement)})\n\n${stepsTable(steps)}`,
    );
  });
}

// Owns the work of `easgate explain`: the verdict on a device of a user, step by step.
import type { Command } from 'commander';
import { explainAccess } from '../app/explain.ts';
import { explainedDocument, shownValue } from '../app/explained-document.ts';
import { policiesInUse } from '../app/policy-versions.ts';
import { withStore } from './context.ts';
import { print, printJson, printable, toned } from './output.ts';
import type { Tone } from './output.ts';
import { stepsTable } from './policy-walk.ts';
import { table } from './table.ts';
import { relativeTime } from '../app/times.ts';
import type { KnownFact } from '../app/explain.ts';

const TONES: Readonly<Record<string, Tone>> = { allow: 'good', quarantine: 'warning' };

/** `explain`. */
export function explain(
  user: string,
  device: string,
  { json }: { readonly json?: true },
  command: Command,
): Promise<void> {
  return withStore(command, async (store, config) => {
    const active = await policiesInUse(store, config);
    const found = await explainAccess(store, active, { user, device }, Date.now());
    const { verdict, steps } = found;
    if (json) {
      printJson(explainedDocument(found));
      return;
    }
    const names =
      found.aliases.length === 0 ? '' : `${printable(`${found.user} is also ${found.aliases.join(', ')}`)}\n`;
    const known =
      found.known.length === 0 ? 'no feed reports the device or the user\n' : knownTable(found.known);
    const action = toned(TONES[verdict.action] ?? 'bad', verdict.action);
    const requirement = verdict.requirement === undefined ? '' : `: ${verdict.requirement}`;
    print(
      `${found.user} on ${found.device}: ${action} (${verdict.reason}; ${verdict.rule}${printable(requirement)})\nby ${printable(found.decidedBy.text)}\n\n${stepsTable(steps)}\n${names}${known}`,
    );
  });
}

function knownTable(known: readonly KnownFact[]): string {
  const now = Date.now();
  const rows = known.map((fact) => [
    fact.about,
    fact.field,
    printable(textOf(shownValue(fact))),
    printable(fact.source),
    relativeTime(fact.observedAt, now),
  ]);
  return table(['OF', 'VALUE', '', 'REPORTED BY', 'SEEN'], rows);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

// Owns the work of `easgate explain`: the verdict on a device of a user, step by step.
import type { Command } from 'commander';
import { explainAccess } from '../app/explain-access.ts';
import { explainedDocument } from '../app/explain-access-json.ts';
import type { ExplainedDocument } from '../app/explain-access-json.ts';
import type { PhoneReply } from '../app/phone-reply.ts';
import { stepOfDocument } from '../app/explanation-json.ts';
import { policiesInUse } from '../app/policy-versions.ts';
import { withStore } from './context.ts';
import { print, printJson, printable, toned } from './output.ts';
import type { Tone } from './output.ts';
import type { TraceNode } from '../policy/engine/trace.ts';
import { stepsTable } from './explanation-text.ts';
import { ask } from './remote/client.ts';
import { contextOf } from './remote/contexts.ts';
import { table } from './table.ts';
import { timeText } from './time-text.ts';
import type { KnownFact } from '../app/explain-access.ts';

const TONES: Readonly<Record<string, Tone>> = { allow: 'good', quarantine: 'warning' };

/** `explain`. */
export async function explain(
  user: string,
  device: string,
  { json }: { readonly json?: true },
  command: Command,
): Promise<void> {
  const { document, steps } = await found(user, device, command);
  if (json) {
    printJson(document);
    return;
  }
  const { verdict } = document;
  const names =
    document.aliases.length === 0
      ? ''
      : `${printable(`${document.user} is also ${document.aliases.join(', ')}`)}\n`;
  const known =
    document.known.length === 0 ? 'no feed reports the device or the user\n' : knownTable(document.known);
  const action = toned(TONES[verdict.action] ?? 'bad', verdict.action);
  const requirement = verdict.requirement === undefined ? '' : `: ${verdict.requirement}`;
  print(
    `${document.user} on ${document.device}: ${action} (${verdict.reason}; ${verdict.rule}${printable(requirement)})\nby ${printable(document.decidedBy.text)}\n\n${stepsTable(steps)}\n${replyText(document.reply)}\n${names}${known}`,
  );
}

/** What the phone gets; the whole message is in `--json`. */
function replyText({ kind, messages, answers }: PhoneReply): string {
  const [message] = messages;
  const more =
    message === undefined ? '' : `: “${printable(message.subject)}” from ${printable(message.from)}`;
  const lines = answers.map(
    ({ command, http, status }) =>
      `  ${command}: HTTP ${http}${status === null ? '' : `, status ${status} in the body`}\n`,
  );
  return `the phone gets ${REPLIES[kind]}${more}\n${lines.join('')}`;
}

const REPLIES: Readonly<Record<PhoneReply['kind'], string>> = {
  mail: 'its mail',
  mailbox: 'the quarantine mailbox, with one message',
  wipe: 'the order to erase itself with its next Provision, and until then these answers',
  comeAgain: 'answers that make it come again',
  refusal: 'refusals',
};

/** The document of `--json`, and its steps with times in milliseconds. */
async function found(
  user: string,
  device: string,
  command: Command,
): Promise<{ readonly document: ExplainedDocument; readonly steps: readonly TraceNode[] }> {
  const context = contextOf(command);
  if (context !== null) {
    const document = await ask(context, 'explainAccess', { params: { device }, query: { user } });
    return { document, steps: document.steps.map(stepOfDocument) };
  }
  return withStore(command, async (store, config) => {
    const active = await policiesInUse(store, config);
    const access = await explainAccess(store, active, { user, device }, Date.now());
    return { document: explainedDocument(access, config), steps: access.steps };
  });
}

function knownTable(known: readonly KnownFact[]): string {
  const rows = known.map((fact) => [
    fact.about,
    fact.field,
    printable(textOf(fact.value)),
    printable(`${fact.source}${contradiction(fact)}`),
    timeText(fact.observedAt),
  ]);
  return table(['OF', 'VALUE', '', 'REPORTED BY', 'SEEN'], rows);
}

/** Names the feeds whose opposite value does not count, so that their reports do not look lost. */
function contradiction({ value, contradictedBy }: KnownFact): string {
  return contradictedBy.length === 0 ? '' : `, not ${contradictedBy.join(', ')} (${String(value !== true)})`;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

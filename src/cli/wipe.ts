// Owns the work of `easgate devices wipe`: shows the plan to the operator, and asks for confirmation.
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { describeDecision } from '../app/write-decision.ts';
import { target } from '../app/names.ts';
import { ACCOUNT_ONLY_VERSION, orderWipe, planWipe } from '../app/wipe.ts';
import type { WipePlan } from '../app/wipe.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { DeviceKey } from '../identity/keys.ts';
import type { ManualDecision } from '../model/decision.ts';
import { loginName, withStore } from './context.ts';
import { DRY_RUN } from './devices.ts';
import { print, printJson, printable, printableLines } from './output.ts';
import { ask } from './remote/client.ts';
import { contextOf } from './remote/contexts.ts';
import type { DocumentOf } from './remote/documents.ts';
import { refuseOwner } from './remote/either.ts';
import { table } from './table.ts';
import { isoTime } from '../app/times.ts';

/** Options of `wipe`. */
export interface WipeOptions {
  readonly reason: string;
  readonly user?: string;
  readonly owner?: string;
  readonly accountOnly?: true;
  readonly allUsers?: true;
  readonly confirm?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

/** `devices wipe`. */
export async function wipe(device: string, options: WipeOptions, command: Command): Promise<void> {
  const { user, reason } = options;
  const accountOnly = options.accountOnly === true;
  const allUsers = options.allUsers === true;
  const context = contextOf(command);
  if (context !== null) {
    refuseOwner(options);
    const params = { device };
    const flags = { allUsers: flagText(allUsers), accountOnly: flagText(accountOnly) };
    const plan = planOf(await ask(context, 'planWipe', { params, query: { ...flags, user } }), reason);
    await carryOut(plan, options, async (confirm) => {
      const body = { confirm, reason, user, allUsers, accountOnly };
      return (await ask(context, 'orderWipe', { params, body })).decision;
    });
    return;
  }
  await withStore(command, async (store, _config, audit) => {
    const plan = await planWipe(store, { device, user, reason, accountOnly, allUsers });
    await carryOut(plan, options, (confirmation) => {
      const { owner = loginName() } = options;
      return orderWipe(store, plan, { owner, via: 'cli', confirmation }, audit);
    });
  });
}

/** Shows the plan, asks, and orders the wipe. */
async function carryOut(
  plan: WipePlan,
  options: WipeOptions,
  order: (confirmation: string) => Promise<ManualDecision>,
): Promise<void> {
  if (options.dryRun) {
    const { device, user, named, replaces, accountOnly } = plan;
    const users = named.map(({ record }) => record.user);
    if (options.json) printJson({ device, user, users, accountOnly, replaces, dryRun: true });
    else print(printableLines(`${DRY_RUN}${planText(plan)}`));
    return;
  }
  if (!options.json) print(printableLines(planText(plan)));
  const confirmation = options.confirm ?? (await askForDevice(plan.device, options.json === true));
  const decision = await order(confirmation);
  if (options.json) printJson({ device: plan.device, user: plan.user, decision, replaced: plan.replaces });
  else print(printableLines(`${describeDecision(decision)}: ${target(plan.device, plan.user)}\n`));
}

/** The plan of the API, which gives names. */
function planOf({ users, ...plan }: DocumentOf<'planWipe'>, reason: string): WipePlan {
  const named = plan.partnerships.filter(({ record }) => users.includes(record.user));
  return { ...plan, reason, named };
}

function flagText(value: boolean): 'true' | 'false' {
  return value ? 'true' : 'false';
}

function planText({ device, user, accountOnly, listing, partnerships, named, ...plan }: WipePlan): string {
  const { model = null, os = null, owner = null } = listing?.record ?? {};
  const lines = [
    `device ${device}: model ${printable(model)}, system ${printable(os)}, owner ${printable(owner)}`,
  ];
  const rows = partnerships.map((seen) => {
    const { record } = seen;
    return [
      named.includes(seen) ? '=>' : '',
      printable(record.user),
      printable(record.deviceType),
      printable(record.model),
      printable(record.os),
      printable(record.imei),
      printable(record.userAgent),
      printable(record.protocolVersion),
      isoTime(record.lastSeen),
    ];
  });
  const header = ['', 'USER', 'TYPE', 'MODEL', 'SYSTEM', 'IMEI', 'CLIENT', 'VERSION', 'LAST SEEN'];
  if (rows.length > 0) lines.push(table(header, rows).trimEnd());
  else
    lines.push(
      'it has no partnership yet, so nobody gets the order; every user of this device id is blocked',
    );
  for (const { decision } of plan.replaces)
    lines.push(
      `Replaces "${decision.action}" by ${decision.owner}; cancelling the wipe does not restore it.`,
    );
  if (accountOnly)
    lines.push(
      `This removes the account of ${user} from the device, when it next asks for mail.`,
      `Only clients of protocol version ${ACCOUNT_ONLY_VERSION} can do it; others are blocked.`,
    );
  else
    lines.push(
      'This ERASES THE WHOLE DEVICE, private data too, when it next asks for mail. It cannot be undone.',
      ...(user === null ? [] : [`The order is sent only when ${user} asks for mail.`]),
      'Other users of this device id, and other spellings of it, are blocked without an order.',
      ...(plan.hasOutlookMobile ? ['Outlook mobile carries out account-only wipes only.'] : []),
    );
  return `${lines.join('\n')}\n`;
}

/** Asks for the device id. @throws ProgramError without a terminal, or with `json`, whose output has no place for a question */
async function askForDevice(device: DeviceKey, json: boolean): Promise<string> {
  if (!process.stdin.isTTY || json)
    throw new ProgramError(
      'EASGATE_WIPE_CONFIRM',
      `there is no terminal to ask for confirmation: add --confirm ${device}`,
    );
  return (await askPerson('Type the device id to wipe it: ', process.stdin, process.stdout)) ?? '';
}

/** Asks a question; returns one line of input, or null when the input ends before it. */
export function askPerson(
  question: string,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
): Promise<string | null> {
  const lines = createInterface({ input, output });
  return new Promise((resolve) => {
    lines.once('close', () => resolve(null));
    lines.question(question, (answer) => {
      resolve(answer);
      lines.close();
    });
  });
}

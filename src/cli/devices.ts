// Owns the work of `easgate devices`: reads the arguments, calls the use case, prints.
import { stringify } from 'yaml';
import type { Command } from 'commander';
import { decide, clearDecision } from '../app/decide.ts';
import type { ClearResult, DecideResult } from '../app/decide.ts';
import { describeDecision } from '../app/decisions.ts';
import { showDevice } from '../app/inventory.ts';
import type { DeviceDetails } from '../app/inventory.ts';
import { target } from '../app/names.ts';
import { acceptSuccessor, successionAt } from '../app/successors.ts';
import type { AcceptResult, CopiedDecision, Succession } from '../app/successors.ts';
import { ProgramError } from '../errors.ts';
import type { DeviceKey } from '../identity/keys.ts';
import { reportDevice } from '../app/report-device.ts';
import type { AccessDecision } from '../model/decision.ts';
import { isWipe } from '../model/wipe.ts';
import { loginName, withStore } from './context.ts';
import { clearedText, decidedText, doubtText } from './decision-text.ts';
import { print, printJson, printable, printableLines, warn } from './output.ts';
import { ask } from './remote/client.ts';
import { contextOf } from './remote/contexts.ts';
import { isoTime, parseMomentToCome, withIsoTimes } from '../app/times.ts';

/** Options of `allow`, `block` and `quarantine`. */
export interface DecideOptions {
  readonly user?: string;
  readonly reason?: string;
  readonly owner?: string;
  readonly expires?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

/** `devices show`. */
export async function show(id: string, { json }: { readonly json?: true }, command: Command): Promise<void> {
  const context = contextOf(command);
  if (context !== null) {
    const { predecessors, successors, ...details } = (await ask(context, 'showDevice', {
      params: { device: id },
    })) as DeviceDetails & Succession;
    const succession = { predecessors, successors };
    if (json) printJson({ ...details, ...succession });
    else print(successionText(details.key, succession) + detailsText(details));
    return;
  }
  await withStore(command, async (store) => {
    const details = await showDevice(store, id);
    const succession = await successionAt(store, details.key);
    if (json) printJson({ ...details, ...succession });
    else print(successionText(details.key, succession) + detailsText(details));
  });
}

/** Devices that look like this phone before or after a reset, and how their decisions are taken over. */
function successionText(device: DeviceKey, { predecessors, successors }: Succession): string {
  const lines = [
    ...predecessors.map(
      (one) =>
        `before a reset it may have been ${one.device} (${one.user}, ${one.model ?? '?'}, last seen ${isoTime(one.lastSeen)}); to take over ` +
        `its decisions: easgate decisions accept ${device}${predecessors.length > 1 ? ` --from ${one.device}` : ''}`,
    ),
    ...successors.map(
      (one) =>
        `after a reset it may be ${one.device} (${one.user}, ${one.model ?? '?'}, first seen ${isoTime(one.firstSeen)}); for it to take over ` +
        `the decisions: easgate decisions accept ${one.device}`,
    ),
  ];
  return printableLines(lines.map((line) => `${line}\n`).join(''));
}

/** `decisions accept`. */
export function accept(
  id: string,
  {
    from,
    owner = loginName(),
    dryRun,
    json,
  }: { readonly from?: string; readonly owner?: string; readonly dryRun?: true; readonly json?: true },
  command: Command,
): Promise<void> {
  return withStore(command, async (store, _config, audit) => {
    const origin = { by: owner, via: 'cli', at: Date.now(), dryRun: dryRun === true };
    const result = await acceptSuccessor(store, id, from ?? null, origin, { audit, events: audit });
    if (json) printJson({ ...result, dryRun: origin.dryRun });
    else print(printableLines(acceptedText(result, origin.dryRun)));
  });
}

function until({ decision: { expiresAt } }: CopiedDecision): string {
  return expiresAt === null ? '' : ` until ${isoTime(expiresAt)}`;
}

function acceptedText({ device, from, copied, kept }: AcceptResult, dryRun: boolean): string {
  const lineOf = (verb: string, { user, decision }: CopiedDecision): string =>
    `${verb}: ${describeDecision(decision)} on ${target(device, user)}`;
  const lines = [
    ...copied.map((one) => lineOf(dryRun ? 'would copy' : 'copied', one) + until(one)),
    ...kept.map((one) => `${lineOf('not copied', one)}: there is another decision already`),
  ];
  if (lines.length === 0) return `nothing to copy: no decision in force on ${from}\n`;
  return `${from} was this phone before a reset\n${lines.join('\n')}\n`;
}

/** As YAML, which is readable; unknown values are omitted. */
function detailsText(details: DeviceDetails): string {
  const { key, decision, partnerships } = details;
  const wipes = [
    { user: null, decision },
    ...partnerships.map(({ record, decision }) => ({ user: record.user, decision })),
  ].flatMap(({ user, decision }) =>
    isWipe(decision) ? [`wipe: ${target(key, user)}: ${describeDecision(decision)}\n`] : [],
  );
  return printableLines(wipes.join('')) + yamlText(details);
}

/** A document for people: YAML with ISO times, without unknown values. YAML leaves some control characters as they are. */
function yamlText(document: object): string {
  const text = stringify(withIsoTimes(document), (_key, value: unknown) => value ?? undefined, {
    lineWidth: 0,
  });
  return printableLines(text);
}

/** Above what a command would have done. */
export const DRY_RUN = 'dry run, nothing is written:\n';

/** `devices allow`, `block` and `quarantine`. */
export async function decideByHand(
  action: AccessDecision['action'],
  device: string,
  options: DecideOptions,
  command: Command,
): Promise<void> {
  const { user, reason = null, expires } = options;
  const expiresAt = expires === undefined ? null : parseMomentToCome(expires, '--expires');
  const dryRun = options.dryRun === true;
  const printResult = (result: DecideResult): void => {
    for (const doubt of result.warnings) warn(printable(doubtText(doubt)));
    if (options.json) printJson({ ...result, ...(dryRun && { dryRun }) });
    else print(printableLines((dryRun ? DRY_RUN : '') + decidedText(result)));
  };
  const context = contextOf(command);
  if (context !== null) {
    // The API takes the owner from the token, and has no dry run of one decision.
    if (options.owner !== undefined || dryRun)
      throw new ProgramError(
        'EASGATE_CONTEXT_COMMAND',
        '--owner and --dry-run do not work with --context: the token says who decides',
      );
    const end = expiresAt === null ? null : new Date(expiresAt).toISOString();
    const body = { action, reason, expiresAt: end, ...(user !== undefined && { user }) };
    printResult((await ask(context, 'decide', { params: { device }, body })) as DecideResult);
    return;
  }
  await withStore(command, async (store, _config, audit) => {
    const { owner = loginName() } = options;
    const decidedAt = Date.now();
    const decision = { action, owner, reason, decidedAt, expiresAt };
    const origin = { by: owner, via: 'cli', at: decidedAt, dryRun };
    const result = await decide(store, { device, user }, decision, origin, audit);
    printResult(result);
  });
}

/** `devices clear`. */
export async function clear(
  device: string,
  { user, force, json }: { readonly user?: string; readonly force?: true; readonly json?: true },
  command: Command,
): Promise<void> {
  const printResult = (result: ClearResult): void => {
    if (json) printJson(result);
    else print(printableLines(clearedText(result)));
  };
  const context = contextOf(command);
  if (context !== null) {
    const query = { ...(user !== undefined && { user }), ...(force && { force: 'true' as const }) };
    printResult((await ask(context, 'clearDecision', { params: { device }, query })) as ClearResult);
    return;
  }
  await withStore(command, async (store, _config, audit) => {
    const origin = { by: loginName(), via: 'cli', at: Date.now() };
    printResult(await clearDecision(store, { device, user }, { ...origin, force: force === true }, audit));
  });
}

/** Options of `set`. */
export interface SetOptions {
  readonly managed?: boolean;
  readonly compliant?: boolean;
  readonly encrypted?: boolean;
  readonly compromised?: boolean;
  readonly platform?: string;
  readonly osVersion?: string;
  readonly model?: string;
  readonly os?: string;
  readonly ownership?: 'company' | 'personal';
  readonly owner?: string;
  readonly requirement?: readonly string[];
  readonly removed?: true;
  readonly source: string;
  readonly json?: true;
}

/** `devices set`. */
export function set(id: string, options: SetOptions, command: Command): Promise<void> {
  const values = {
    managed: options.managed,
    compliant: options.compliant,
    encrypted: options.encrypted,
    compromised: options.compromised,
    platform: options.platform?.toLowerCase(),
    osVersion: options.osVersion,
    model: options.model,
    os: options.os,
    ownership: options.ownership,
    owner: options.owner,
    unmetRequirements: options.requirement,
    removed: options.removed,
  };
  return withStore(command, async (store, _config, audit) => {
    const origin = { source: options.source, by: loginName(), via: 'cli', now: Date.now() };
    const key = await reportDevice(store, id, values, origin, audit);
    if (options.json) printJson((await showDevice(store, id)).record);
    else print(`set: ${key}\n`);
  });
}

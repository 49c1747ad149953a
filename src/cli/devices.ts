// Owns the work of `easgate devices`: reads the arguments, calls the use case, prints.
import type { Command } from 'commander';
import { decide, clearDecision } from '../app/decide.ts';
import type { ClearResult, DecideResult } from '../app/decide.ts';
import { describeDecision } from '../app/write-decision.ts';
import { showDevice } from '../app/device-details.ts';
import type { DeviceDetails } from '../app/device-details.ts';
import { target } from '../app/names.ts';
import { standingOfDevice } from '../app/standing.ts';
import type { Standing } from '../app/standing.ts';
import { acceptSuccessor, successionAt } from '../app/successors.ts';
import type { AcceptResult, CopiedDecision, Succession } from '../app/successors.ts';
import type { DeviceKey } from '../identity/keys.ts';
import { reportDevice } from '../app/report-device.ts';
import type { AccessDecision } from '../model/decision.ts';
import { loginName, withStore } from './context.ts';
import { deviceText } from './device-text.ts';
import { clearedText, decidedText, doubtText } from './decision-text.ts';
import { print, printJson, printable, printableLines, warn } from './output.ts';
import { ask } from './remote/client.ts';
import { fromEither, refuseOwner } from './remote/either.ts';
import { exactIsoTime, isoTime, parseMomentToCome } from '../app/times.ts';

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
  const found: DeviceDetails & Succession & Standing = await fromEither(
    command,
    (context) => ask(context, 'showDevice', { params: { device: id } }),
    async (store, config) => {
      const details = await showDevice(store, id);
      const succession = await successionAt(store, details.key);
      return { ...details, ...succession, ...(await standingOfDevice(store, config, details, Date.now())) };
    },
  );
  if (json) printJson(found);
  else print(successionText(found.key, found) + deviceText(found));
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

/** Options of `decisions accept`. */
export interface AcceptOptions {
  readonly from?: string;
  readonly owner?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

/** `decisions accept`. */
export async function accept(id: string, options: AcceptOptions, command: Command): Promise<void> {
  const { from = null, json } = options;
  const dryRun = options.dryRun === true;
  const result: AcceptResult = await fromEither(
    command,
    (context) => {
      refuseOwner(options);
      return ask(context, 'acceptSuccessor', { params: { device: id }, body: { from, dryRun } });
    },
    (store, _config, audit) => {
      const { owner = loginName() } = options;
      const origin = { by: owner, via: 'cli', at: Date.now(), dryRun };
      return acceptSuccessor(store, id, from, origin, { audit, events: audit });
    },
  );
  if (json) printJson({ ...result, dryRun });
  else print(printableLines(acceptedText(result, dryRun)));
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
  const result: DecideResult = await fromEither(
    command,
    (context) => {
      refuseOwner(options);
      const end = exactIsoTime(expiresAt);
      const body = { action, reason, expiresAt: end, dryRun, ...(user !== undefined && { user }) };
      return ask(context, 'decide', { params: { device }, body });
    },
    (store, _config, audit) => {
      const { owner = loginName() } = options;
      const decidedAt = Date.now();
      const decision = { action, owner, reason, decidedAt, expiresAt };
      const origin = { by: owner, via: 'cli', at: decidedAt, dryRun };
      return decide(store, { device, user }, decision, origin, audit);
    },
  );
  for (const doubt of result.warnings) warn(printable(doubtText(doubt)));
  if (options.json) printJson({ ...result, ...(dryRun && { dryRun }) });
  else print(printableLines((dryRun ? DRY_RUN : '') + decidedText(result)));
}

/** `devices clear`. */
export async function clear(
  device: string,
  { user, force, json }: { readonly user?: string; readonly force?: true; readonly json?: true },
  command: Command,
): Promise<void> {
  const result: ClearResult = await fromEither(
    command,
    (context) => {
      const query = { ...(user !== undefined && { user }), ...(force && { force: 'true' as const }) };
      return ask(context, 'clearDecision', { params: { device }, query });
    },
    (store, _config, audit) => {
      const origin = { by: loginName(), via: 'cli', at: Date.now(), force: force === true };
      return clearDecision(store, { device, user }, origin, audit);
    },
  );
  if (json) printJson(result);
  else print(printableLines(clearedText(result)));
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

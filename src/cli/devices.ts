// Owns the work of `easgate devices`: reads the arguments, calls the use case, prints.
import { stringify } from 'yaml';
import type { Command } from 'commander';
import { decide, clearDecision } from '../app/decide.ts';
import { describeDecision } from '../app/decisions.ts';
import { showDevice } from '../app/inventory.ts';
import type { DeviceDetails } from '../app/inventory.ts';
import { target } from '../app/names.ts';
import { reportDevice } from '../app/report-device.ts';
import { ProgramError } from '../errors.ts';
import type { AccessDecision } from '../model/decision.ts';
import { isWipe } from '../model/wipe.ts';
import { loginName, withStore } from './context.ts';
import { clearedText, decidedText, doubtText } from './decision-text.ts';
import { print, printJson, printable, printableLines, warn } from './output.ts';
import { parseMomentToCome, withIsoTimes } from '../app/times.ts';

/** Options of `allow`, `block` and `quarantine`. */
export interface DecideOptions {
  readonly user?: string;
  readonly reason?: string;
  readonly owner?: string;
  readonly expires?: string;
  readonly json?: true;
}

/** `devices show`. */
export function show(id: string, { json }: { readonly json?: true }, command: Command): Promise<void> {
  return withStore(command, async (store) => {
    const details = await showDevice(store, id);
    if (json) printJson(details);
    else print(detailsText(details));
  });
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

/** `devices allow`, `block` and `quarantine`. */
export function decideByHand(
  action: AccessDecision['action'],
  device: string,
  options: DecideOptions,
  command: Command,
): Promise<void> {
  return withStore(command, async (store, _config, audit) => {
    const { user, reason = null, owner = loginName(), expires } = options;
    const expiresAt = expires === undefined ? null : parseMomentToCome(expires, '--expires');
    const decidedAt = Date.now();
    const decision = { action, owner, reason, decidedAt, expiresAt };
    const origin = { by: owner, via: 'cli', at: decidedAt };
    const result = await decide(store, { device, user }, decision, origin, audit);
    for (const doubt of result.warnings) warn(printable(doubtText(doubt)));
    if (options.json) printJson(result);
    else print(printableLines(decidedText(result)));
  });
}

/** `devices clear`. */
export function clear(
  device: string,
  { user, force, json }: { readonly user?: string; readonly force?: true; readonly json?: true },
  command: Command,
): Promise<void> {
  return withStore(command, async (store, _config, audit) => {
    const origin = { by: loginName(), via: 'cli', at: Date.now() };
    const result = await clearDecision(store, { device, user }, { ...origin, force: force === true }, audit);
    if (json) printJson(result);
    else print(printableLines(clearedText(result)));
  });
}

/** Options of `set`. */
export interface SetOptions {
  readonly managed?: string;
  readonly compliant?: string;
  readonly encrypted?: string;
  readonly compromised?: string;
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
    managed: parseFlag(options.managed, '--managed'),
    compliant: parseFlag(options.compliant, '--compliant'),
    encrypted: parseFlag(options.encrypted, '--encrypted'),
    compromised: parseFlag(options.compromised, '--compromised'),
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

/** `true` or `false` of an option; absent stays absent. @throws ProgramError */
export function parseFlag(text: string | undefined, name: string): boolean | undefined {
  if (text === undefined) return undefined;
  if (text !== 'true' && text !== 'false')
    throw new ProgramError('EASGATE_FLAG', `${name} takes true or false`);
  return text === 'true';
}

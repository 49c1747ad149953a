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
import { print, printJson, warn } from './output.ts';
import { parseMomentToCome, withIsoTimes } from './times.ts';

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

/** As YAML, which is readable and escapes control characters; unknown values are omitted. */
function detailsText(details: DeviceDetails): string {
  const { key, decision, partnerships } = details;
  const wipes = [
    { user: null, decision },
    ...partnerships.map(({ record, decision }) => ({ user: record.user, decision })),
  ].flatMap(({ user, decision }) =>
    isWipe(decision) ? [`wipe: ${target(key, user)}: ${describeDecision(decision)}\n`] : [],
  );
  return wipes.join('') + yamlText(details);
}

/** A document for people: YAML with ISO times, without unknown values. */
export function yamlText(document: object): string {
  return stringify(withIsoTimes(document), (_key, value: unknown) => value ?? undefined, { lineWidth: 0 });
}

/** `devices allow`, `block` and `quarantine`. */
export function decideByHand(
  action: AccessDecision['action'],
  device: string,
  options: DecideOptions,
  command: Command,
): Promise<void> {
  return withStore(command, async (store) => {
    const { user, reason = null, owner = loginName(), expires } = options;
    const expiresAt = expires === undefined ? null : parseMomentToCome(expires, '--expires');
    const decidedAt = Date.now();
    const decision = { action, owner, reason, decidedAt, expiresAt };
    const result = await decide(store, { device, user }, decision, {
      by: owner,
      via: 'cli',
      at: decidedAt,
    });
    for (const doubt of result.warnings) warn(doubtText(doubt));
    if (options.json) printJson(result);
    else print(decidedText(result));
  });
}

/** `devices clear`. */
export function clear(
  device: string,
  { user, force, json }: { readonly user?: string; readonly force?: true; readonly json?: true },
  command: Command,
): Promise<void> {
  return withStore(command, async (store) => {
    const origin = { by: loginName(), via: 'cli', at: Date.now() };
    const result = await clearDecision(store, { device, user }, { ...origin, force: force === true });
    if (json) printJson(result);
    else print(clearedText(result));
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
  return withStore(command, async (store) => {
    const key = await reportDevice(store, id, values, { source: options.source, now: Date.now() });
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

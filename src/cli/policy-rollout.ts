// Owns the work of `easgate policy rollout`: show, widen, finish, abandon.
import type { Command } from 'commander';
import { abandonRollout, finishRollout, rolloutIn, widenRollout } from '../app/policy-rollout.ts';
import { policiesInUse, readPolicies, refuseWithFile } from '../app/policy-versions.ts';
import type { KnownPolicies } from '../app/policy-versions.ts';
import { isoTime } from '../app/times.ts';
import { widened } from '../app/rollout-extent.ts';
import type { Config } from '../config/schema.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { RolloutExtent } from '../model/policy-version.ts';
import { extentText, rolloutWarnings } from '../model/rollout-text.ts';
import { forEverybody, withRollout } from '../policy/active-policies.ts';
import type { PolicyRollout } from '../policy/active-policies.ts';
import { print, printJson, printable, warn } from './output.ts';
import { authorOf, shareIn } from './policy-change.ts';
import type { ChangeOptions, ExtentOptions } from './policy-change.ts';
import { changeText, compare, comparedWith, warnOfGroups } from './policy-comparison.ts';
import { announced } from './policy-versions.ts';
import { fromEither } from './remote/either.ts';
import { abandonThere, finishThere, rolloutThere, widenThere } from './remote/policy-rollouts.ts';
import type { MoreUsers, ShownRollout } from './remote/policy-rollouts.ts';

// What is asked before each step.
const toWiden = (version: number, extent: RolloutExtent): string =>
  `Roll version ${version} out to ${printable(extentText(extent))}?`;
const toFinish = (version: number): string => `Make version ${version} live, for everybody?`;
const toAbandon = (version: number): string => `Abandon the roll-out of version ${version}?`;

/** `policy rollout show`. */
export async function show({ json }: { readonly json?: true }, command: Command): Promise<void> {
  const { file, rollout, live, found } = await fromEither(command, rolloutThere, rolloutHere);
  if (file !== null) warn(`gateways with this configuration decide by ${file}, not by these versions`);
  if (rollout === null || found === null) {
    if (json) printJson({ rollout: null });
    else print('no version is rolled out to a part of the users\n');
    return;
  }
  if (json) printJson({ rollout, change: { ...found, phones: undefined } });
  else {
    const { version, since, changedAt, by } = rollout;
    const widenedAt = changedAt === since ? '' : `, widened ${isoTime(changedAt)}`;
    print(
      `version ${version} is rolled out to ${printable(extentText(rollout))}, since ${isoTime(since)} by ${printable(by)}${widenedAt}\n` +
        `compared with ${live === null ? 'the policy of the configuration' : `version ${live}`}, which decides for the others:\n\n${changeText(found)}`,
    );
    for (const warning of rolloutWarnings(rollout, Date.now())) warn(warning);
  }
  warnOfGroups(found);
}

async function rolloutHere(store: DirectoryStore, config: Config): Promise<ShownRollout> {
  const { file = null } = config.policy;
  const { rollout } = (await readPolicies(store)).state;
  if (rollout === null) return { file, rollout, live: null, found: null };
  const active = await policiesInUse(store, config);
  const { policy, version: live } = active.live;
  return { file, rollout, live, found: await compare(store, config, forEverybody(policy, live), active) };
}

/** `policy rollout widen`. */
export async function widen(options: ChangeOptions & ExtentOptions, command: Command): Promise<void> {
  const more: MoreUsers = { groups: options.group ?? [], share: shareIn(options.share) };
  const done = await fromEither(
    command,
    (context) => widenThere(context, more, options, toWiden),
    async (store, config, audit) => {
      refuseWithFile(config.policy.file);
      const known = await readPolicies(store);
      const rollout = rolloutIn(known);
      const { version } = rollout;
      const extent = widened(rollout, more);
      const before = await policiesInUse(store, config);
      const after = withRollout(before, compiledIn(before), extent);
      const change = await announced(store, config, before, after, options, toWiden(version, extent));
      if (change === null) return null;
      await widenRollout(store, more, changeOf(known, options, audit));
      return { version, change, extent };
    },
  );
  if (done === null) return;
  const { version, change, extent } = done;
  if (options.json) printJson({ version, change });
  else
    print(
      `version ${version} decides for ${printable(extentText(extent))}, on every gateway within a second\n`,
    );
}

/** `policy rollout finish`. */
export async function finish(options: ChangeOptions, command: Command): Promise<void> {
  const done = await fromEither(
    command,
    (context) => finishThere(context, options, toFinish),
    async (store, config, audit) => {
      refuseWithFile(config.policy.file);
      const known = await readPolicies(store);
      const { version } = rolloutIn(known);
      const before = await policiesInUse(store, config);
      const after = forEverybody(compiledIn(before).policy, version);
      const change = await announced(store, config, before, after, options, toFinish(version));
      if (change === null) return null;
      await finishRollout(store, changeOf(known, options, audit));
      return { version, change };
    },
  );
  if (done === null) return;
  const { version, change } = done;
  if (options.json) printJson({ version, change });
  else print(`version ${version} is live, on every gateway within a second\n`);
}

/** `policy rollout abandon`. */
export async function abandon(options: ChangeOptions, command: Command): Promise<void> {
  const done = await fromEither(
    command,
    (context) => abandonThere(context, options, toAbandon),
    async (store, config, audit) => {
      refuseWithFile(config.policy.file);
      const known = await readPolicies(store);
      const { version } = rolloutIn(known);
      const before = await comparedWith(store, config);
      const after = before === null ? null : forEverybody(before.live.policy, before.live.version);
      const change = await announced(store, config, before, after, options, toAbandon(version));
      if (change === null) return null;
      await abandonRollout(store, changeOf(known, options, audit));
      return { version, change, live: known.state.live };
    },
  );
  if (done === null) return;
  const { version, change, live } = done;
  if (options.json) printJson({ version, change });
  else {
    const decides = live === null ? 'the policy of the configuration' : `version ${live}`;
    print(`version ${version} is no longer rolled out: ${decides} decides for everybody within a second\n`);
  }
}

/** The policy that is rolled out. @throws ProgramError when another change took it away meanwhile */
function compiledIn({ rollout }: { readonly rollout: PolicyRollout | null }): PolicyRollout {
  if (rollout === null)
    throw new ProgramError('EASGATE_CHANGED', 'the policy was changed meanwhile; look, and repeat');
  return rollout;
}

function changeOf(
  known: KnownPolicies,
  options: ChangeOptions,
  audit: AuditSink,
): Parameters<typeof finishRollout>[1] {
  return { known, comment: options.comment ?? null, author: authorOf(options), audit };
}

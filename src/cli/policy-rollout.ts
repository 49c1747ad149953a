// Owns the work of `easgate policy rollout`: show, widen, finish, abandon.
import type { Command } from 'commander';
import { abandonRollout, finishRollout, rolloutIn, widenRollout } from '../app/policy-rollout.ts';
import { policiesInUse, readPolicies, refuseWithFile } from '../app/policy-versions.ts';
import type { KnownPolicies } from '../app/policy-versions.ts';
import { isoTime, relativeTime } from '../app/times.ts';
import { widened } from '../app/rollout-extent.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { StoredRollout } from '../model/policy-version.ts';
import { extentText, rolloutWarnings } from '../model/rollout-text.ts';
import { forEverybody, withRollout } from '../policy/active-policies.ts';
import type { PolicyRollout } from '../policy/active-policies.ts';
import { withStore } from './context.ts';
import { print, printJson, printable, warn } from './output.ts';
import { authorOf, shareIn } from './policy-change.ts';
import type { ChangeOptions, ExtentOptions } from './policy-change.ts';
import { changeText, compare, comparedWith, warnOfGroups } from './policy-comparison.ts';
import { announced } from './policy-versions.ts';

/** `policy rollout show`. */
export function show({ json }: { readonly json?: true }, command: Command): Promise<void> {
  return withStore(command, async (store, config) => {
    if (config.policy.file !== undefined)
      warn(`gateways with this configuration decide by ${config.policy.file}, not by these versions`);
    const { rollout } = (await readPolicies(store)).state;
    if (rollout === null) {
      if (json) printJson({ rollout });
      else print('no version is rolled out to a part of the users\n');
      return;
    }
    const active = await policiesInUse(store, config);
    const found = await compare(store, forEverybody(active.live.policy, active.live.version), active);
    if (json) printJson({ rollout, change: { ...found, phones: undefined } });
    else {
      const { version, since, changedAt, by } = rollout;
      const widenedAt = changedAt === since ? '' : `, widened ${relativeTime(changedAt)}`;
      print(
        `version ${version} is rolled out to ${printable(extentText(rollout))}, since ${isoTime(since)} by ${printable(by)}${widenedAt}\n` +
          `compared with ${active.live.version === null ? 'the policy of the configuration' : `version ${active.live.version}`}, which decides for the others:\n\n${changeText(found)}`,
      );
      for (const warning of rolloutWarnings(rollout, Date.now())) warn(warning);
    }
    warnOfGroups(found);
  });
}

/** `policy rollout widen`. */
export function widen(options: ChangeOptions & ExtentOptions, command: Command): Promise<void> {
  return withStore(command, async (store, config, audit) => {
    refuseWithFile(config);
    const known = await readPolicies(store);
    const rollout = rolloutIn(known);
    const more = { groups: options.group ?? [], share: shareIn(options.share) };
    const extent = widened(rollout, more);
    const before = await policiesInUse(store, config);
    const words = printable(extentText(extent));
    const question = `Roll version ${rollout.version} out to ${words}?`;
    const after = withRollout(before, compiledIn(before), extent);
    const change = await announced(store, before, after, options, question);
    if (change === null) return;
    const { version } = await widenRollout(store, more, changeOf(known, options, audit));
    if (options.json) printJson({ version, change });
    else print(`version ${version} decides for ${words}, on every gateway within a second\n`);
  });
}

/** `policy rollout finish`. */
export function finish(options: ChangeOptions, command: Command): Promise<void> {
  return withStore(command, async (store, config, audit) => {
    refuseWithFile(config);
    const known = await readPolicies(store);
    const { version }: StoredRollout = rolloutIn(known);
    const before = await policiesInUse(store, config);
    const after = forEverybody(compiledIn(before).policy, version);
    const change = await announced(
      store,
      before,
      after,
      options,
      `Make version ${version} live, for everybody?`,
    );
    if (change === null) return;
    await finishRollout(store, changeOf(known, options, audit));
    if (options.json) printJson({ version, change });
    else print(`version ${version} is live, on every gateway within a second\n`);
  });
}

/** `policy rollout abandon`. */
export function abandon(options: ChangeOptions, command: Command): Promise<void> {
  return withStore(command, async (store, config, audit) => {
    refuseWithFile(config);
    const known = await readPolicies(store);
    const { version } = rolloutIn(known);
    const before = await comparedWith(store, config);
    const after = before === null ? null : forEverybody(before.live.policy, before.live.version);
    const question = `Abandon the roll-out of version ${version}?`;
    const change = await announced(store, before, after, options, question);
    if (change === null) return;
    await abandonRollout(store, changeOf(known, options, audit));
    if (options.json) printJson({ version, change });
    else {
      const { live } = known.state;
      const decides = live === null ? 'the policy of the configuration' : `version ${live}`;
      print(`version ${version} is no longer rolled out: ${decides} decides for everybody within a second\n`);
    }
  });
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

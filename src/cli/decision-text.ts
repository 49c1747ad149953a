// Owns the texts about manual decisions that a command wrote or cleared.
import { numberText } from '../app/number-text.ts';
import type { CoverageNote, Doubt } from '../app/decision-coverage.ts';
import type { ClearResult, DecideResult } from '../app/decide.ts';
import type { UserDecideResult } from '../app/decide-user.ts';
import { describeDecision } from '../app/write-decision.ts';
import type { Decided } from '../app/write-decision.ts';
import { target } from '../app/names.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { localPart } from '../identity/user-names.ts';
import type { ManualDecision } from '../model/decision.ts';
import { isOpenWipe, isWipe } from '../model/wipe.ts';
import { quoted } from './output.ts';
import { isoTime } from '../app/times.ts';

/** Most names listed per kind. */
const MAX_NAMES = 5;

/** A decision that was written: what it replaced, whom it holds for. */
export function decidedText({ device, user, decision, replaced, replicated, covers }: DecideResult): string {
  const lines = [
    ...replaced.map((one) => replacedLine(device, one)),
    ...covers.map(coverageLine),
    ...notReplicated(replicated),
  ];
  return `${decision.action}: ${target(device, user)}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

/** The text about cleared decisions and the remaining ones, so that an operator does not assume that all are cleared. */
export function clearedText({ device, user, cleared, left }: ClearResult): string {
  const lines = cleared.map(
    (stored) => `cleared: ${target(device, stored.user)} (was: ${describeDecision(stored.decision)})`,
  );
  if (lines.length === 0) lines.push(`nothing to clear: no decision on ${target(device, user)}`);
  for (const { user: name, decision } of left) {
    const state = isOpenWipe(decision) ? 'wipe still pending' : 'decision still in force';
    lines.push(
      `${state}: ${target(device, name)}: ${describeDecision(decision)}; to clear it: ${clearCommand(device, name, decision)}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** The command that clears the decision; a wipe that the device acknowledged needs `--force`. */
export function clearCommand(device: DeviceKey, user: UserKey | null, decision: ManualDecision): string {
  const force = isWipe(decision) && !isOpenWipe(decision) ? ' --force' : '';
  return `easgate devices clear ${device}${user === null ? '' : ` --user ${quoted(user)}`}${force}`;
}

/** The text of a warning. */
export function doubtText(doubt: Doubt): string {
  const { device } = doubt;
  if (doubt.kind === 'unknownDevice')
    return `no feed reported ${device}, and it has no partnership: check the id`;
  const others = doubt.seen.length === 0 ? 'which has no partnership' : `only ${listed(doubt.seen)}`;
  return `${doubt.user} was never seen with ${device}, ${others}: check the name`;
}

/** A decision that was written on a user. */
export function decidedUserText({
  user,
  decision,
  replaced,
  replicated,
  holdsFor,
  notFor,
  isDisabled,
}: UserDecideResult): string {
  const lines: string[] = [];
  if (replaced !== null) lines.push(`replaces ${describeDecision(replaced)} by ${replaced.owner}`);
  lines.push(`holds for ${user} with every device${seen(holdsFor)}`);
  if (notFor.length > 0) lines.push(`does not hold for ${listed(notFor)}: an allow is for exact names`);
  if (isDisabled && decision.action !== 'block') lines.push(disabledText(user));
  lines.push(...notReplicated(replicated));
  return `${decision.action}: ${user}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function disabledText(user: UserKey): string {
  return `has no effect while the account of ${user} is disabled, unless the policy ignores that`;
}

/** What a failure of the primary server would lose. */
function notReplicated(replicated: boolean | null): string[] {
  return replicated === false
    ? [
        'acknowledged, not replicated: no second server of the directory has it yet; if the first one fails now, it may be lost',
      ]
    : [];
}

function replacedLine(device: DeviceKey, { user, decision }: Decided): string {
  const { owner, reason, expiresAt } = decision;
  const why = reason === null ? '' : ` (${reason})`;
  const until = expiresAt === null ? '' : `, until ${isoTime(expiresAt)}`;
  return `replaces ${describeDecision(decision)} on ${target(device, user)} by ${owner}${why}${until}`;
}

function coverageLine(note: CoverageNote): string {
  switch (note.kind) {
    case 'everyUser':
      return `applies to every user of the device${seen(note.seen)}, under every spelling of its id`;
    case 'exceptUser':
      return `does not apply to ${note.user}: ${describeDecision(note.decision)} by ${note.decision.owner}`;
    case 'exactLogin':
      return `applies only to the login ${note.user}, and to names that identity.domains makes equivalent`;
    case 'notOtherSpellings': {
      if (note.seen.length > 0)
        return `does not apply to ${listed(note.seen)}, seen with the device: decide on that name too`;
      const local = localPart(note.user);
      const example = note.user.includes('@') ? `${local} or DOMAIN\\${local}` : `${local}@a.domain`;
      return `does not apply to other spellings of the login, such as ${example}`;
    }
    case 'alikeLogins': {
      const suffix = note.notOtherSuffixes ? 'except those of another DNS domain' : 'of any domain';
      return `applies to ${note.user}, and to all logins named ${localPart(note.user)} ${suffix}${seen(note.seen)}`;
    }
    case 'notOtherDomains':
      return `does not apply to ${listed(note.seen)}, of another DNS domain`;
    case 'overruledByUser':
      return `has no effect while ${note.user} is blocked with every device, by ${note.decision.owner}: easgate users clear ${quoted(note.user)}`;
    case 'accountDisabled':
      return disabledText(note.user);
    case 'overruledBy':
    default: {
      const where = note.user === null ? 'the device' : note.user;
      return `has no effect while a stricter decision is in force: ${describeDecision(note.decision)} on ${where} by ${note.decision.owner}`;
    }
  }
}

function seen(names: readonly string[]): string {
  return names.length === 0 ? '' : ` (seen: ${listed(names)})`;
}

function listed(names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? ` and ${numberText(names.length - MAX_NAMES)} more` : '';
  return names.slice(0, MAX_NAMES).join(', ') + more;
}

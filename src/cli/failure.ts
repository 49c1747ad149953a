// Owns the text of a failure (code, message, and the command that helps) and its exit code.
import { WipeInTheWay } from '../app/write-decision.ts';
import { WipeUserError } from '../app/wipe.ts';
import { codeOf } from '../caught-error.ts';
import { failureOf, withoutChange } from '../directory/failure.ts';
import type { Failure } from '../directory/failure.ts';
import { PROGRAM_ERRORS, ProgramError } from '../errors/program-errors.ts';
import type { ProgramErrorCode } from '../errors/program-errors.ts';
import { fileTrouble } from '../file-words.ts';
import { isUserError } from '../identity/user.ts';
import { isOpenWipe } from '../model/wipe.ts';
import { clearCommand } from './decision-text.ts';
import { shownLines } from './output.ts';
import { RemoteError } from './remote/client.ts';

/** `CODE: message`, and the command to type next, if known. `command`: which failed, `devices list`. */
export function failureText(error: unknown, command = ''): string {
  const { code, message } = coded(failureOf(error), error);
  const told = READS.test(command) ? withoutChange(message) : message;
  // Messages quote what phones, files and the gateway of a context sent.
  return shownLines(`${code}: ${told}${hint(error)}`);
}

/** Commands that change nothing. */
const READS =
  /^(?:status|health|check|explain|simulate|report|export|identify)\b|\b(?:list|show|status|query|follow|export|explain|evaluate|test|check|diff|history)$/;

/** Codes of the system and of libraries are replaced by one of easgate's: EASGATE_FILE where the error names a file, else EASGATE_FAILED. */
function coded(found: Failure, error: unknown): Failure {
  if (found.code.startsWith('EASGATE_')) return found;
  const path =
    error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : null;
  if (path !== null) return { code: 'EASGATE_FILE', message: fileTrouble(error, path) };
  // A write to a file that is open already: the error does not name it.
  const isFull = found.code === 'ENOSPC' || found.code === 'EDQUOT';
  return { code: 'EASGATE_FAILED', message: `${isFull ? 'a disk is full: ' : ''}${found.message}` };
}

const FAILED = 1;
/** Like a command or an option that there is not. */
const USAGE = 2;

/** 2 = a value on the command line is not valid, 1 = the command failed. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof ProgramError || error instanceof RemoteError)) return FAILED;
  const { code } = error;
  // A user name is read by the same rules as that of a request.
  if (isUserError(code)) return USAGE;
  return Object.hasOwn(PROGRAM_ERRORS, code) && PROGRAM_ERRORS[code as ProgramErrorCode].part === 'argument'
    ? USAGE
    : FAILED;
}

function hint(error: unknown): string {
  if (error instanceof WipeInTheWay) {
    const { device, decided } = error;
    const clear = clearCommand(device, decided.user, decided.decision);
    return isOpenWipe(decided.decision)
      ? `; cancel it first: ${clear}`
      : `; it cannot be cancelled any more; to allow the device again: ${clear}`;
  }
  if (error instanceof WipeUserError && error.missing !== null)
    return error.missing === 'account' ? ' (--user)' : ' (--user, or --all-users for each of them)';
  return NEXT_COMMANDS[codeOf(error, '')] ?? '';
}

/** The command that helps, by the code of the failure; the API has the same messages without it. */
const NEXT_COMMANDS: Readonly<Partial<Record<string, string>>> = {
  EASGATE_NO_SHADOW: '; to begin: easgate policy shadow FILE',
  EASGATE_NO_ROLLOUT: '; to begin: easgate policy publish FILE --group NAME',
  EASGATE_ROLLOUT: ': easgate policy rollout finish, or easgate policy rollout abandon',
};

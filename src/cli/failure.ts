// Owns the text of a failure: code, message, and the command that helps.
import { WipeInTheWay } from '../app/decisions.ts';
import { WipeUserError } from '../app/wipe.ts';
import { isOpenWipe } from '../model/wipe.ts';
import { clearCommand } from './decision-text.ts';

/** `CODE: message`, and the command to type next, if known. */
export function failureText(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'EASGATE_FAILED';
  return `${code}: ${error instanceof Error ? error.message : String(error)}${hint(error)}`;
}

function hint(error: unknown): string {
  if (error instanceof WipeInTheWay) {
    const { device, decided } = error;
    const clear = clearCommand(device, decided.user);
    return isOpenWipe(decided.decision)
      ? `; cancel it first: ${clear}`
      : `; it cannot be cancelled any more; to allow the device again: ${clear} --force`;
  }
  if (error instanceof WipeUserError && error.missing !== null)
    return error.missing === 'account' ? ' (--user)' : ' (--user, or --all-users for each of them)';
  return '';
}

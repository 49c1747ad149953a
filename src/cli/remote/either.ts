// Owns where a command works: through the admin API of its context, or on the directory of this machine.
import type { Command } from 'commander';
import type { Config } from '../../config/schema.ts';
import type { DirectoryStore } from '../../directory/store.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import type { AuditLog } from '../../journal/audit-log.ts';
import { withStore } from '../context.ts';
import { contextOf } from './contexts.ts';
import type { Context } from './contexts.ts';

/** The document of a command. The API gives the same one as the use case here. */
export async function fromEither<T>(
  command: Command,
  there: (context: Context) => Promise<T>,
  here: (store: DirectoryStore, config: Config, audit: AuditLog) => Promise<T>,
): Promise<T> {
  const context = contextOf(command);
  return context === null ? withStore(command, here) : there(context);
}

/** Refuses options that the API cannot take. `given`: their values, undefined = absent. @throws ProgramError */
function refuseOptions(given: Readonly<Record<string, unknown>>, why: string): void {
  const names = Object.keys(given).filter((name) => given[name] !== undefined);
  if (names.length > 0)
    throw new ProgramError(
      'EASGATE_CONTEXT_COMMAND',
      `${names.join(', ')} ${names.length === 1 ? 'does' : 'do'} not work with --context: ${why}`,
    );
}

/** The API takes the author from the token. @throws ProgramError */
export function refuseOwner({ owner }: { readonly owner?: string | undefined }): void {
  refuseOptions({ '--owner': owner }, 'the token says who decides');
}

// Owns who is signed in, and what the role allows.
import type { AnswerOf } from '../../api/contract/operations.ts';
import { OPERATIONS, ROLES } from '../../api/contract/paths.ts';
import type { OperationName, Role } from '../../api/contract/paths.ts';
import { newValue, useValue } from './value.ts';

/** The session of the person at the browser. */
export type Session = AnswerOf<'showSession'>;

/** `unknown` = not asked yet; `out` = nobody; `ended` = a session ended. */
export type SignedIn = Session | 'unknown' | 'out' | 'ended';

export const signedIn = newValue<SignedIn>('unknown');

/** The API answered 401. */
export function noteSignedOut(): void {
  signedIn.set(signedIn.get() === 'unknown' || signedIn.get() === 'out' ? 'out' : 'ended');
}

/** The session, or null while nobody is signed in. */
export function useSession(): Session | null {
  const now = useValue(signedIn);
  return typeof now === 'string' ? null : now;
}

/** Whether a role may use an operation. */
export function roleMay(role: Role, name: OperationName): boolean {
  const needed = OPERATIONS[name].role;
  return needed === null || ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** The least role that may use an operation. */
export function roleFor(name: OperationName): Role {
  return OPERATIONS[name].role ?? 'viewer';
}

/** Whether the person at the browser may use an operation. */
export function useMay(name: OperationName): boolean {
  const session = useSession();
  return session !== null && roleMay(session.role, name);
}

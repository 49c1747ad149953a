// Owns one route of the admin API: an operation of the contract and its handler.
import type { DecisionOrigin } from '../../model/decision.ts';
import type { Principal } from '../auth/principal.ts';
import type { InputOf, JsonOperation } from '../contract/operations.ts';
import type { OperationName } from '../contract/paths.ts';
import { ApiError } from '../problems.ts';

/** One call of an operation. */
export interface Call {
  readonly principal: Principal;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Address of the client. */
  readonly address: string;
  /** Who does it, for decisions and the audit. */
  readonly origin: DecisionOrigin;
  /** @throws ApiError EASGATE_API_PRECONDITION where If-Match names another state than `tag` */
  readonly mustMatch: (tag: string) => void;
  /** Sends an ETag with the answer. */
  readonly tag: (tag: string) => void;
  /** Sets the cookie of a session; null = takes it away. */
  readonly setCookie: (secret: string | null) => void;
}

/** Carries an operation out. The answer may have times in milliseconds: they become ISO texts. Null = no body. */
export type Handler<Name extends JsonOperation> = (
  input: InputOf<Name>,
  call: Call,
) => Promise<object | null>;

/** One route. */
export interface Route {
  readonly name: JsonOperation;
  readonly handle: (input: never, call: Call) => Promise<object | null>;
}

/** A route of an operation. */
export function route<Name extends JsonOperation>(name: Name, handle: Handler<Name>): Route {
  return { name, handle };
}

/** The principal of an operation that nobody needs to be signed in for. */
export const NOBODY: Principal = {
  id: '',
  name: '',
  role: 'viewer',
  by: 'bearer',
  session: null,
  expiresAt: null,
  idleUntil: null,
};

/** Compares If-Match with the tag of the present state (RFC 9110 13.1.1). @throws ApiError */
export function checkMatch(ifMatch: string | undefined, tag: string): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  const wanted = ifMatch.split(',').map((one) => one.trim());
  if (!wanted.includes(tag))
    throw new ApiError(
      'EASGATE_API_PRECONDITION',
      'it was changed since it was read: read it again, then decide again',
    );
}

/** Operations that are no JSON: streams, files. */
export type OtherOperation = Exclude<OperationName, JsonOperation>;

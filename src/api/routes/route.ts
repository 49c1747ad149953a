// Owns one route of the admin API: an operation of the contract and its handler.
import { Readable } from 'node:stream';
import { monotonicNow } from '../../clock.ts';
import type { DecisionOrigin } from '../../model/decision.ts';
import type { Principal } from '../auth/principal.ts';
import type { FastifyReply } from 'fastify';
import type { InputOf, JsonOperation, StreamInputOf, StreamOperation } from '../contract/operations.ts';
import type { Follow } from '../event-streams.ts';
import { ApiError } from '../problems.ts';
import type { Asker } from '../questions/model-questions.ts';

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
  /** `Last-Event-ID` of a stream that goes on; null = it begins. */
  readonly lastEventId: string | null;
  /** Whether the token or session is still in force, and of the role that is needed: a file may outlast it. */
  readonly stillAdmitted: () => boolean;
  /** Asks the read model; its signal is aborted when the answer is sent, or the client left. */
  readonly asker: Asker;
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

/** An answer that is a file. */
export class FileAnswer {
  private readonly type: string;
  private readonly name: string;
  private readonly content: Iterable<string> | AsyncIterable<string>;

  /** `name`: of the file, as browsers store it. `content` is read as fast as the client takes it. */
  constructor(type: string, name: string, content: Iterable<string> | AsyncIterable<string>) {
    this.type = type;
    this.name = name;
    this.content = content;
  }

  /** `stillAdmitted`: is looked at every `checkMs`; once it is false, the connection is cut. */
  send(reply: FastifyReply, stillAdmitted: () => boolean, checkMs: number): FastifyReply {
    const content = whileAdmitted(this.content, stillAdmitted, checkMs);
    return reply
      .header('content-disposition', `attachment; filename="${this.name}"`)
      .type(this.type)
      .send(Readable.from(content, { objectMode: false, encoding: 'utf8' }));
  }
}

async function* whileAdmitted(
  content: Iterable<string> | AsyncIterable<string>,
  stillAdmitted: () => boolean,
  checkMs: number,
): AsyncGenerator<string> {
  let checkedAt = monotonicNow();
  for await (const part of content) {
    if (monotonicNow() - checkedAt >= checkMs) {
      checkedAt = monotonicNow();
      if (!stillAdmitted()) throw noLongerAdmitted();
    }
    yield part;
  }
}

/** The refusal of a request whose token or session ended while it was made. */
export function noLongerAdmitted(): ApiError {
  return new ApiError('EASGATE_API_UNAUTHENTICATED', 'the token or session ended meanwhile: sign in again');
}

/** A route that answers with a file, or with events. */
export type StreamRoute =
  | { readonly name: StreamOperation; readonly file: (input: never, call: Call) => Promise<FileAnswer> }
  | { readonly name: StreamOperation; readonly follow: (input: never, call: Call) => Promise<Follow> };

/** A route of a file. */
export function fileRoute<Name extends StreamOperation>(
  name: Name,
  file: (input: StreamInputOf<Name>, call: Call) => Promise<FileAnswer>,
): StreamRoute {
  return { name, file };
}

/** A route of events. What is wrong with the question is thrown before the first one. */
export function eventRoute<Name extends StreamOperation>(
  name: Name,
  follow: (input: StreamInputOf<Name>, call: Call) => Promise<Follow>,
): StreamRoute {
  return { name, follow };
}

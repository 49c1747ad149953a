// Owns requests to the admin API: address, query, body, answer, each typed by the contract.
import type { AnswerOf, BodyOf, JsonOperation, QueryOf } from '../../api/contract/operations.ts';
import { BASE, OPERATIONS } from '../../api/contract/paths.ts';
import type { OperationName } from '../../api/contract/paths.ts';
import { networkError, statusError } from './problem.ts';
import { noteAnswer, noteSilence } from './connection.ts';
import { noteSignedOut } from './signed-in.ts';

/** What a request brings. */
export interface Input<Name extends JsonOperation> {
  /** Parameters of the path. */
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: QueryOf<Name>;
  readonly body?: BodyOf<Name>;
  /** The body is a file. */
  readonly file?: Blob;
  /** The ETag of what was looked at: another one by now is refused with 412. */
  readonly ifMatch?: string | null;
  readonly signal?: AbortSignal;
}

/** Without an answer in this time, a request has failed. */
const DEADLINE_MS = 30_000;
/** With a file: as long as the gateway reads it. */
const FILE_DEADLINE_MS = 15 * 60_000;

const tags = new WeakMap<object, string>();

/** The ETag that came with an answer (RFC 9110 8.8.3); null = none did. */
export function tagOf(answer: object | null): string | null {
  return answer === null ? null : (tags.get(answer) ?? null);
}

/** The address of an operation. */
export function addressOf(
  name: OperationName,
  params: Readonly<Record<string, string>> = {},
  query: object = {},
): string {
  const path = OPERATIONS[name].path.replace(/\{(\w+)\}/g, (_, key: string) =>
    encodeURIComponent(params[key] ?? ''),
  );
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query) as [string, unknown][])
    if (typeof value === 'string' ? value !== '' : typeof value === 'number' || typeof value === 'boolean')
      search.set(key, String(value));
  const text = search.toString();
  return `${BASE}${path}${text === '' ? '' : `?${text}`}`;
}

/** A value that no other request has, so that a request sent twice is carried out once. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

/** Sends a request. Throws ApiError; throws AbortError when the signal ends it. */
export async function call<Name extends JsonOperation>(
  name: Name,
  input: Input<Name> = {},
): Promise<AnswerOf<Name>> {
  const { method, path } = OPERATIONS[name];
  const headers: Record<string, string> = { accept: 'application/json' };
  if (method !== 'GET' && path !== '/session') headers['idempotency-key'] = newKey();
  if (input.body !== undefined) headers['content-type'] = 'application/json';
  if (input.file !== undefined) headers['content-type'] = 'application/octet-stream';
  if (input.ifMatch !== undefined && input.ifMatch !== null) headers['if-match'] = input.ifMatch;
  const deadline = AbortSignal.timeout(input.file === undefined ? DEADLINE_MS : FILE_DEADLINE_MS);
  let response: Response;
  try {
    response = await fetch(addressOf(name, input.params, input.query as object | undefined), {
      method,
      headers,
      credentials: 'same-origin',
      redirect: 'error',
      signal: input.signal === undefined ? deadline : AbortSignal.any([input.signal, deadline]),
      ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
      ...(input.file === undefined ? {} : { body: input.file }),
    });
  } catch (error) {
    if (input.signal?.aborted === true) throw error;
    noteSilence();
    throw networkError();
  }
  noteAnswer();
  if (response.status === 401 && name !== 'signIn') noteSignedOut();
  if (!response.ok) throw await statusError(response);
  if (response.status === 204) return undefined as AnswerOf<Name>;
  try {
    const answer = (await response.json()) as AnswerOf<Name>;
    const tag = response.headers.get('etag');
    if (tag !== null && typeof answer === 'object' && answer !== null) tags.set(answer, tag);
    return answer;
  } catch {
    if (input.signal?.aborted === true) throw new DOMException('The request was ended.', 'AbortError');
    throw networkError();
  }
}

// Owns requests of the command line to an admin API.
import { randomUUID } from 'node:crypto';
import { BASE, OPERATIONS } from '../../api/contract/paths.ts';
import type { OperationPath } from '../../api/contract/paths.ts';
import type { BodyOf, JsonOperation, QueryOf } from '../../api/contract/operations.ts';
import { fromIsoTimes } from '../../app/times.ts';
import { ProgramError } from '../../errors.ts';
import type { Context } from './contexts.ts';

/** A refusal by the API, with its code. */
export class RemoteError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const TIMEOUT_MS = 30_000;
const MAX_BYTES = 64 * 1_048_576;

/** What an operation gets. */
export interface RemoteInput<Name extends JsonOperation> {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: QueryOf<Name>;
  readonly body?: BodyOf<Name>;
}

/** Asks for an operation; the document has times in milliseconds, as that of the use case on this machine. @throws RemoteError */
export async function ask<Name extends JsonOperation>(
  { url, token, ca }: Context,
  name: Name,
  { params = {}, query, body }: RemoteInput<Name>,
): Promise<unknown> {
  const { method, path }: OperationPath = OPERATIONS[name];
  const target = new URL(
    url + BASE + path.replaceAll(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(params[key] ?? '')),
  );
  for (const [key, value] of Object.entries(query ?? {}))
    if (typeof value === 'string' || typeof value === 'number') target.searchParams.set(key, String(value));
  // Loaded on demand: most commands ask no API.
  const { Agent, request } = await import('undici');
  const dispatcher = new Agent({
    connect: ca === null ? {} : { ca },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    maxResponseSize: MAX_BYTES,
  });
  try {
    const answer = await request(target, {
      method,
      dispatcher,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(method !== 'GET' && { 'idempotency-key': randomUUID() }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode < 300) return text === '' ? null : fromIsoTimes(JSON.parse(text));
    throw refusal(answer.statusCode, text);
  } catch (error) {
    if (error instanceof RemoteError) throw error;
    throw new ProgramError('EASGATE_CONTEXT_AWAY', `${url} does not answer: ${causeOf(error)}`);
  } finally {
    await dispatcher.destroy();
  }
}

function refusal(status: number, text: string): RemoteError {
  try {
    const { code, detail } = JSON.parse(text) as { code?: unknown; detail?: unknown };
    if (typeof code === 'string' && typeof detail === 'string') return new RemoteError(code, detail);
  } catch {
    // Something else than the API answered.
  }
  return new RemoteError('EASGATE_CONTEXT_AWAY', `the answer is not of an admin API (status ${status})`);
}

function causeOf(error: unknown): string {
  return error instanceof Error
    ? error.message || ('code' in error ? String(error.code) : error.name)
    : String(error);
}

// Owns requests of the command line to an admin API.
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { z } from 'zod';
import { IMPORT_ANSWER_MS } from '../../api/contract/import-time.ts';
import { BASE, OPERATIONS } from '../../api/contract/paths.ts';
import type { OperationName, OperationPath } from '../../api/contract/paths.ts';
import type {
  BodyOf,
  JsonOperation,
  OperationSchemas,
  QueryOf,
  StreamOperation,
} from '../../api/contract/operations.ts';
import { fromIsoTimes } from '../../app/times.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import type { Context } from './contexts.ts';
import type { DocumentOf, JournalEvent } from './documents.ts';

/** A refusal by the API, with its code. */
export class RemoteError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Counts of a large directory take their time. */
const ANSWER_MS = 130_000;
/** Longest wait for a connection, with TLS. */
const CONNECT_MS = 10_000;
const MAX_BYTES = 64 * 1_048_576;
/** Longest refusal of a file, in characters. */
const MAX_REFUSAL = 1_048_576;

/** What an operation gets. */
export interface RemoteInput<Name extends JsonOperation> {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: QueryOf<Name>;
  readonly body?: BodyOf<Name>;
  /** If-Match: the ETag of what the change is based on. */
  readonly match?: string | null;
  /** Longest wait for the answer, milliseconds; absent = what a count of a large directory may take. */
  readonly waitMs?: number;
}

/** An answer, and its ETag; null = it has none. */
export interface TaggedAnswer<Document> {
  readonly document: Document;
  readonly tag: string | null;
}

/** Asks for an operation; the document has times in milliseconds, as that of the use case on this machine. @throws RemoteError */
export async function ask<Name extends JsonOperation>(
  context: Context,
  name: Name,
  input: RemoteInput<Name> = {},
): Promise<DocumentOf<Name>> {
  return (await askTagged(context, name, input)).document;
}

/** Likewise, with the ETag. @throws RemoteError */
export async function askTagged<Name extends JsonOperation>(
  context: Context,
  name: Name,
  { params = {}, query, body, match = null, waitMs = ANSWER_MS }: RemoteInput<Name> = {},
): Promise<TaggedAnswer<DocumentOf<Name>>> {
  const headers = match === null ? {} : { 'if-match': match };
  return send(context, name, { params, query, headers, body: jsonBody(body), waitMs }, async (answer) => {
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw refusal(answer.statusCode, text);
    const { etag } = answer.headers;
    const document = await documentOf(name, text);
    return { document, tag: typeof etag === 'string' ? etag : null };
  });
}

/** Sends a file, and returns the answer. @throws RemoteError */
export async function upload<Name extends JsonOperation>(
  context: Context,
  name: Name,
  query: QueryOf<Name>,
  file: Readable,
): Promise<DocumentOf<Name>> {
  const body = { type: 'application/octet-stream', content: file };
  return send(
    context,
    name,
    { params: {}, query, headers: {}, body, waitMs: IMPORT_ANSWER_MS },
    async (answer) => {
      const text = await answer.body.text();
      if (answer.statusCode >= 300) throw refusal(answer.statusCode, text);
      return documentOf(name, text);
    },
  );
}

/** The text of an operation that answers with a file or a stream, as it comes in; `work` takes it. @throws RemoteError */
export async function download(
  context: Context,
  name: StreamOperation | JsonOperation,
  {
    params = {},
    query = {},
  }: { readonly params?: Readonly<Record<string, string>>; readonly query?: object },
  work: (parts: AsyncIterable<string>) => Promise<void>,
): Promise<void> {
  await send(
    context,
    name,
    { params, query, headers: { accept: '*/*' }, body: null },
    async ({ statusCode, body }) => {
      if (statusCode >= 300) throw refusal(statusCode, await beginningOf(body));
      body.setEncoding('utf8');
      await work(body as AsyncIterable<string>);
    },
    true,
  );
}

/** Reads an answer, and checks it. @throws RemoteError where it is not as the contract of this version says */
async function documentOf<Name extends JsonOperation>(name: Name, text: string): Promise<DocumentOf<Name>> {
  const { SCHEMAS } = await import('../../api/contract/operations.ts');
  const { answer }: OperationSchemas = SCHEMAS[name];
  const document = text === '' ? null : checked(text, answer, name);
  // The schema was checked; documents.ts has the types that it gives, with those of the use cases.
  return document as DocumentOf<Name>;
}

/** Reads the data of an event of `followJournal`, and checks it. @throws RemoteError */
export async function journalEventOf(text: string): Promise<JournalEvent> {
  const { STREAMS } = await import('../../api/contract/operations.ts');
  return checked(text, STREAMS.followJournal.event, 'followJournal') as JournalEvent;
}

/** A document with times in milliseconds. @throws RemoteError unless it is as the schema says */
function checked(text: string, schema: z.ZodType | null, name: OperationName): unknown {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new RemoteError('EASGATE_CONTEXT_AWAY', `the answer to ${name} is not JSON`);
  }
  const issue = schema?.safeParse(document).error?.issues[0];
  if (issue === undefined) return fromIsoTimes(document);
  throw new RemoteError(
    'EASGATE_CONTEXT_AWAY',
    `the answer to ${name} is of another version of easgate (${issue.path.join('.')}: ${issue.message}): use the version of the gateway`,
  );
}

/** What is sent. */
interface Sent {
  readonly params: Readonly<Record<string, string>>;
  readonly query: unknown;
  readonly headers: Readonly<Record<string, string>>;
  /** Null = none. */
  readonly body: { readonly type: string; readonly content: string | Readable } | null;
  readonly waitMs?: number;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable & { text: () => Promise<string> };
}

async function send<T>(
  { url, token, ca }: Context,
  name: OperationName,
  { params, query, headers, body, waitMs = ANSWER_MS }: Sent,
  work: (answer: Answer) => Promise<T>,
  isFile = false,
): Promise<T> {
  const { method, path }: OperationPath = OPERATIONS[name];
  const target = new URL(
    url + BASE + path.replaceAll(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(params[key] ?? '')),
  );
  for (const [key, value] of Object.entries(query ?? {}))
    if (typeof value === 'string' || typeof value === 'number') target.searchParams.set(key, String(value));
  // Loaded on demand: most commands ask no API.
  const { Agent, request } = await import('undici');
  const dispatcher = new Agent({
    connect: { ...(ca !== null && { ca }), timeout: Math.min(waitMs, CONNECT_MS) },
    headersTimeout: waitMs,
    bodyTimeout: waitMs,
    ...(!isFile && { maxResponseSize: MAX_BYTES }),
  });
  try {
    const answer = await request(target, {
      method,
      dispatcher,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(body !== null && { 'content-type': body.type }),
        ...(method !== 'GET' && { 'idempotency-key': randomUUID() }),
        ...headers,
      },
      ...(body !== null && { body: body.content }),
    });
    return await work(answer);
  } catch (error) {
    if (error instanceof RemoteError || error instanceof ProgramError) throw error;
    throw new ProgramError('EASGATE_CONTEXT_AWAY', `${url} does not answer: ${causeOf(error, waitMs)}`);
  } finally {
    await dispatcher.destroy();
  }
}

/** The text of a refusal; a longer one is none of an admin API. */
async function beginningOf(body: Readable): Promise<string> {
  let text = '';
  for await (const part of body.setEncoding('utf8') as AsyncIterable<string>) {
    text += part;
    if (text.length > MAX_REFUSAL) return '';
  }
  return text;
}

function jsonBody(body: unknown): Sent['body'] {
  return body === undefined ? null : { type: 'application/json', content: JSON.stringify(body) };
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

/** Why no answer came within this time, for people. */
export function causeOf(error: unknown, waitMs: number): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : error.name;
  const missing =
    code === 'UND_ERR_CONNECT_TIMEOUT'
      ? `no connection within ${Math.min(waitMs, CONNECT_MS) / 1_000} seconds`
      : code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT'
        ? `no answer within ${waitMs / 1_000} seconds`
        : null;
  return missing === null
    ? error.message || code
    : `${missing}; run \`easgate status\` on its machine to see the state of its control process`;
}

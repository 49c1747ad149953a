// Owns how an operation of the contract becomes a route of the server: schemas, roles, headers, answers, streams, files.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { withIsoTimes } from '../app/times.ts';
import type { Guard } from './auth/guard.ts';
import { problem } from './contract/common.ts';
import { SCHEMAS, STREAMS } from './contract/operations.ts';
import type { OperationSchemas, StreamSchemas } from './contract/operations.ts';
import { BASE, OPERATIONS } from './contract/paths.ts';
import type { OperationName, OperationPath } from './contract/paths.ts';
import { STREAM_TIMES } from './event-streams.ts';
import type { EventStreams } from './event-streams.ts';
import { answerOnce } from './idempotency.ts';
import { noted } from './interrupted-changes.ts';
import type { ApiParts } from './api-parts.ts';
import { ApiError, PROBLEM } from './problems.ts';
import { FileAnswer, checkMatch, noLongerAdmitted } from './routes/route.ts';
import type { Call, Route, StreamRoute } from './routes/route.ts';

/** A connection may be silent for so long while an answer is made: counts of a large directory take a while. */
const ANSWER_TIMEOUT_MS = 120_000;

const ERRORS = { description: 'An error', content: { [PROBLEM]: { schema: problem } } };

/** Registers an operation that answers with one JSON document, or with a file where the query asks for one. */
export function register(api: FastifyInstance, { name, handle }: Route, guard: Guard, parts: ApiParts): void {
  const {
    params,
    query,
    body,
    answer,
    status,
    changes,
    matches,
    secret,
    file,
    files = [],
  }: OperationSchemas = SCHEMAS[name];
  const { checkMs } = parts.streamTimes ?? STREAM_TIMES;
  const success = status ?? (answer === null ? 204 : 200);
  const headers = z.object({
    ...(matches === true && { 'if-match': z.string().max(500).optional() }),
    'idempotency-key': z.string().min(1).max(100).optional(),
  });
  api.route({
    ...pathOf(name),
    config: { role: OPERATIONS[name].role, ...(file === true && { isFile: true }) },
    schema: {
      ...describe(name),
      ...(params !== undefined && { params }),
      ...(query !== undefined && { querystring: query }),
      ...(body !== undefined && { body }),
      ...(file === true && { consumes: ['application/octet-stream'] }),
      ...(changes === true && { headers }),
      response: {
        [success]: answer === null ? z.null().describe('no body') : withFiles(answer, files),
        default: ERRORS,
      },
    },
    handler: async (request, reply) => {
      if (file !== true) request.raw.socket.setTimeout(ANSWER_TIMEOUT_MS);
      if (
        (changes === true || file === true) &&
        matches !== true &&
        request.headers['if-match'] !== undefined
      )
        throw new ApiError('EASGATE_API_INVALID', 'this operation does not compare If-Match: leave it out');
      const call = callOf(request, reply, guard);
      // The body may have come long after the head.
      if (body !== undefined && OPERATIONS[name].role !== null && !call.stillAdmitted())
        throw noLongerAdmitted();
      // Fastify checked it with the schemas above, and the types of a route and its name are tied in route.ts.
      const input = { params: request.params, query: request.query, body: request.body } as never;
      const work = async (): Promise<object | null> => {
        const result = await handle(input, call);
        return result === null || result instanceof FileAnswer ? result : (withIsoTimes(result) as object);
      };
      const change = { at: call.now, by: call.origin.by, operation: name, target: targetOf(request) };
      const notedWork = (): Promise<object | null> => noted(parts.admin, change, work);
      const result =
        changes === true
          ? await answerOnce(
              parts.admin,
              call,
              request,
              { status: success, isSecret: secret === true },
              notedWork,
            )
          : await (file === true ? notedWork() : work());
      reply.code(success);
      if (result instanceof FileAnswer) return result.send(reply, call.stillAdmitted, checkMs);
      return result ?? reply.send();
    },
  });
}

/** The path without its query, which may have a search text. */
function targetOf({ url }: FastifyRequest): string {
  return (url.split('?', 1)[0] ?? '').slice(0, 500);
}

/** Registers an operation that answers with a file or with server-sent events. */
export function registerStream(
  api: FastifyInstance,
  route: StreamRoute,
  guard: Guard,
  streams: EventStreams,
): void {
  const { name } = route;
  const { params, query, types, event }: StreamSchemas = STREAMS[name];
  const content = Object.fromEntries(
    types.map((type) => [type, { schema: event ?? z.string().describe('the rows') }]),
  );
  api.route({
    ...pathOf(name),
    config: { role: OPERATIONS[name].role },
    schema: {
      ...describe(name),
      ...(params !== undefined && { params }),
      ...(query !== undefined && { querystring: query }),
      response: {
        200: { description: event === undefined ? 'a file' : 'the data of each event', content },
        default: ERRORS,
      },
    },
    handler: async (request, reply) => {
      const call = callOf(request, reply, guard);
      // Likewise.
      const input = { params: request.params, query: request.query } as never;
      if ('file' in route)
        return (await route.file(input, call)).send(reply, call.stillAdmitted, streams.times.checkMs);
      const follow = await route.follow(input, call);
      return streams.serve(request, reply, call.principal, follow);
    },
  });
}

function pathOf(name: OperationName): { readonly method: OperationPath['method']; readonly url: string } {
  const { method, path } = OPERATIONS[name];
  return { method, url: BASE + path.replaceAll(/\{(\w+)\}/g, ':$1') };
}

function describe(name: OperationName): object {
  const { path, role, summary }: OperationPath = OPERATIONS[name];
  return {
    operationId: name,
    summary,
    description: role === null ? 'Without being signed in.' : `Role: ${role}.`,
    tags: [path.split('/')[1] ?? ''],
    security: role === null ? [] : [{ token: [] }, { session: [] }],
  };
}

/** The answer as JSON, and as files of these types. */
function withFiles(answer: z.ZodType, types: readonly string[]): unknown {
  if (types.length === 0) return answer;
  const file = z.string().describe('the rows');
  return {
    description: 'JSON, or a file',
    content: {
      'application/json': { schema: answer },
      ...Object.fromEntries(types.map((type) => [type, { schema: file }])),
    },
  };
}

function callOf(request: FastifyRequest, reply: FastifyReply, guard: Guard): Call {
  const principal = guard.callerOf(request);
  const now = Date.now();
  const leaving = new AbortController();
  reply.raw.once('close', () => leaving.abort());
  return {
    principal,
    now,
    address: request.ip,
    origin: { by: principal.name, via: 'api', at: now },
    mustMatch: (tag) => checkMatch(request.headers['if-match'], tag),
    lastEventId: lastEventIdOf(request),
    asker: { id: principal.id, signal: leaving.signal },
    stillAdmitted: () => guard.stillAdmits(request),
    tag: (tag) => void reply.header('etag', tag),
    setCookie: (secret) => guard.setCookie(reply, secret),
  };
}

function lastEventIdOf({ headers }: FastifyRequest): string | null {
  const id = headers['last-event-id'];
  return typeof id === 'string' ? id : null;
}

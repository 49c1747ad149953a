// Owns the HTTP server of the admin API: limits, headers, sign-in, roles, problems, OpenAPI, and the dashboard's files.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { withoutArguments } from '../caught-error.ts';
import { adminUrl } from '../config/admin-url.ts';
import { parseEndpoint } from '../config/endpoint.ts';
import { listenTrouble } from '../supervisor/listen-trouble.ts';
import { sharePlaces } from '../supervisor/shared-places.ts';
import type { ProcessLog } from '../telemetry/logger.ts';
import { FleetAccounts } from './auth/fleet-accounts.ts';
import { Guard } from './auth/guard.ts';
import { refusedSignIns } from './auth/refused-sign-ins.ts';
import { OpenIdProvider } from './auth/provider.ts';
import { SignIn } from './auth/sign-in.ts';
import { prefixOf } from './auth/try-limiter.ts';
import { boundedJson } from './bounded-json.ts';
import { IMPORT_ANSWER_MS } from './contract/import-time.ts';
import { BASE, OPERATIONS } from './contract/paths.ts';
import { EventStreams } from './event-streams.ts';
import { Overview } from './overview/overview.ts';
import { HandRuns } from './hand-runs.ts';
import type { ApiParts } from './api-parts.ts';
import { PolicyChecks } from './policy-checks.ts';
import { PolicyDiffs } from './comparisons/policy-diffs.ts';
import { ApiError, PROBLEM, problemOf } from './problems.ts';
import { register, registerStream } from './register.ts';
import { routesOf, streamRoutesOf } from './routes/all.ts';
import { PROVIDER_CALLBACK, PROVIDER_START, registerProvider, sendPage } from './routes/provider.ts';
import { dashboardStyles, registerDashboard } from './routes/dashboard-files.ts';
import { importRoutes } from './routes/import.ts';

const BODY_LIMIT = 1_048_576;
const MAX_CONNECTIONS = 1_000;
const TIMEOUT_MS = 30_000;
const MINUTE_MS = 60_000;
/** Of a file; other bodies have {@link TIMEOUT_MS}. */
const FILE_TIMEOUT_MS = 10 * MINUTE_MS;
const FILE_TYPES = [
  'application/octet-stream',
  'application/json',
  'application/x-ndjson',
  'application/xml',
  'text/csv',
  'text/xml',
];
const SIGN_IN_PATH = BASE + OPERATIONS.signIn.path;
/** Limits of slow heads: browsers and scripts send a head at once. */
const SLOW_HEADS = { headersTimeout: 10_000, connectionsCheckingInterval: 2_000 };

/** A server that listens. */
export interface RunningApi {
  /** `http://127.0.0.1:8781`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts the admin API. Rejects when the address cannot be listened on. */
export async function startApi(parts: ApiParts, log: ProcessLog): Promise<RunningApi> {
  const { admin } = parts.config;
  const endpoint = parseEndpoint(admin.listen ?? '');
  if (endpoint === null) throw new ApiError('EASGATE_API_FAILED', 'admin.listen is missing');
  const server = await buildServer(parts, log);
  try {
    await server.listen({ host: endpoint.address, port: endpoint.port });
  } catch (error) {
    await server.close();
    throw listenTrouble(error, endpoint.address, endpoint.port, 'admin.listen');
  }
  const { port } = server.server.address() as AddressInfo;
  return {
    url: adminUrl(admin, port) ?? '',
    async close() {
      await server.close();
    },
  };
}

/** The server with all its routes, not yet listening. */
export async function buildServer(parts: ApiParts, log: ProcessLog): Promise<FastifyInstance> {
  const { admin: settings } = parts.config;
  const { tls } = settings;
  const styles = dashboardStyles();
  const server = Fastify({
    ...(tls !== undefined && {
      https: {
        ...SLOW_HEADS,
        cert: readFileSync(tls.certificate),
        key: readFileSync(tls.key),
        minVersion: 'TLSv1.2',
      },
    }),
    bodyLimit: BODY_LIMIT,
    connectionTimeout: TIMEOUT_MS,
    requestTimeout: FILE_TIMEOUT_MS,
    keepAliveTimeout: TIMEOUT_MS,
    http: SLOW_HEADS,
    trustProxy: settings.trustedProxies,
    // Streams end with the server; the others are answered.
    forceCloseConnections: true,
    return503OnClosing: true,
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: false },
    // Never from the client: it would be in the log.
    requestIdHeader: false,
    genReqId: () => createRequestId(),
    // Errors before routing, such as a broken percent-encoding of the target.
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply, log, styles),
    // With `https` Fastify's type is another one, of the server of node:https; the routes need neither.
  }) as unknown as FastifyInstance;
  sharePlaces(server.server, MAX_CONNECTIONS);
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  server.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, log, styles));
  server.setNotFoundHandler((request) => {
    throw new ApiError(
      'EASGATE_API_NOT_FOUND',
      `no operation ${request.method} ${request.url.split('?', 1)[0]?.slice(0, 200)}`,
    );
  });
  // JSON alone: text/plain and forms can be sent by pages of other sites without a preflight (Fetch 4.9).
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, boundedJson(server));
  // It only sets cookies: the guard reads the header itself.
  await server.register(cookie, { hook: false });
  await server.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        objectSrc: ["'none'"],
      },
    },
    strictTransportSecurity: tls !== undefined || settings.publicUrl?.startsWith('https:') === true,
    referrerPolicy: { policy: 'no-referrer' },
  });
  const limits = {
    idleMs: settings.idleMinutes * MINUTE_MS,
    longestMs: settings.sessionHours * 60 * MINUTE_MS,
  };
  const provider = settings.provider === undefined ? null : new OpenIdProvider(settings.provider);
  const refused = refusedSignIns(parts.audit, log);
  const accounts = parts.accounts ?? new FleetAccounts(parts.admin, null);
  const signIn = new SignIn(parts.admin, limits, refused, provider?.realm ?? null, accounts);
  const guard = new Guard(settings, signIn);
  server.addHook('onRequest', async (request, reply) => {
    // Files of the dashboard set another value.
    reply.header('cache-control', 'no-store');
    const { raw, routeOptions } = request;
    const hasBody =
      raw.headers['content-length'] !== undefined || raw.headers['transfer-encoding'] !== undefined;
    const unlimited = hasBody ? limitBody(request, parts.bodyTimeoutMs ?? TIMEOUT_MS) : null;
    if (guard.hasUnknownSecret(request)) await accounts.lookForNews();
    guard.admit(request);
    if (routeOptions.config.isFile !== true) return;
    unlimited?.();
    raw.socket.setTimeout(IMPORT_ANSWER_MS);
  });
  await server.register(rateLimit, {
    max: settings.requestsPerMinute,
    timeWindow: MINUTE_MS,
    hook: 'onRequest',
    cache: 10_000,
    keyGenerator: (request) => guard.principalOf(request)?.id ?? prefixOf(request.ip),
    // Files cost little, and wrong sign-ins have a limit of their own: others of the address must not keep anybody out.
    allowList: ({ routeOptions: { config, url, method } }) =>
      config.role === undefined || (method === OPERATIONS.signIn.method && url === SIGN_IN_PATH),
    errorResponseBuilder: (_request, { ttl }) =>
      new ApiError(
        'EASGATE_API_TOO_MANY',
        'more requests than admin.requestsPerMinute',
        Math.ceil(ttl / 1_000),
      ),
  });
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'easgate', version: parts.version, description: 'Admin API of the easgate gateway' },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer' },
          session: { type: 'apiKey', in: 'cookie', name: guard.cookieName },
        },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await server.register(swaggerUi, { routePrefix: '/api/docs', staticCSP: true });
  const overview = new Overview(parts);
  const policies = { checks: parts.checks ?? new PolicyChecks(), diffs: new PolicyDiffs() };
  const hands = new HandRuns();
  server.addHook('onReady', () => accounts.begin());
  server.addHook('onListen', async () => {
    accounts.start();
    overview.start();
  });
  server.addHook('onClose', async () => {
    overview.close();
    await Promise.all([accounts.close(), policies.checks.close(), policies.diffs.close()]);
  });
  await server.register(async (api) => {
    const shared = { signIn, accounts, provider, overview, policies, hands };
    for (const one of routesOf(parts, shared)) register(api, one, guard, parts);
    const streams = new EventStreams((request) => guard.stillAdmits(request), parts.streamTimes);
    for (const one of streamRoutesOf(parts, shared)) registerStream(api, one, guard, streams);
    if (provider !== null) registerProvider(api, provider, { guard, signIn, accounts, parts });
    api.get(`${BASE}/openapi.json`, { schema: { hide: true } }, async () => server.swagger());
  });
  await server.register(async (files) => {
    files.removeAllContentTypeParsers();
    // No page of another site can send one of these without a preflight (Fetch 4.9).
    files.addContentTypeParser(FILE_TYPES, (_request, body, done) => done(null, body));
    for (const one of importRoutes(parts, policies.checks)) register(files, one, guard, parts);
  });
  await registerDashboard(server);
  return server;
}

/** A body comes in at once; only somebody who was let in may take longer, with a file. Returns what ends the limit. */
function limitBody({ raw }: FastifyRequest, milliseconds: number): () => void {
  const timer = setTimeout(() => raw.destroy(), milliseconds);
  timer.unref();
  const end = (): void => clearTimeout(timer);
  raw.once('end', end);
  raw.once('close', end);
  return end;
}

let requests = 0;
const RUN = createHash('sha256').update(`${process.pid}:${Date.now()}`).digest('base64url').slice(0, 6);

function createRequestId(): string {
  requests += 1;
  return `${RUN}-${requests.toString(36)}`;
}

function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { logger }: ProcessLog,
  styles: readonly string[],
): FastifyReply {
  const answer = problemOf(error, request.id);
  // Not logged for a client that left: its work was ended on purpose.
  if (answer.status >= 500 && !reply.raw.destroyed)
    logger.error(
      {
        code: answer.code,
        requestId: request.id,
        cause: causeOf(error),
      },
      'a request of the admin API failed',
    );
  // The cause is for the operator: only the log has it.
  if (answer.status < 500 && answer.code.startsWith('EASGATE_API_PROVIDER'))
    logger.warn(
      { code: answer.code, requestId: request.id, cause: causeOf(error) },
      'a sign-in with the provider was refused',
    );
  const isPage = request.headers.accept?.includes('text/html') === true;
  if (isPage && [PROVIDER_START, PROVIDER_CALLBACK].some((path) => request.url.startsWith(path)))
    return sendPage(reply, answer, styles);
  if (error instanceof ApiError && error.retryAfter !== null) reply.header('retry-after', error.retryAfter);
  if (answer.status === 401) reply.header('www-authenticate', 'Bearer realm="easgate"');
  return reply.code(answer.status).type(PROBLEM).serializer(JSON.stringify).send(answer);
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = withoutArguments(error.stack ?? error.message);
  return error.cause instanceof Error ? `${text}; ${causeOf(error.cause)}` : text;
}

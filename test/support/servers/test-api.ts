// Owns an admin API for tests: a server on a free port, with a directory and a read model in memory.
import { connect } from 'node:net';
import type { HTTPMethods } from 'fastify';
import { onTestFinished } from 'vitest';
import { AdminStore } from '../../../src/api/auth/admin-store.ts';
import type { Role } from '../../../src/api/contract/paths.ts';
import type { ApiParts } from '../../../src/api/api-parts.ts';
import { PolicyChecks } from '../../../src/api/policy-checks.ts';
import { buildServer } from '../../../src/api/server.ts';
import { comparePolicies } from '../../../src/app/policy-comparison.ts';
import { ProgramError } from '../../../src/errors/program-errors.ts';
import { configSchema } from '../../../src/config/schema.ts';
import type { Config } from '../../../src/config/schema.ts';
import { EmbeddedStore } from '../../../src/directory/embedded/embedded-store.ts';
import { IN_MEMORY, ModelFile } from '../../../src/directory/read-model/model-file.ts';
import { ModelKeeper } from '../../../src/directory/read-model/model-keeper.ts';
import { ModelReader } from '../../../src/directory/read-model/model-reader.ts';
import type { DirectoryStore } from '../../../src/directory/store.ts';
import type { AuditedChange } from '../../../src/journal/audit-log.ts';
import { openJournalStore } from '../../../src/journal/open-journal.ts';
import { openLog } from '../../../src/telemetry/logger.ts';
import { PATIENCE_MS } from '../checks/until.ts';
import { DirectQuestions } from './direct-questions.ts';
import { makeToken } from './make-token.ts';

/** What a test may choose. */
export interface TestApiOptions {
  /** The directory; absent = an empty one. It is closed with the API. */
  readonly store?: DirectoryStore;
  /** Fields of the section `admin`. */
  readonly admin?: Partial<Config['admin']>;
  readonly parts?: Partial<ApiParts>;
}

/** A request to the API. */
export interface ApiRequest {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer of the API. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The JSON document; null = no body. */
  readonly json: unknown;
  readonly text: string;
}

/** A running API. */
export interface TestApi {
  readonly url: string;
  readonly store: DirectoryStore;
  readonly admin: AdminStore;
  /** What was written to the audit. */
  readonly audited: AuditedChange[];
  /** Whether an operation has a route. */
  hasRoute(method: HTTPMethods, url: string): boolean;
  /** A new token with a role. */
  token(role: Role): string;
  /** Sends a request; `as` = with a new token of that role, or a token, or (null) nobody. */
  send(as: string | null, path: string, request?: ApiRequest): Promise<ApiAnswer>;
  /** Sends bytes as they are on a connection of their own; what came back until the API closed it, or `until` is in it. */
  raw(text: string, until?: string): Promise<string>;
  /** Brings the read model up to the directory. */
  refresh(): Promise<void>;
}

/** Goes on after an API was closed. Its thread does not keep the process running. */
class SharedChecks extends PolicyChecks {
  override close(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * One for all APIs of this process: the start of a thread takes a quarter of a second, and much more on a busy machine; a check depends
 * on its text alone.
 */
const CHECKS = new SharedChecks({ waiting: 8, waitingOfOne: 3, workMs: PATIENCE_MS });

const ROLES = ['viewer', 'helpdesk', 'operator', 'admin'];

/** Starts an API, which is closed when the test ends. */
export async function openTestApi({
  store = new EmbeddedStore(':memory:'),
  admin,
  parts,
}: TestApiOptions = {}): Promise<TestApi> {
  const config = configSchema.parse({
    admin: { listen: '127.0.0.1:0', file: ':memory:', ...admin },
    store: { kind: 'embedded', path: ':memory:' },
  });
  const file = parts?.admin ?? AdminStore.open(':memory:');
  const audited: AuditedChange[] = [];
  const model = ModelFile.open(IN_MEMORY, { store: '', epoch: 0 });
  const questions = new DirectQuestions(new ModelReader(model.database, store.names));
  const journal = await openJournalStore({
    kind: 'embedded',
    path: ':memory:',
    retention: { journal: { maxAgeMs: 1e12, maxEntries: 1e6 }, audit: { maxAgeMs: 1e12, maxEntries: 1e6 } },
  });
  const server = await buildServer(
    {
      config,
      name: 'gateway.test',
      version: '1.2.3',
      admin: file,
      audit: {
        record: async (change) => {
          audited.push(change);
        },
      },
      events: { happened: async () => undefined },
      store: () => store,
      model: () => questions,
      compare: (asked, onProgress) => comparePolicies(store, config, asked, onProgress),
      journal: async () => journal,
      feeds: () => null,
      control: () => {
        throw new ProgramError('EASGATE_NOT_RUNNING', 'there is no control process in this test');
      },
      gateway: async () => null,
      checks: CHECKS,
      ...parts,
    },
    openLog('silent', 'stdout'),
  );
  onTestFinished(async () => {
    await server.close();
    await journal.close();
    model.close();
    file.close();
    await store.close();
  });
  const refresh = async (): Promise<void> => {
    await new ModelKeeper(store, model).build();
  };
  // First: the API counts by itself at the end of a minute, and shows those counts for a moment.
  await refresh();
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  const token = (role: Role): string =>
    makeToken(file, { name: `the ${role}`, role, createdBy: 'test', expiresAt: null }, Date.now()).secret;
  return {
    url,
    store,
    admin: file,
    audited,
    token,
    refresh,
    hasRoute: (method, url) => server.hasRoute({ method, url }),
    raw: (text, until) => exchange(Number(new URL(url).port), text, until),
    async send(as, path, { method = 'GET', body, headers = {} } = {}) {
      const secret = as !== null && ROLES.includes(as) ? token(as as Role) : as;
      const response = await fetch(url + path, {
        method,
        redirect: 'manual',
        headers: {
          ...(secret !== null && { authorization: `Bearer ${secret}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          connection: 'close',
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = /^application\/(?:problem\+)?json/.test(response.headers.get('content-type') ?? '');
      return {
        status: response.status,
        headers: response.headers,
        json: isJson && text !== '' ? (JSON.parse(text) as unknown) : null,
        text,
      };
    },
  };
}

function exchange(port: number, text: string, until: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    socket.setEncoding('latin1');
    socket.on('data', (part: string) => {
      received += part;
      if (until !== undefined && received.includes(until)) socket.destroy();
    });
    socket.on('close', () => resolve(received));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
  });
}

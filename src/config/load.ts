// Owns reading a configuration file: YAML, the schema, secrets, paths; all problems at once, each with its place.
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LineCounter, isNode, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { configSchema } from './schema.ts';
import type { Config, Secret } from './schema.ts';

/** The configuration cannot be used; the message lists every problem. */
export class ConfigError extends Error {
  readonly code = 'EASGATE_CONFIG';
  readonly problems: readonly string[];

  constructor(path: string, problems: readonly string[]) {
    super(
      `${path}: ${problems.length} problem${problems.length === 1 ? '' : 's'}\n${problems.map((text) => `  - ${text}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/** A configuration as it is written, and where. */
export interface ConfigSource {
  readonly path: string;
  readonly text: string;
}

/** Reads and checks a file; relative paths in it are resolved against its folder. @throws ConfigError */
export function loadConfig(path: string): Config {
  return parseConfig(readConfigSource(path).text, path);
}

/** Reads a file, whatever is in it. @throws ConfigError */
export function readConfigSource(path: string): ConfigSource {
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new ConfigError(path, [
      `cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    ]);
  }
}

/** Checks the text of a configuration. @throws ConfigError */
export function parseConfig(text: string, path: string): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { uniqueKeys: true, lineCounter: lines });
  if (document.errors.length > 0) {
    throw new ConfigError(
      path,
      document.errors.map((error) => error.message.split('\n')[0] ?? error.message),
    );
  }
  const parsed = configSchema.safeParse(valueOf(document, path));
  if (!parsed.success) {
    throw new ConfigError(
      path,
      parsed.error.issues.map(
        (issue) =>
          `${issue.path.join('.') || '(top)'}${lineOf(document, lines, issue.path)}: ${issue.message}`,
      ),
    );
  }
  return withPaths(parsed.data, dirname(resolve(path)));
}

function valueOf(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    throw new ConfigError(path, [error instanceof Error ? error.message : String(error)]);
  }
}

/** Where in the text a field stands; nothing for a field that is missing. */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): string {
  const found: unknown = document.getIn(path, true);
  const start = isNode(found) ? found.range?.[0] : undefined;
  return start === undefined ? '' : ` (line ${lines.linePos(start).line})`;
}

/** The text of a secret. @throws ConfigError when the variable or file is missing */
export function readSecret(secret: Secret, name: string): string {
  if (typeof secret === 'string') return secret;
  if ('env' in secret) {
    const value = process.env[secret.env];
    if (value === undefined || value === '')
      throw new ConfigError(name, [`environment variable ${secret.env} is not set`]);
    return value;
  }
  try {
    return readFileSync(secret.file, 'utf8').trim();
  } catch {
    throw new ConfigError(name, [`file ${secret.file} cannot be read`]);
  }
}

function withPaths(config: Config, folder: string): Config {
  const { sample } = config;
  const { destination } = config.log;
  const at = (path: string): string => resolve(folder, path);
  return {
    ...config,
    listen: listenPaths(config.listen, at),
    messages: {
      ...config.messages,
      templatesDir: config.messages.templatesDir === null ? null : at(config.messages.templatesDir),
    },
    workers: { ...config.workers, pidFile: at(config.workers.pidFile) },
    upstream: { ...config.upstream, tls: upstreamTlsPaths(config.upstream.tls, at) },
    store: storePaths(config, folder),
    log: {
      ...config.log,
      destination: destination === 'stdout' ? destination : resolve(folder, destination),
    },
    sample: {
      ...sample,
      users: sample.users.map((user) => ({ ...user, password: secretPath(user.password, folder) })),
    },
  };
}

/** Where the store is remembered: where its file is, or, of a store elsewhere, where this gateway keeps its own. */
function storePaths({ store, workers }: Config, folder: string): Config['store'] {
  const local = store.kind === 'embedded' ? store.path : workers.pidFile;
  const identityFile = resolve(folder, store.identityFile ?? join(dirname(local), 'store.json'));
  return store.kind === 'embedded'
    ? { ...store, path: resolve(folder, store.path), identityFile }
    : { ...store, url: secretPath(store.url, folder), identityFile };
}

type ResolvePath = (path: string) => string;

function listenPaths(listen: Config['listen'], at: ResolvePath): Config['listen'] {
  const { tls } = listen;
  if (tls === undefined) return listen;
  const { clientCertificate, ticketSecret } = tls;
  return {
    ...listen,
    tls: {
      ...tls,
      certificates: tls.certificates.map(({ certificate, key }) => ({
        certificate: at(certificate),
        key: at(key),
      })),
      ...(ticketSecret !== undefined &&
        typeof ticketSecret === 'object' &&
        'file' in ticketSecret && { ticketSecret: { file: at(ticketSecret.file) } }),
      ...(clientCertificate !== undefined && {
        clientCertificate: { ...clientCertificate, ca: at(clientCertificate.ca) },
      }),
    },
  };
}

function upstreamTlsPaths(tls: Config['upstream']['tls'], at: ResolvePath): Config['upstream']['tls'] {
  return {
    ...tls,
    ...(tls.ca !== undefined && { ca: at(tls.ca) }),
    ...(tls.certificate !== undefined && { certificate: at(tls.certificate) }),
    ...(tls.key !== undefined && { key: at(tls.key) }),
  };
}

function secretPath(secret: Secret, folder: string): Secret {
  return typeof secret === 'object' && 'file' in secret ? { file: resolve(folder, secret.file) } : secret;
}

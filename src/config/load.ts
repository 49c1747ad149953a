// Owns reading a configuration file: YAML, the schema, secrets, paths; all problems at once, each with its place.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
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

/** Reads and checks a file; relative paths in it are resolved against its folder. @throws ConfigError */
export function loadConfig(path: string): Config {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(path, [
      `cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    ]);
  }
  return parseConfig(text, path);
}

/** Checks the text of a configuration. @throws ConfigError */
export function parseConfig(text: string, path: string): Config {
  const document = parseDocument(text, { uniqueKeys: true });
  if (document.errors.length > 0) {
    throw new ConfigError(
      path,
      document.errors.map((error) => error.message.split('\n')[0] ?? error.message),
    );
  }
  const parsed = configSchema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (!parsed.success) {
    throw new ConfigError(
      path,
      parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`),
    );
  }
  return withPaths(parsed.data, dirname(resolve(path)));
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
  const store =
    config.store.kind === 'embedded'
      ? { ...config.store, path: resolve(folder, config.store.path) }
      : config.store;
  const { destination } = config.log;
  const log = {
    ...config.log,
    destination: destination === 'stdout' ? destination : resolve(folder, destination),
  };
  return { ...config, store, log };
}

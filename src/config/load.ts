// Owns reading a configuration file and the secrets it names.
import { readFileSync } from 'node:fs';
import { fileTrouble } from '../file-words.ts';
import { ConfigError, ConfigFileError } from './problems.ts';
import { readConfigText } from './read-text.ts';
import type { Config } from './schema.ts';
import type { Secret } from './schema/fields.ts';

/** Shortest secret that protects keys, in characters. */
const MIN_SECRET_LENGTH = 32;

/** The text of a configuration, and its path. */
export interface ConfigSource {
  readonly path: string;
  readonly text: string;
}

/** Reads and checks a file; relative paths in it are resolved against its folder. @throws ConfigError */
export function loadConfig(path: string): Config {
  return parseConfig(readConfigSource(path).text, path);
}

/** Reads a file without checking its content. @throws ConfigError */
export function readConfigSource(path: string): ConfigSource {
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new ConfigError(path, [`cannot be read: ${fileTrouble(error, path)}${whereElse(error)}`]);
  }
}

function whereElse(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EISDIR') return '; container engines make one where the file to mount is missing';
  return code === 'ENOENT' ? '; name your configuration by --config FILE, or mount it there' : '';
}

/** Checks the text of a configuration by the schema alone. @throws ConfigError with every problem and its place */
export function parseConfig(text: string, path: string): Config {
  const { config, problems } = readConfigText(text, path);
  if (config === null || problems.length > 0) throw new ConfigFileError(path, problems);
  return config;
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
  } catch (error) {
    throw new ConfigError(name, [
      `the file of this secret cannot be read: ${fileTrouble(error, secret.file)}`,
    ]);
  }
}

/** Reads a secret of sufficient length. @throws ConfigError when it is missing or too short */
export function readLongSecret(secret: Secret, name: string): string {
  const text = readSecret(secret, name);
  if (text.length < MIN_SECRET_LENGTH)
    throw new ConfigError(name, [`needs at least ${MIN_SECRET_LENGTH} characters`]);
  return text;
}

// Owns `--context`: which gateway a command speaks to by its admin API, and with which token.
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { parse } from 'yaml';
import { z } from 'zod';
import { readSecret } from '../../config/load.ts';
import { secret } from '../../config/schema/fields.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import { fileTrouble } from '../../file-words.ts';

/** Where a command goes. */
export interface Context {
  /** `https://easgate.example.com`. */
  readonly url: string;
  readonly token: string;
  /** Certificates of the authority, as PEM; null = those that the system trusts. */
  readonly ca: string | null;
}

const OTHERS = 0o077;

const schema = z.strictObject({
  contexts: z.record(
    z.string().regex(/^[\w.-]{1,60}$/),
    z.strictObject({ url: z.string(), token: secret.optional(), ca: z.string().min(1).optional() }),
  ),
});

/** The place of the contexts: beside other settings of the user (XDG Base Directory). @throws ProgramError EASGATE_CONTEXT */
export function contextsFile(): string {
  const folder = process.env['XDG_CONFIG_HOME'] ?? join(home(), '.config');
  return join(folder, 'easgate', 'contexts.yaml');
}

function home(): string {
  try {
    return homedir();
  } catch {
    // Containers may run under a number that no name belongs to.
    throw wrong(
      'this user has no home folder with contexts: set XDG_CONFIG_HOME, or name an address https://HOST',
    );
  }
}

/** The context of a command; null = it works on this machine. @throws ProgramError EASGATE_CONTEXT */
export function contextOf(command: Command): Context | null {
  const { context } = command.optsWithGlobals<{ context?: string }>();
  if (context === undefined) return null;
  const isUrl = context.includes('://');
  const { url: text, token, ca = null } = isUrl ? { url: context, token: undefined } : named(context);
  const url = origin(text);
  const value =
    process.env['EASGATE_TOKEN'] ?? (token === undefined ? '' : readSecret(token, `context ${context}`));
  if (value === '')
    throw wrong(
      `there is no token for ${context}: set EASGATE_TOKEN${isUrl ? '' : ', or `token` of the context'}`,
    );
  return { url, token: value, ca: ca === null ? null : read(ca) };
}

function named(name: string): {
  url: string;
  token?: z.infer<typeof secret> | undefined;
  ca?: string | undefined;
} {
  const path = contextsFile();
  const text = read(path);
  if ((statSync(path).mode & OTHERS) !== 0)
    throw wrong(`${path} has tokens, and others can read it: chmod 600 ${path}`);
  const { data, error } = schema.safeParse(parsed(text, path));
  if (error !== undefined) throw wrong(`${path}: ${z.prettifyError(error)}`);
  const found = Object.hasOwn(data.contexts, name) ? data.contexts[name] : undefined;
  if (found === undefined)
    throw wrong(`there is no context ${name} in ${path}: ${Object.keys(data.contexts).join(', ')}`);
  const at = (file: string): string => resolve(dirname(path), file);
  const { url, token, ca } = found;
  const isFile = typeof token === 'object' && 'file' in token;
  return { url, token: isFile ? { file: at(token.file) } : token, ...(ca !== undefined && { ca: at(ca) }) };
}

function parsed(text: string, path: string): unknown {
  try {
    // Warnings would be written to standard error, with the line, which may have the token.
    return parse(text, { logLevel: 'error' });
  } catch {
    // The message of the parser quotes the line, which may have the token.
    throw wrong(`${path} is not YAML`);
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw wrong(fileTrouble(error, path));
  }
}

/** A token must not cross a network in plain text. */
function origin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isLocal =
    url !== null &&
    (url.hostname === 'localhost' || url.hostname === '[::1]' || url.hostname.startsWith('127.'));
  if (
    url === null ||
    (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal)) ||
    url.origin !== text.replace(/\/$/, '')
  )
    // In front of an `@` there may be a password.
    throw wrong(
      `${text.includes('@') ? 'the address' : text}: write https://HOST or https://HOST:PORT (http only for this host)`,
    );
  return url.origin;
}

function wrong(message: string): ProgramError {
  return new ProgramError('EASGATE_CONTEXT', message);
}

// Owns the document generated from the tables of errors (docs/reference/errors.md). Pure.
import { API_ERRORS } from './errors/api-errors.ts';
import { PROGRAM_ERRORS } from './errors/program-errors.ts';
import { ERRORS } from './errors/request-errors.ts';
import type { ProgramPart } from './errors/program-errors.ts';
import type { ErrorSource } from './errors/request-errors.ts';

const BLAMED: Readonly<Record<ErrorSource, string>> = {
  client: 'the client',
  upstream: 'the mail server, or the way to it',
  policy: 'a rule of this gateway',
  internal: 'this gateway',
};

const ENDS: Readonly<Record<ProgramPart, string>> = {
  argument: 'the command, with exit code 2',
  command: 'the command',
  delivery: 'a delivery to a feed',
  start: 'the start of the gateway, or of a command that needs the same',
};

/** Every error of requests, commands and starts, as Markdown (docs/reference/errors.md). */
export function errorsTable(): string {
  return [
    '# Errors',
    '',
    'This page is generated from the tables in src/errors/ (`easgate check --errors`). Log lines about the gateway itself:',
    'docs/guide/logs.md.',
    '',
    '## Of requests',
    '',
    'The access log has the code as `error`; clients get only the status. 499 means that no answer could be sent any more. Remedies',
    'for frequent errors: docs/guide/logs.md.',
    '',
    '| code | status | caused by | meaning |',
    '| --- | --- | --- | --- |',
    ...Object.entries(ERRORS).map(
      ([code, { status, source, help }]) => `| \`${code}\` | ${status} | ${BLAMED[source]} | ${help} |`,
    ),
    '',
    '## Of commands, deliveries and starts',
    '',
    'On standard error, `easgate: CODE: text`. The exit code is 1 when a command failed, and 2 for wrong usage: an unknown option, a missing',
    'argument, a value that is not valid. Senders of deliveries get the code in an application/problem+json (RFC 9457).',
    '',
    '| code | ends | meaning |',
    '| --- | --- | --- |',
    ...Object.entries(PROGRAM_ERRORS).map(
      ([code, { part, help }]) => `| \`${code}\` | ${ENDS[part]} | ${help} |`,
    ),
    '',
    '## Of the admin API',
    '',
    'As `code` in application/problem+json (RFC 9457), beside the codes of commands.',
    '',
    '| code | status | meaning |',
    '| --- | --- | --- |',
    ...Object.entries(API_ERRORS).map(([code, { status, help }]) => `| \`${code}\` | ${status} | ${help} |`),
    '',
  ].join('\n');
}

// Owns the document made from the table of errors (docs/reference/errors.md). Pure.
import { ERRORS } from './errors.ts';
import type { ErrorSource } from './errors.ts';

const BLAMED: Readonly<Record<ErrorSource, string>> = {
  client: 'the client',
  upstream: 'the mail server, or the way to it',
  policy: 'a rule of this gateway',
  internal: 'this gateway',
};

/** Every error a request can end in, as Markdown (docs/reference/errors.md). */
export function errorsTable(): string {
  return [
    '# Errors of requests',
    '',
    'This page is made from the table in src/errors.ts (`easgate check --errors`). The code stands in the access log as',
    '`error`; clients see the status alone. 499: nothing could be sent any more. What to do about the frequent ones:',
    'operations.md.',
    '',
    '| code | status | caused by | meaning |',
    '| --- | --- | --- | --- |',
    ...Object.entries(ERRORS).map(
      ([code, { status, source, help }]) => `| \`${code}\` | ${status} | ${BLAMED[source]} | ${help} |`,
    ),
    '',
  ].join('\n');
}

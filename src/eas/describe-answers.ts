// Owns the document made from the table of refusals (docs/answers.md). Pure.
import { EXCEPTIONS, REFUSALS, REFUSED_COMMANDS } from './answers.ts';
import type { AnswerException, RefusalKind, RefusedCommand } from './answers.ts';
import { statusReply } from './replies.ts';
import { decodeWbxml } from './wbxml/decode.ts';
import { isElement } from './wbxml/element.ts';
import type { WbxmlElement } from './wbxml/element.ts';

const MEANT: Readonly<Record<RefusalKind, string>> = {
  deny: 'give up',
  provision: 'run Provision, then repeat',
  wait: 'repeat after a while',
};

/** What refused phones are told, as Markdown (docs/answers.md). */
export function answersTable(): string {
  return [
    '# What a refused phone is told',
    '',
    'This page is made from the table in src/eas/answers.ts (`easgate check --answers`).',
    '',
    'Protocol version 14.0 and later: HTTP 200, and the status in the body. 12.1 and older, and a request that names no',
    'version: the HTTP status, no body. No refusal is a 401, which would ask the user for a password, and none is an empty',
    '200, which a phone reads as "mail sent". A 503 carries Retry-After.',
    '',
    '## Refusals',
    '',
    '| refusal | the phone is to | 14.0 and later | 12.1 and older |',
    '| --- | --- | --- | --- |',
    ...Object.entries(REFUSALS).map(([name, { kind, status, http, httpWithoutKey }]) => {
      const older = http === httpWithoutKey ? `${http}` : `${http}; ${httpWithoutKey} without a policy key`;
      return `| \`${name}\` | ${MEANT[kind]} | ${status} | ${older} |`;
    }),
    '',
    '## Where the status stands',
    '',
    'One status for the whole command, at the highest place MS-ASCMD allows.',
    '',
    '| command | element (14.0 and later) |',
    '| --- | --- |',
    ...REFUSED_COMMANDS.map((command) => `| ${command} | ${statusPlace(command)} |`),
    '',
    '## Exceptions',
    '',
    '| refusal | command | client | 14.0 and later | 12.1 and older | why |',
    '| --- | --- | --- | --- | --- | --- |',
    ...EXCEPTIONS.map(exceptionRow),
    '',
    '## No endless loop',
    '',
    'The AOSP mail client takes 403 like 449: it runs Provision, and when that succeeds it repeats the command at once,',
    'without counting. So whoever is denied is denied Provision too, and "provision first" is never the answer to',
    'Provision itself: the second request ends it.',
    '',
  ].join('\n');
}

function exceptionRow({ kinds, commands, family, status, http, why }: AnswerException): string {
  const refusals = Object.entries(REFUSALS)
    .filter(([, { kind }]) => kinds.includes(kind))
    .map(([name]) => `\`${name}\``);
  const newer = status === null ? 'the HTTP status' : `${status}`;
  const older = http === null ? 'as above' : `${http}`;
  return `| ${refusals.join(', ')} | ${commands.join(', ')} | ${family ?? 'all'} | ${newer} | ${older} | ${why} |`;
}

function statusPlace(command: RefusedCommand): string {
  const body = command === 'OPTIONS' ? null : statusReply(command, 1);
  if (body === null) return 'none: the HTTP status';
  const names: string[] = [];
  for (let node: WbxmlElement | undefined = decodeWbxml(body); node !== undefined;) {
    names.push(node.name);
    node = node.children.find(isElement);
  }
  return `\`${names.join('/')}\``;
}

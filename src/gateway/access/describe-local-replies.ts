// Owns the page docs/reference/answers.md, generated from the tables and code of the answers. Pure.
import { EXCEPTIONS, FAMILIES, REFUSALS, REFUSED_COMMANDS, refusalAnswer } from '../../eas/refusals.ts';
import type { AnswerException, Refusal, RefusalKind, RefusedCommand } from '../../eas/refusals.ts';
import { mailboxRows } from '../../quarantine/describe.ts';
import { decodeWbxml } from '../../eas/wbxml/decode.ts';
import { isElement } from '../../eas/wbxml/element.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import { REFUSAL_BY_ACTION, REFUSAL_BY_REASON } from './local-replies.ts';

const MEANT: Readonly<Record<RefusalKind, string>> = {
  deny: 'give up',
  provision: 'run Provision, then repeat',
  wait: 'repeat after a while',
};

/** The answers to refused phones, as Markdown (docs/reference/answers.md). */
export function answersTable(): string {
  return [
    '# Answers to refused phones',
    '',
    'This page is generated from src/gateway/access/local-replies.ts, src/eas/refusals.ts and src/quarantine/ (`easgate check --answers`).',
    'These answers are sent only after the mail server accepted the credentials of the request. Otherwise the phone gets the mail',
    "server's own 401, or 503 when the credentials cannot be checked.",
    '',
    ...verdictSection(),
    ...refusalSection(),
    ...bytesSection(),
    ...exceptionSection(),
    ...mailboxSection(),
  ].join('\n');
}

function verdictSection(): string[] {
  return [
    '## From the verdict to the refusal',
    '',
    'A row with a reason takes precedence over the row of its action. A quarantined phone gets the quarantine mailbox (below), and a',
    'phone with a pending wipe gets the order in Provision. All other requests get these refusals:',
    '',
    '| action | reason | refusal | why |',
    '| --- | --- | --- | --- |',
    ...Object.entries(REFUSAL_BY_REASON).flatMap(([reason, row]) =>
      row === null ? [] : [`| block | ${reason} | \`${row.refusal}\` | ${row.why} |`],
    ),
    ...Object.entries(REFUSAL_BY_ACTION).map(([action, { refusal, otherwise, why }]) => {
      const or = otherwise === null ? '' : ` at ${otherwise.version}, else \`${otherwise.refusal}\``;
      return `| ${action} | any${action === 'block' ? ' other' : ''} | \`${refusal}\`${or} | ${why} |`;
    }),
    '',
  ];
}

function refusalSection(): string[] {
  return [
    '## Refusals',
    '',
    'Protocol version 14.0 and later: HTTP 200, and the status in the body. 12.1 and older, and requests without a',
    'version: the HTTP status, no body. No refusal is a 401, which would make the phone ask for a password, and none is an empty',
    '200, which a phone reads as "mail sent".',
    '',
    '| refusal | expected reaction of the phone | 14.0 and later | 12.1 and older |',
    '| --- | --- | --- | --- |',
    ...Object.entries(REFUSALS).map(([name, { kind, status, http, httpWithoutKey }]) => {
      const older = http === httpWithoutKey ? `${http}` : `${http}; ${httpWithoutKey} without a policy key`;
      return `| \`${name}\` | ${MEANT[kind]} | ${status} | ${older} |`;
    }),
    '',
  ];
}

function bytesSection(): string[] {
  const { reason, headers } = refusalAnswer('deviceBlocked', 'Sync', '14.1', 'other', true);
  const lines = Object.keys(REFUSALS).map((name) => {
    const answer = refusalAnswer(name as Refusal, 'Sync', '12.1', 'other', true);
    return `| \`HTTP/1.1 ${answer.status} ${answer.reason}\` | ${answer.status === 503 ? '`Retry-After: <outage.retryAfterSeconds>`, ' : ''}\`Content-Length: 0\` |`;
  });
  return [
    '## What is sent',
    '',
    '`Connection: close` is added when the gateway closes the connection instead of reading the rest of a body.',
    '',
    '| status line | headers |',
    '| --- | --- |',
    `| \`HTTP/1.1 200 ${reason}\` | ${headerNames(headers)}, \`Content-Length: <length>\` |`,
    ...new Set(lines),
    '',
    'One status for the whole command, at the highest level MS-ASCMD allows. The bytes shown are those of status 129.',
    '',
    '| command | element (14.0 and later) | body |',
    '| --- | --- | --- |',
    ...REFUSED_COMMANDS.map((command) => `| ${command} | ${statusPlace(command)} |`),
    '',
  ];
}

function headerNames(headers: string): string {
  const lines = headers.split('\r\n').filter((line) => line !== '');
  return lines.map((line) => `\`${line}\``).join(', ');
}

function exceptionSection(): string[] {
  return [
    '## Exceptions',
    '',
    '| refusal | command | client | 14.0 and later | 12.1 and older | why |',
    '| --- | --- | --- | --- | --- | --- |',
    ...EXCEPTIONS.map(exceptionRow),
    '',
    'A client is recognised by its User-Agent, else by its DeviceType; the first matching row applies. Both are claims: they choose',
    'the form of an answer, not access. Families without an exception get the same answers.',
    '',
    '| client | User-Agent | DeviceType |',
    '| --- | --- | --- |',
    ...FAMILIES.map(
      ({ family, userAgent, deviceType }) => `| ${family} | ${pattern(userAgent)} | ${pattern(deviceType)} |`,
    ),
    '',
    '### No endless loop',
    '',
    'The AOSP mail client treats 403 like 449: it runs Provision, and after a success it repeats the command at once,',
    'without counting. So a denial refuses Provision too, and "provision first" is never the answer to',
    'Provision itself: the second request ends the loop.',
    '',
  ];
}

function pattern({ source }: RegExp): string {
  return `\`${source.replaceAll('\\/', '/').replaceAll('|', '\\|')}\``;
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
  const { body } = refusalAnswer('deviceBlocked', command, '16.1', 'other', true);
  if (body === null) return 'none: the HTTP status | ';
  const names: string[] = [];
  for (let node: WbxmlElement | undefined = decodeWbxml(body); node !== undefined;) {
    names.push(node.name);
    node = node.children.find(isElement);
  }
  return `\`${names.join('/')}\` | \`${body.toString('hex')}\``;
}

function mailboxSection(): string[] {
  return [
    '## The quarantine mailbox',
    '',
    'With `quarantine.answer: mailbox` a quarantined phone gets a mailbox with one message. `quarantine.provisioning: server`',
    'forwards Provision, and Settings with device information only, to the mail server. The gateway re-encodes them,',
    'uncoded and with a Content-Length: Provision with DeviceInformation, one policy (type, key, status) and the status of a',
    'wipe that the server ordered, each or none; Settings with DeviceInformation; DeviceInformation with Set and its nine',
    'texts, of 1024 characters at most. A Provision with anything else in it is answered `Provision/Status` 2, and Settings',
    'with anything else are answered as below. Nothing else of a quarantined phone reaches the mail server, and no request',
    'is forwarded before the root element of its body was checked, even with `Expect: 100-continue`.',
    '',
    'An allowed phone that still sends a key or folder of this mailbox gets "start over" (FolderSync 9,',
    'Sync 3 or 12, Ping 7, Search 11, Find 3), wherever they are in its body. A body with tokens that EAS does not use is refused',
    'with 400, and a coded body with 413 when it is larger than 64 KB, or than 1 MB when decoded. The statuses are those',
    'of MS-ASCMD 2.2.3.177 and 2.2.2.',
    '',
    'The headers are those above; an answer without a body has no Content-Type. HTTP statuses have no body.',
    '',
    'Mail is never accepted. Its refusal never makes a phone run Provision, ask for a password or repeat at once: 120',
    'fails the one mail, and 507 ("mailbox full") is a notice to the user.',
    '',
    '| command | request | answer |',
    '| --- | --- | --- |',
    ...mailboxRows(),
    '',
  ];
}

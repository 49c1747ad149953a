// Owns a mail server with answers from the test; by default it behaves like one with an Inbox of two messages.
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { parseEasQuery } from '../../../src/eas/query-parser.ts';
import { easStatusReply } from '../../../src/eas/replies.ts';
import type { EasCommand } from '../../../src/eas/commands.ts';
import { decodeWbxml } from '../../../src/eas/wbxml/decode.ts';
import { child, element, isElement, textOf } from '../../../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../../../src/eas/wbxml/element.ts';
import { encodeWbxml } from '../../../src/eas/wbxml/encode.ts';
import { closeServer, listenLocally } from './local-server.ts';

/** A received request. */
export interface Asked {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  /** The command of the query, else the method. */
  readonly command: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body as a tree; null = it has none. */
  readonly root: WbxmlElement | null;
}

/** An answer. */
export interface Scripted {
  readonly http?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

/** A running one. */
export interface ScriptedServer {
  readonly url: string;
  /** All requests so far. */
  readonly asked: Asked[];
  /** The test's answer to a request; null = the default answer. */
  script: (asked: Asked) => Scripted | null;
  close(): Promise<void>;
}

const WBXML = 'application/vnd.ms-sync.wbxml';

/** An answer with this document. */
export function document(root: WbxmlElement): Scripted {
  return { body: encodeWbxml(root), headers: { 'Content-Type': WBXML } };
}

/** An answer with only this status; for a Sync up to 12.1, in its collection. */
export function onlyStatus(command: EasCommand, status: number, ...more: WbxmlElement[]): Scripted {
  const tree = decodeWbxml(easStatusReply(command, status) ?? Buffer.alloc(0));
  return document({ ...tree, children: [...tree.children, ...more] });
}

/** The text of the first element of this name, at any depth. */
export function deep(root: WbxmlElement | null, name: string): string | null {
  for (const content of root?.children ?? []) {
    if (!isElement(content)) continue;
    const found = content.name === name ? (textOf(content) ?? '') : deep(content, name);
    if (found !== null) return found;
  }
  return null;
}

/** Starts one on a free port. */
export async function startScriptedServer(): Promise<ScriptedServer> {
  const asked: Asked[] = [];
  const scripted: { script: ScriptedServer['script'] } = { script: () => null };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const [path = '', query = ''] = (request.url ?? '').split('?');
      const body = Buffer.concat(chunks);
      const isTree = request.headers['content-type'] === WBXML && body.length > 0;
      const one: Asked = {
        method: request.method ?? '',
        host: request.headers.host ?? '',
        path,
        query,
        command: commandOf(query) ?? request.method ?? '',
        headers: request.headers,
        body,
        root: isTree ? decodeWbxml(body) : null,
      };
      asked.push(one);
      const { http = 200, headers = {}, body: answer = '' } = scripted.script(one) ?? answerOf(one);
      response.writeHead(http, { ...headers, 'Content-Length': Buffer.byteLength(answer) });
      response.end(answer);
    });
  });
  const port = await listenLocally(server);
  return Object.assign(scripted, {
    url: `http://127.0.0.1:${port}`,
    asked,
    close: () => closeServer(server),
  });
}

function commandOf(query: string): string | null {
  const parsed = parseEasQuery(query, false);
  return typeof parsed === 'string' ? null : (parsed.command?.name ?? null);
}

const SUBJECTS = ['First', 'Second'];

/** A request without credentials gets 401. */
function answerOf(asked: Asked): Scripted {
  return asked.headers.authorization === undefined
    ? { http: 401, headers: { 'WWW-Authenticate': 'Basic realm="scripted"' } }
    : usual(asked);
}

function usual({ command, root }: Asked): Scripted {
  switch (command) {
    case 'OPTIONS':
      return { headers: { 'MS-ASProtocolVersions': '2.5,12.0,12.1,14.0,14.1,16.0,16.1' } };
    case 'Provision':
      // An empty Provision asks for a wipe order: there is none.
      return root?.children.length === 0 ? onlyStatus('Provision', 1) : document(policy());
    case 'Settings':
      return onlyStatus('Settings', 1);
    case 'FolderSync':
      return document(folders(deep(root, 'SyncKey') === '0'));
    case 'Sync':
      return sync(root);
    case 'Ping':
      return onlyStatus('Ping', 1);
    default:
      return {};
  }
}

function policy(): WbxmlElement {
  return element(
    'Provision',
    'Provision',
    element('Provision', 'Status', '1'),
    element(
      'Provision',
      'Policies',
      element(
        'Provision',
        'Policy',
        element('Provision', 'PolicyType', 'MS-EAS-Provisioning-WBXML'),
        element('Provision', 'Status', '1'),
        element('Provision', 'PolicyKey', '77'),
      ),
    ),
  );
}

function folders(first: boolean): WbxmlElement {
  const page = 'FolderHierarchy';
  const inbox = element(
    page,
    'Add',
    element(page, 'ServerId', 'in'),
    element(page, 'ParentId', '0'),
    element(page, 'DisplayName', 'Inbox'),
    element(page, 'Type', '2'),
  );
  const added = first ? [inbox] : [];
  return element(
    page,
    'FolderSync',
    element(page, 'Status', '1'),
    element(page, 'SyncKey', '1'),
    element(page, 'Changes', element(page, 'Count', String(added.length)), ...added),
  );
}

/** Key 1 on the first request, the messages with key 2, then nothing. */
function sync(root: WbxmlElement | null): Scripted {
  // An empty request repeats the last one, which had no changes.
  const key = root === null ? 2 : Number(deep(root, 'SyncKey') ?? '0');
  const changes = child(child(child(root ?? undefined, 'Collections'), 'Collection'), 'Commands');
  if (key >= 2 && changes === undefined) return {};
  const added = (key === 1 ? SUBJECTS : []).map((subject) =>
    element(
      'AirSync',
      'Add',
      element('AirSync', 'ServerId', `m-${subject}`),
      element('AirSync', 'ApplicationData', element('Email', 'Subject', subject)),
    ),
  );
  const collection = element(
    'AirSync',
    'Collection',
    element('AirSync', 'SyncKey', String(key + 1)),
    element('AirSync', 'CollectionId', 'in'),
    element('AirSync', 'Status', '1'),
    ...(added.length > 0 ? [element('AirSync', 'Commands', ...added)] : []),
  );
  return document(element('AirSync', 'Sync', element('AirSync', 'Collections', collection)));
}

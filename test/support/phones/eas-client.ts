// Owns a small phone for tests: the commands of a mail app over node:http, answers decoded to trees.
import { Agent, request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import { decodeWbxml } from '../../../src/eas/wbxml/decode.ts';
import { child, childrenNamed, element, isElement, textOf } from '../../../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../../../src/eas/wbxml/element.ts';
import { encodeWbxml } from '../../../src/eas/wbxml/encode.ts';

/** Identity of the phone. */
export interface EasClientOptions {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly device: string;
  /** Protocol version, default 14.1. */
  readonly version?: string;
  /** Form of the query, default plain. */
  readonly query?: 'plain' | 'base64';
  /** Accept-Language, default none. */
  readonly acceptLanguage?: string;
  /** Over TLS, whatever the certificate. */
  readonly secure?: boolean;
  /**
   * A connection that was idle for this long and is closed before any answer may have been closed while the request was on its
   * way (RFC 9112 9.5): it is sent once more, as the HTTP stacks of phones do. Absent = never.
   */
  readonly staleAfterMs?: number;
}

/** One answer. */
export interface EasAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Undefined when the body is empty or not WBXML. */
  readonly tree: WbxmlElement | undefined;
  /** Text of the first Status at any depth. */
  readonly easStatus: string | undefined;
}

/** Codes of MS-ASHTTP 2.2.1.1.1.1.2. */
const CODES: Readonly<Record<string, number>> = {
  Sync: 0,
  SendMail: 1,
  GetAttachment: 4,
  FolderSync: 9,
  GetItemEstimate: 14,
  Search: 16,
  Settings: 17,
  Ping: 18,
  ItemOperations: 19,
  Provision: 20,
};

const WBXML = 'application/vnd.ms-sync.wbxml';

/** A phone with connections of its own; keeps policy key and sync keys like a mail app. */
export class EasClient {
  /** '' = not sent. */
  policyKey = '0';
  folderKey = '0';
  readonly syncKeys = new Map<string, string>();
  private readonly options: EasClientOptions;
  private readonly agent: Agent;
  /** When the last answer on a connection was complete. */
  private readonly idleSince = new WeakMap<Socket, number>();

  constructor(options: EasClientOptions) {
    this.options = options;
    this.agent =
      options.secure === true
        ? new TlsAgent({ keepAlive: true, rejectUnauthorized: false })
        : new Agent({ keepAlive: true });
  }

  close(): void {
    this.agent.destroy();
  }

  httpOptions(): Promise<EasAnswer> {
    return this.send('OPTIONS', '/Microsoft-Server-ActiveSync', {}, Buffer.alloc(0));
  }

  /** Sends a tree, bytes of another type, or nothing; `more` is added to a plain query. */
  command(
    name: string,
    content: WbxmlElement | Buffer | null,
    type = WBXML,
    more: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): Promise<EasAnswer> {
    const body =
      content === null ? Buffer.alloc(0) : Buffer.isBuffer(content) ? content : encodeWbxml(content);
    const headers: Record<string, string> = {
      'MS-ASProtocolVersion': this.options.version ?? '14.1',
      ...(this.policyKey === '' ? {} : { 'X-MS-PolicyKey': this.policyKey }),
      'User-Agent': 'easgate-test/1',
    };
    if (body.length > 0) headers['Content-Type'] = type;
    if (this.options.acceptLanguage !== undefined) headers['Accept-Language'] = this.options.acceptLanguage;
    const target = `/Microsoft-Server-ActiveSync?${this.query(name, more)}`;
    return this.send('POST', target, headers, body, signal);
  }

  /** Both phases; keeps the policy key. */
  async provision(): Promise<EasAnswer> {
    const policy = (...inner: WbxmlElement[]): WbxmlElement =>
      element(
        'Provision',
        'Provision',
        element('Provision', 'Policies', element('Provision', 'Policy', ...inner)),
      );
    const type = element('Provision', 'PolicyType', 'MS-EAS-Provisioning-WBXML');
    const first = await this.command('Provision', policy(type));
    this.policyKey = find(first.tree, 'PolicyKey') ?? '0';
    const key = element('Provision', 'PolicyKey', this.policyKey);
    const second = await this.command('Provision', policy(type, key, element('Provision', 'Status', '1')));
    this.policyKey = find(second.tree, 'PolicyKey') ?? this.policyKey;
    return second;
  }

  async folderSync(): Promise<EasAnswer> {
    const key = element('FolderHierarchy', 'SyncKey', this.folderKey);
    const answer = await this.command('FolderSync', element('FolderHierarchy', 'FolderSync', key));
    this.folderKey = find(answer.tree, 'SyncKey') ?? this.folderKey;
    return answer;
  }

  /** One Sync of a folder; `inner` follows CollectionId, `outer` follows Collections. */
  async sync(folder: string, inner: WbxmlElement[] = [], outer: WbxmlElement[] = []): Promise<EasAnswer> {
    const collection = element(
      'AirSync',
      'Collection',
      element('AirSync', 'SyncKey', this.syncKeys.get(folder) ?? '0'),
      element('AirSync', 'CollectionId', folder),
      ...inner,
    );
    const tree = element('AirSync', 'Sync', element('AirSync', 'Collections', collection), ...outer);
    const answer = await this.command('Sync', tree);
    const key = find(answer.tree, 'SyncKey');
    if (key !== undefined) this.syncKeys.set(folder, key);
    return answer;
  }

  /** Ping of the Inbox; without seconds an empty one, which repeats the last. */
  ping(seconds?: number, folder = '1', signal?: AbortSignal): Promise<EasAnswer> {
    if (seconds === undefined) return this.command('Ping', null, WBXML, {}, signal);
    const watched = element(
      'Ping',
      'Folder',
      element('Ping', 'Id', folder),
      element('Ping', 'Class', 'Email'),
    );
    const tree = element(
      'Ping',
      'Ping',
      element('Ping', 'HeartbeatInterval', String(seconds)),
      element('Ping', 'Folders', watched),
    );
    return this.command('Ping', tree, WBXML, {}, signal);
  }

  /** As WBXML from 14.0 on, as message/rfc822 before. */
  sendMail(to: string, subject: string, text: string): Promise<EasAnswer> {
    const mime = Buffer.from(`To: ${to}\r\nSubject: ${subject}\r\n\r\n${text}\r\n`);
    if (Number(this.options.version ?? 14.1) < 14) {
      return this.command('SendMail', mime, 'message/rfc822', { SaveInSent: 'T' });
    }
    const tree = element(
      'ComposeMail',
      'SendMail',
      element('ComposeMail', 'ClientId', String(Math.random())),
      element('ComposeMail', 'SaveInSentItems'),
      element('ComposeMail', 'Mime', mime),
    );
    return this.command('SendMail', tree);
  }

  private query(name: string, more: Readonly<Record<string, string>>): string {
    const { user, device, version, query } = this.options;
    if (query !== 'base64') {
      const fields = { Cmd: name, User: user, DeviceId: device, DeviceType: 'Test', ...more };
      return new URLSearchParams(fields).toString();
    }
    // MS-ASHTTP 2.2.1.1.1.1.1: version, command, locale, device id, policy key, device type, parameters.
    const text = (value: string): Buffer => Buffer.from([value.length, ...Buffer.from(value)]);
    const key = Buffer.alloc(4);
    key.writeUInt32LE(Number(this.policyKey));
    return Buffer.concat([
      Buffer.from([Number(version ?? 14.1) * 10, CODES[name] ?? 255, 9, 4]),
      text(device),
      this.policyKey === '0' ? Buffer.from([0]) : Buffer.concat([Buffer.from([4]), key]),
      text('Test'),
    ]).toString('base64');
  }

  private send(
    method: string,
    path: string,
    headers: Record<string, string>,
    body: Buffer,
    signal?: AbortSignal,
  ): Promise<EasAnswer> {
    const { port, user, password, staleAfterMs = Infinity } = this.options;
    const basic = Buffer.from(`${user}:${password}`).toString('base64');
    const all = { ...headers, Authorization: `Basic ${basic}`, 'Content-Length': body.length };
    return new Promise((resolve, reject) => {
      const outgoing = (this.options.secure === true ? requestTls : request)(
        { port, host: '127.0.0.1', method, path, agent: this.agent, headers: all, ...(signal && { signal }) },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            if (used !== null) this.idleSince.set(used, performance.now());
            const received = Buffer.concat(chunks);
            const isTree = received.length > 0 && response.headers['content-type'] === WBXML;
            const tree = isTree ? decodeWbxml(received) : undefined;
            const easStatus = find(tree, 'Status');
            const { statusCode = 0, headers: got } = response;
            resolve({ status: statusCode, headers: got, body: received, tree, easStatus });
          });
        },
      );
      const begunAt = performance.now();
      // The response has no socket any more when it has ended.
      let used: Socket | null = null;
      outgoing.on('socket', (socket) => (used = socket));
      outgoing.on('error', (error) => {
        const { reusedSocket } = outgoing;
        const idleMs = begunAt - ((used === null ? undefined : this.idleSince.get(used)) ?? Infinity);
        if (reusedSocket && idleMs >= staleAfterMs) resolve(this.send(method, path, headers, body, signal));
        else
          reject(new Error(`${String(error)}, on a connection that was idle for ${Math.round(idleMs)} ms`));
      });
      outgoing.end(body);
    });
  }
}

/** Text of the first element of this name at any depth, document order. */
export function find(tree: WbxmlElement | undefined, name: string): string | undefined {
  if (tree === undefined) return undefined;
  const own = child(tree, name);
  if (own !== undefined) return textOf(own);
  for (const content of tree.children) {
    const found = isElement(content) ? find(content, name) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The server's commands of this name in a Sync answer. */
export function changes(answer: EasAnswer, name: 'Add' | 'Change' | 'Delete'): WbxmlElement[] {
  const collection = child(child(answer.tree, 'Collections'), 'Collection');
  return childrenNamed(child(collection, 'Commands'), name);
}

// Owns the sample mail server: a small EAS server on node:http, for trials, tests and load.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MAX_HEARTBEAT_SECONDS } from '../eas/heartbeat.ts';
import { queryParameters } from '../eas/query-parser.ts';
import type { EasQuery } from '../eas/query.ts';
import { parseEasTarget } from '../eas/request-target.ts';
import { decodeWbxml } from '../eas/wbxml/decode.ts';
import { child, childrenNamed, element, textOf } from '../eas/wbxml/element.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import { encodeWbxml } from '../eas/wbxml/encode.ts';
import {
  SampleDevice,
  folderSync,
  getItemEstimate,
  itemOperations,
  nothingFound,
  sendMail,
  settings,
} from './commands.ts';
import type { SampleReply } from './commands.ts';
import { INBOX, sampleMailbox } from './mailbox.ts';
import type { Mailbox } from './mailbox.ts';
import { policyRefusal, provision } from './policy.ts';
import { hasChanges, sync } from './sync.ts';
import { http } from '../node-http.ts';

/** Users with mailboxes, and the port. */
export interface SampleServerOptions {
  readonly users: readonly { readonly name: string; readonly password: string }[];
  readonly address?: string;
  /** 0 = any free port. */
  readonly port?: number;
  /** Commands need the current policy key, as on a server that requires a policy; default no. */
  readonly requirePolicy?: boolean;
}

/** A running sample server. */
export interface SampleServer {
  readonly url: string;
  readonly port: number;
  /** Number of held polls. */
  held(): number;
  /** Puts a message into a user's Inbox; held Pings end with status 2. */
  deliver(user: string, subject: string, text: string): void;
  close(): Promise<void>;
}

const VERSIONS = '2.5,12.0,12.1,14.0,14.1,16.0,16.1';
const COMMANDS =
  'Sync,SendMail,SmartForward,SmartReply,GetAttachment,FolderSync,FolderCreate,FolderDelete,FolderUpdate,MoveItems,' +
  'GetItemEstimate,MeetingResponse,Search,Settings,Ping,ItemOperations,Provision,ResolveRecipients,ValidateCert,Find';
const COMMON = { 'MS-Server-ActiveSync': '16.1', 'Cache-Control': 'private' };
const WBXML = 'application/vnd.ms-sync.wbxml';
const MAX_BODY = 50 * 1024 * 1024;
/** Shorter heartbeats than a real server accepts, so that demonstrations are short, in seconds. */
const MIN_HEARTBEAT_SECONDS = 1;

/** Starts the server. */
export async function startSampleServer(options: SampleServerOptions): Promise<SampleServer> {
  const sample = new Sample(options.users, options.requirePolicy === true);
  const server = http.createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    sample.handle(request, response).catch(() => {
      if (!response.headersSent) response.writeHead(500, { 'Content-Length': 0 });
      response.end();
    });
  });
  const address = options.address ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, address, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${address}:${port}`,
    port,
    held: () => sample.held,
    deliver: (user, subject, text) => sample.deliver(user, subject, text),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

class Sample {
  held = 0;
  private readonly passwords: ReadonlyMap<string, string>;
  private readonly mailboxes = new Map<string, Mailbox>();
  private readonly devices = new Map<string, SampleDevice>();

  private readonly requirePolicy: boolean;

  constructor(users: SampleServerOptions['users'], requirePolicy: boolean) {
    this.requirePolicy = requirePolicy;
    this.passwords = new Map(users.map(({ name, password }) => [name.toLowerCase(), password]));
    for (const name of this.passwords.keys()) this.mailboxes.set(name, sampleMailbox(name));
  }

  deliver(user: string, subject: string, text: string): void {
    const from = 'it@example.com';
    const to = `${user}@example.com`;
    this.mailboxes.get(user)?.add(INBOX, { from, to, subject, text, received: new Date(), attachment: null });
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const options = request.method === 'OPTIONS';
    const user = this.authenticate(request.headers.authorization);
    if (user === null) {
      end(response, 401, { 'WWW-Authenticate': 'Basic realm="sample"' });
      return;
    }
    const query = parseEasTarget(request.url ?? '', options);
    if (typeof query === 'string' || (!options && request.method !== 'POST')) {
      end(response, query === 'EASGATE_NOT_FOUND' ? 404 : 400, {});
      return;
    }
    if (options) {
      end(response, 200, {
        Allow: 'OPTIONS,POST',
        Public: 'OPTIONS,POST',
        'MS-ASProtocolVersions': VERSIONS,
        'MS-ASProtocolCommands': COMMANDS,
      });
      return;
    }
    const body = await readBody(request);
    const state = this.device(user, query.device ?? '');
    const refusal = this.requirePolicy
      ? policyRefusal(state, query, {
          version: request.headers['ms-asprotocolversion']?.toString() ?? null,
          policyKey: request.headers['x-ms-policykey']?.toString() ?? null,
        })
      : null;
    if (refusal === null) await this.command(state, query, request, body, response);
    else if ('http' in refusal) end(response, refusal.http, {});
    else end(response, 200, { 'Content-Type': WBXML }, refusal.body);
  }

  private authenticate(header: string | undefined): string | null {
    const match = /^basic +([A-Za-z0-9+/=]{1,1000})$/i.exec(header ?? '');
    const credentials = Buffer.from(match?.[1] ?? '', 'base64').toString('utf8');
    const colon = credentials.indexOf(':');
    if (colon === -1) return null;
    const login = credentials.slice(0, colon).toLowerCase();
    const name = login.slice(login.lastIndexOf('\\') + 1).replace(/@.*$/, '');
    return this.passwords.get(name) === credentials.slice(colon + 1) ? name : null;
  }

  private device(user: string, device: string): SampleDevice {
    const key = `${user} ${device}`;
    let state = this.devices.get(key);
    if (state === undefined) {
      state = new SampleDevice(user, this.mailboxes.get(user) ?? sampleMailbox(user));
      this.devices.set(key, state);
    }
    return state;
  }

  private async command(
    state: SampleDevice,
    query: EasQuery,
    request: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
  ): Promise<void> {
    const name = query.command?.name;
    const isWbxml = (request.headers['content-type'] ?? '').startsWith('application/vnd.ms-sync');
    let root: WbxmlElement | undefined;
    try {
      root = body.length > 0 && isWbxml ? decodeWbxml(body) : undefined;
    } catch {
      end(response, 400, {});
      return;
    }
    switch (name) {
      case 'Provision':
        send(response, root === undefined ? null : provision(state, root));
        break;
      case 'FolderSync':
        send(response, root === undefined ? null : folderSync(state, root));
        break;
      case 'Sync':
        await this.sync(state, root, response);
        break;
      case 'Ping':
        await this.ping(state, root, response);
        break;
      case 'GetItemEstimate':
        send(response, root === undefined ? null : getItemEstimate(state, root));
        break;
      case 'SendMail':
      case 'SmartForward':
      case 'SmartReply': {
        const mime = root === undefined ? body : mimeOf(root);
        send(
          response,
          sendMail(state, mime, (user) => this.mailboxes.get(user)),
        );
        break;
      }
      case 'ItemOperations':
        send(response, root === undefined ? null : itemOperations(state, root));
        break;
      case 'GetAttachment': {
        const reference = queryParameters(query)['AttachmentName'];
        const attachment = state.mailbox.find(String(reference))?.attachment ?? null;
        if (attachment === null) end(response, 404, {});
        else end(response, 200, { 'Content-Type': 'application/pdf' }, attachment.data);
        break;
      }
      case 'Settings':
        send(response, root === undefined ? null : settings(state, root));
        break;
      default:
        if (root === undefined) end(response, 501, {});
        else send(response, nothingFound(root.name, root.namespace));
    }
  }

  /** Without changes, a Sync with Wait or HeartbeatInterval is held, then answered without a body. */
  private async sync(
    state: SampleDevice,
    sent: WbxmlElement | undefined,
    response: ServerResponse,
  ): Promise<void> {
    const root = sent ?? state.unchangedSync;
    if (root === null) {
      send(response, element('AirSync', 'Sync', element('AirSync', 'Status', '13')));
      return;
    }
    let reply = sync(state, root);
    const wait = Number(textOf(child(root, 'Wait')) ?? 0) * 60;
    const seconds = Number(textOf(child(root, 'HeartbeatInterval')) ?? wait);
    if (reply === null && seconds > 0) {
      const folders = childrenNamed(child(root, 'Collections'), 'Collection').map(
        (collection) => textOf(child(collection, 'CollectionId')) ?? '',
      );
      await this.hold(state, folders, seconds, response);
      reply = sync(state, root);
    }
    state.unchangedSync = reply === null ? root : null;
    send(response, reply);
  }

  private async ping(
    state: SampleDevice,
    root: WbxmlElement | undefined,
    response: ServerResponse,
  ): Promise<void> {
    const folders = childrenNamed(child(root, 'Folders'), 'Folder').map(
      (folder) => textOf(child(folder, 'Id')) ?? '',
    );
    const seconds = Number(textOf(child(root, 'HeartbeatInterval')) ?? state.ping?.seconds ?? 0);
    const watched = folders.length > 0 ? folders : (state.ping?.folders ?? []);
    if (seconds === 0 || watched.length === 0) {
      send(response, pingReply(3));
      return;
    }
    // Ping status 5 tells the nearest accepted heartbeat (MS-ASCMD 2.2.3.177.11).
    if (seconds < MIN_HEARTBEAT_SECONDS || seconds > MAX_HEARTBEAT_SECONDS) {
      const nearest = String(Math.min(Math.max(seconds, MIN_HEARTBEAT_SECONDS), MAX_HEARTBEAT_SECONDS));
      send(response, pingReply(5, element('Ping', 'HeartbeatInterval', nearest)));
      return;
    }
    state.ping = { seconds, folders: watched };
    const waiting = watched.find((folder) => hasChanges(state, folder));
    const changed = waiting ?? (await this.hold(state, watched, seconds, response));
    if (changed === null) send(response, pingReply(1));
    else send(response, pingReply(2, element('Ping', 'Folders', element('Ping', 'Folder', changed))));
  }

  /** Resolves with the changed folder; with null after the time, or when the client disconnected. */
  private hold(
    state: SampleDevice,
    folders: readonly string[],
    seconds: number,
    response: ServerResponse,
  ): Promise<string | null> {
    this.held++;
    return new Promise((resolve) => {
      const finish = (folder: string | null): void => {
        this.held--;
        clearTimeout(timer);
        stop();
        response.off('close', leave);
        resolve(folder);
      };
      const leave = (): void => finish(null);
      const timer = setTimeout(leave, seconds * 1_000);
      const stop = state.mailbox.watch((folder) => {
        if (folders.includes(folder)) finish(folder);
      });
      response.on('close', leave);
    });
  }
}

function pingReply(status: number, ...more: WbxmlElement[]): WbxmlElement {
  return element('Ping', 'Ping', element('Ping', 'Status', String(status)), ...more);
}

function mimeOf(root: WbxmlElement): Buffer {
  const content = child(root, 'Mime')?.children[0];
  return Buffer.isBuffer(content) ? content : Buffer.from(textOf(child(root, 'Mime')) ?? '');
}

function send(response: ServerResponse, reply: SampleReply): void {
  if (reply === null) end(response, 200, {});
  else end(response, 200, { 'Content-Type': WBXML }, encodeWbxml(reply));
}

function end(response: ServerResponse, status: number, headers: Record<string, string>, body?: Buffer): void {
  response.writeHead(status, { ...COMMON, ...headers, 'Content-Length': body?.length ?? 0 });
  response.end(body);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Error('body too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

// Owns http-proxy 1.18.1 and its upstream connections: nothing else imports it, another proxy can take its place here.
// Its known faults are fenced: it never notices that a client left (node-http-proxy#1559), never ends a response that
// the server cut, joins repeated headers, passes hop-by-hop ones, and has no deadline.
import { Agent as HttpAgent } from 'node:http';
import type { Agent, ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import httpProxy from 'http-proxy';
import type { HttpErrorCode } from '../../http/errors.ts';
import type { Passage } from './connection.ts';
import {
  bindsConnection,
  closingHead,
  responseHeaders,
  upgradeHeaders,
  upstreamErrorCode,
} from './messages.ts';
import type { PassThroughSettings } from './settings.ts';

/** Unused upstream connections close after this long: below the idle time of IIS and of usual balancers. */
const IDLE_UPSTREAM_MS = 30_000;
/** Asked again once when a reused connection turns out closed: these change nothing (RFC 9110 9.2.1). */
const REPEATABLE = ['GET', 'HEAD', 'OPTIONS'];

function ignore(): void {
  // the close event follows
}

/** Sends admitted requests upstream and what comes back to the client. */
export class HttpProxyAdapter {
  private readonly settings: PassThroughSettings;
  private readonly fail: (passage: Passage, code: HttpErrorCode) => void;
  private readonly upstream: URL;
  private readonly shared: Agent;
  private readonly proxy: ReturnType<typeof httpProxy.createProxyServer>;
  private readonly passages = new WeakMap<IncomingMessage, Passage>();

  /** `fail` ends a passage with an error. Throws when `upstreamUrl` is no URL. */
  constructor(settings: PassThroughSettings, fail: (passage: Passage, code: HttpErrorCode) => void) {
    this.settings = settings;
    this.fail = fail;
    this.upstream = new URL(settings.upstreamUrl);
    this.shared = this.newAgent(settings.maxConnections);
    this.proxy = this.newProxy();
  }

  /** Forwards a request whose headers were written anew. */
  forward(passage: Passage, response: ServerResponse): void {
    const { request } = passage;
    this.passages.set(request, passage);
    this.proxy.web(request, response, { agent: this.agentFor(passage) }, (error) => {
      if (passage.over) return;
      const code = upstreamErrorCode(error);
      const stale = code === 'EASGATE_UPSTREAM_CLOSED' && passage.upstream?.reusedSocket === true;
      if (stale && !passage.retried && passage.status === 0 && REPEATABLE.includes(request.method ?? '')) {
        passage.retried = true;
        this.forward(passage, response);
      } else {
        this.fail(passage, code);
      }
    });
  }

  /** Asks upstream for a WebSocket; the client hears of it once the mail server has switched (CVE-2026-2833). */
  upgrade(passage: Passage): void {
    const { request, connection } = passage;
    const { socket } = connection;
    this.passages.set(request, passage);
    request.headers.connection = 'Upgrade';
    request.headers.upgrade = 'websocket';
    // RFC 6455 4.1: a client waits. Octets before the switch are a second request in disguise.
    socket.on('data', () => this.fail(passage, 'EASGATE_BAD_UPGRADE'));
    socket.once('end', () => {
      if (passage.status === 0 && passage.error === null) socket.destroy();
    });
    this.proxy.ws(request, socket, Buffer.alloc(0), { agent: this.agentFor(passage) }, (error) => {
      if (!passage.over && passage.status === 0) this.fail(passage, upstreamErrorCode(error));
    });
    // http-proxy would write a refusal with its hop-by-hop headers and a framing that no longer holds.
    passage.upstream?.removeAllListeners('response');
    passage.upstream?.once('response', (answer) => this.onUpgradeRefused(passage, answer));
  }

  /** Closes the upstream connections that no request is using; those in use close with their clients. */
  close(): void {
    this.shared.destroy();
  }

  // ------------------------------------------------------------------------------------------------------- parts

  private newProxy(): ReturnType<typeof httpProxy.createProxyServer> {
    const { protocol, hostname, port } = this.upstream;
    const host = hostname.replace(/^\[|\]$/g, '');
    const proxy = httpProxy.createProxyServer({
      target: { protocol, host, hostname: host, port: Number(port) || (protocol === 'https:' ? 443 : 80) },
      agent: this.shared,
      xfwd: false,
      toProxy: true,
      prependPath: false,
      selfHandleResponse: true,
    });
    proxy.on('proxyReq', (upstream, request) => {
      const passage = this.onUpstream(upstream, request);
      // Node destroys a request that nobody wanted switched without a word.
      if (passage !== null)
        upstream.once('upgrade', (_answer, socket) => {
          socket.destroy();
          this.fail(passage, 'EASGATE_UPSTREAM_INVALID');
        });
    });
    proxy.on('proxyRes', (answer, request) => {
      const passage = this.passages.get(request);
      if (passage !== undefined && passage.response !== null)
        this.onResponse(passage, passage.response, answer);
    });
    proxy.on('proxyReqWs', (upstream, request) => {
      const passage = this.onUpstream(upstream, request);
      // Ahead of http-proxy's own listener.
      if (passage !== null)
        upstream.once('upgrade', (answer, socket) => this.onUpgraded(passage, answer, socket));
    });
    return proxy;
  }

  private newAgent(maxSockets: number): Agent {
    const options = { keepAlive: true, maxSockets, maxFreeSockets: maxSockets, timeout: IDLE_UPSTREAM_MS };
    const { protocol, hostname } = this.upstream;
    if (protocol !== 'https:') return new HttpAgent(options);
    const tls = this.settings.upstreamTls;
    const isAddress = hostname.startsWith('[') || isIP(hostname) !== 0;
    return new HttpsAgent({
      ...options,
      ...tls?.context,
      rejectUnauthorized: tls?.verify ?? true,
      // Without a fixed name Node would take it from the Host header, which the client chose.
      servername: tls?.serverName ?? (isAddress ? '' : hostname),
    });
  }

  /** NTLM and Negotiate authenticate a connection: from then on it serves this client alone (http-proxy facts, 2.9). */
  private agentFor({ connection, request }: Passage): Agent {
    if (bindsConnection(request.headers.authorization)) connection.pinned ??= this.newAgent(1);
    return connection.pinned ?? this.shared;
  }

  private onUpstream(upstream: ClientRequest, request: IncomingMessage): Passage | null {
    const passage = this.passages.get(request);
    if (passage === undefined || passage.over) {
      upstream.destroy();
      return null;
    }
    passage.upstream = upstream;
    return passage;
  }

  // --------------------------------------------------------------------------------------------------- responses

  private onResponse(passage: Passage, response: ServerResponse, answer: IncomingMessage): void {
    if (passage.over) return;
    const status = answer.statusCode ?? 0;
    const headers = responseHeaders(answer.rawHeaders);
    if (status < 200 || status > 599 || headers === null) {
      this.fail(passage, 'EASGATE_UPSTREAM_INVALID');
      return;
    }
    passage.status = status;
    // A body still under way could be taken for the next request.
    passage.keepAlive &&= passage.request.complete;
    response.shouldKeepAlive = passage.keepAlive;
    response.writeHead(status, headers);
    response.flushHeaders();
    this.watchBody(passage, answer);
    answer.pipe(response);
  }

  /** The mail server answered an upgrade with something else: its answer goes on, then the connection closes. */
  private onUpgradeRefused(passage: Passage, answer: IncomingMessage): void {
    if (passage.over) return;
    const { socket } = passage.connection;
    const status = answer.statusCode ?? 0;
    const headers = responseHeaders(answer.rawHeaders);
    if (status < 200 || status > 599 || headers === null) {
      this.fail(passage, 'EASGATE_UPSTREAM_INVALID');
      return;
    }
    passage.status = status;
    socket.write(closingHead(status, headers), 'latin1');
    this.watchBody(passage, answer);
    answer.pipe(socket);
  }

  /** Bounds a response body, and cuts the client off when it ends early. */
  private watchBody(passage: Passage, answer: IncomingMessage): void {
    const { connection } = passage;
    connection.arm(this.settings.idleTimeoutMs, () => {
      passage.error ??= answer.isPaused() ? 'EASGATE_CLIENT_STALLED' : 'EASGATE_UPSTREAM_STALLED';
      connection.cut();
    });
    answer.on('data', () => connection.postpone());
    answer.on('error', ignore);
    answer.once('close', () => {
      if (answer.complete || passage.settled) return;
      passage.error ??= 'EASGATE_UPSTREAM_TRUNCATED';
      connection.cut();
    });
  }

  private onUpgraded(passage: Passage, answer: IncomingMessage, upstream: Socket): void {
    const { connection } = passage;
    const { socket } = connection;
    // The watch for early octets ends; http-proxy's pipes take over in this same turn.
    socket.removeAllListeners('data');
    const headers = responseHeaders(answer.rawHeaders);
    if (passage.over || headers === null || answer.headers.upgrade?.toLowerCase() !== 'websocket') {
      passage.error ??= 'EASGATE_UPSTREAM_INVALID';
      upstream.destroy();
      connection.cut();
      return;
    }
    passage.status = 101;
    passage.upstream = null;
    // What http-proxy is about to write.
    answer.headers = upgradeHeaders(headers);
    connection.disarm();
    socket.setTimeout(this.settings.idleTimeoutMs, () => socket.destroy());
    socket.once('close', () => upstream.destroySoon());
    upstream.once('close', () => socket.destroySoon());
  }
}

// Owns http-proxy 1.18.1 and its upstream connections; no other file imports it, so that it can be replaced. Its known
// faults are fenced: it does not notice that a client left (node-http-proxy#1559), never ends a truncated response,
// joins repeated headers, passes hop-by-hop ones, and has no deadlines.
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import httpProxy from 'http-proxy';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import { proxyHeader } from '../../http/proxy-protocol.ts';
import type { Balancer } from '../upstream/balancer.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';
import type { Passage } from './connection.ts';
import {
  bindsConnection,
  closingHead,
  hostOf,
  leadsToMail,
  opensNtlm,
  responseHeaders,
  upgradeHeaders,
  upstreamErrorCode,
} from './messages.ts';
import { ServerAgent, hasStood } from './server-agent.ts';
import type { PassThroughSettings } from '../settings.ts';

/** Methods that are retried once when a reused connection is closed: they change nothing (RFC 9110 9.2.1). */
const REPEATABLE = ['GET', 'HEAD', 'OPTIONS'];

function ignore(): void {
  // the close event follows
}

/** Sends admitted requests upstream, and the responses to the client. */
export class HttpProxyAdapter {
  private readonly settings: PassThroughSettings;
  private readonly fail: (passage: Passage, code: HttpErrorCode) => void;
  private readonly balancer: Balancer;
  private readonly shared = new Map<UpstreamServer, ServerAgent>();
  private readonly proxy: ReturnType<typeof httpProxy.createProxyServer>;
  private readonly passages = new WeakMap<IncomingMessage, Passage>();

  /** `fail` ends a request with an error. */
  constructor(
    settings: PassThroughSettings,
    balancer: Balancer,
    fail: (passage: Passage, code: HttpErrorCode) => void,
  ) {
    this.settings = settings;
    this.balancer = balancer;
    this.fail = fail;
    this.proxy = this.newProxy();
  }

  /** Forwards a request with rewritten headers to a server other than `except`. */
  forward(passage: Passage, response: ServerResponse, except: UpstreamServer | null = null): void {
    const { request } = passage;
    const agent = this.agentFor(passage, except);
    if (agent === null) {
      this.fail(passage, 'EASGATE_UPSTREAM_DOWN');
      return;
    }
    this.passages.set(request, passage);
    this.proxy.web(request, response, { agent }, (error) => {
      if (passage.over) return;
      const code = this.judge(passage, agent.server, error);
      const stale = code === 'EASGATE_UPSTREAM_CLOSED' && passage.upstream?.reusedSocket === true;
      const unsent = !hasStood(passage.upstream?.socket ?? null) && this.others(passage, agent.server);
      const may = !passage.retried && passage.status === 0 && REPEATABLE.includes(request.method ?? '');
      if (may && (stale || unsent)) {
        passage.retried = true;
        this.forward(passage, response, unsent ? agent.server : null);
      } else {
        this.fail(passage, code);
      }
    });
  }

  /** Requests a WebSocket upstream; the client is answered once the mail server has switched (CVE-2026-2833). */
  upgrade(passage: Passage): void {
    const { request, connection } = passage;
    const { socket } = connection;
    const agent = this.agentFor(passage, null);
    if (agent === null) {
      this.fail(passage, 'EASGATE_UPSTREAM_DOWN');
      return;
    }
    this.passages.set(request, passage);
    request.headers.connection = 'Upgrade';
    request.headers.upgrade = 'websocket';
    // The client must wait (RFC 6455 4.1). Octets before the switch are a hidden second request.
    socket.on('data', () => this.fail(passage, 'EASGATE_BAD_UPGRADE'));
    socket.once('end', () => {
      if (passage.status === 0 && passage.error === null) socket.destroy();
    });
    this.proxy.ws(request, socket, Buffer.alloc(0), { agent }, (error) => {
      if (!passage.over && passage.status === 0) this.fail(passage, this.judge(passage, agent.server, error));
    });
    // http-proxy would write a refusal with hop-by-hop headers and wrong framing.
    passage.upstream?.removeAllListeners('response');
    passage.upstream?.once('response', (answer) => this.onUpgradeRefused(passage, answer));
  }

  /** Closes unused upstream connections; the others close with their clients. */
  close(): void {
    for (const agent of this.shared.values()) agent.destroy();
  }

  // ------------------------------------------------------------------------------------------------------- parts

  private newProxy(): ReturnType<typeof httpProxy.createProxyServer> {
    const proxy = httpProxy.createProxyServer({
      // Every request has an agent, which knows its server; this unresolvable name is a placeholder.
      target: { protocol: 'http:', host: 'server.invalid', hostname: 'server.invalid', port: 80 },
      xfwd: false,
      toProxy: true,
      prependPath: false,
      selfHandleResponse: true,
    });
    proxy.on('proxyReq', (upstream, request) => {
      const passage = this.onUpstream(upstream, request);
      // Node silently destroys an unexpected upgrade.
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
      // Before http-proxy's own listener.
      if (passage !== null)
        upstream.once('upgrade', (answer, socket) => this.onUpgraded(passage, answer, socket));
    });
    return proxy;
  }

  /**
   * The agent for a request, which knows its server; null = none. NTLM and Negotiate authenticate a connection (RFC
   * 4559 6): from then on it serves this client alone, like one with a PROXY header.
   */
  private agentFor(passage: Passage, except: UpstreamServer | null): ServerAgent | null {
    const { connection, request, address, isAnothers } = passage;
    // A pinned connection ends when a proxy in front sends another client's request.
    if (
      connection.pinned !== null &&
      (isAnothers || connection.pinnedFor !== address || connection.pinned.server === except)
    ) {
      connection.pinned.destroy();
      connection.pinned = null;
    }
    const server = connection.pinned?.server ?? this.serverFor(passage, except);
    if (server === null) return null;
    connection.server = server;
    if (this.settings.hostHeader === 'upstream') request.headers.host = hostOf(server.settings);
    if (server.settings.proxyProtocol !== null || bindsConnection(request.headers.authorization)) {
      connection.pinned ??= new ServerAgent(server, 1, this.headerFor(passage, server));
      connection.pinnedFor = address;
    }
    return connection.pinned ?? this.sharedAgent(server);
  }

  /** A client connection keeps its server while that is usable, because sessions may be stored there. */
  private serverFor({ connection, address }: Passage, except: UpstreamServer | null): UpstreamServer | null {
    const { server } = connection;
    return server !== null && server !== except && server.usable
      ? server
      : this.balancer.pick(address, except);
  }

  private sharedAgent(server: UpstreamServer): ServerAgent {
    let agent = this.shared.get(server);
    if (agent === undefined) {
      agent = new ServerAgent(server, this.settings.maxConnections, null);
      this.shared.set(server, agent);
    }
    return agent;
  }

  private headerFor({ connection, address }: Passage, { settings }: UpstreamServer): Buffer | null {
    const { socket, peer } = connection;
    return settings.proxyProtocol === null
      ? null
      : proxyHeader(
          settings.proxyProtocol,
          address,
          peer.port,
          socket.localAddress ?? '',
          socket.localPort ?? 0,
        );
  }

  /** Whether another server could get the request; a pinned connection keeps its server. */
  private others({ connection }: Passage, server: UpstreamServer): boolean {
    return (
      !bindsConnection(connection.current?.request.headers.authorization) &&
      this.balancer.servers.some((other) => other !== server && other.usable)
    );
  }

  /**
   * The code for an error. Only a failed connect counts against the server: other failures and successes on these paths
   * say nothing about Exchange ActiveSync.
   */
  private judge(passage: Passage, server: UpstreamServer, error: NodeJS.ErrnoException): HttpErrorCode {
    const stood = hasStood(passage.upstream?.socket ?? null);
    const code = upstreamErrorCode(error, stood);
    if (!stood) {
      server.onConnectFailed(error);
      server.failed(code);
    }
    return code;
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
    const headers = this.checkedHeaders(passage, answer);
    if (headers === null) return;
    // The handshake is over: a proxy's next request may be another client's, and opens its own.
    const { connection, request } = passage;
    if (connection.shared && passage.status !== 401 && !opensNtlm(request.headers.authorization))
      connection.pinnedFor = '';
    // The rest of a body could be taken for the next request.
    passage.keepAlive &&= passage.request.complete && !connection.stream.lost;
    response.shouldKeepAlive = passage.keepAlive;
    response.writeHead(passage.status, headers);
    response.flushHeaders();
    this.watchBody(passage, answer);
    answer.pipe(response);
  }

  /** The headers to send on, once status and headers are in order; null = the passage failed. */
  private checkedHeaders(passage: Passage, answer: IncomingMessage): string[] | null {
    const status = answer.statusCode ?? 0;
    const headers = responseHeaders(answer.rawHeaders);
    if (status < 200 || status > 599 || headers === null) {
      this.fail(passage, 'EASGATE_UPSTREAM_INVALID');
      return null;
    }
    const host = this.settings.hostHeader === 'preserve' ? (passage.request.headers.host ?? null) : null;
    if (leadsToMail(headers, host)) {
      this.fail(passage, 'EASGATE_UPSTREAM_REDIRECT');
      return null;
    }
    passage.status = status;
    return headers;
  }

  /** The mail server answered an upgrade with a normal response: it is forwarded, then the connection closes. */
  private onUpgradeRefused(passage: Passage, answer: IncomingMessage): void {
    if (passage.over) return;
    const { socket } = passage.connection;
    const headers = this.checkedHeaders(passage, answer);
    if (headers === null) return;
    socket.write(closingHead(passage.status, headers), 'latin1');
    this.watchBody(passage, answer);
    answer.pipe(socket);
  }

  /** Bounds a response body, and cuts off the client when it is truncated. */
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
    // The watch for early octets ends; http-proxy's pipes take over in the same turn.
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
    // http-proxy writes these headers next.
    answer.headers = upgradeHeaders(headers);
    connection.disarm();
    socket.setTimeout(this.settings.idleTimeoutMs, () => socket.destroy());
    socket.once('close', () => upstream.destroySoon());
    upstream.once('close', () => socket.destroySoon());
  }
}

// Owns the types of http-proxy 1.18.1 that this project uses; the package has none.
declare module 'http-proxy' {
  import type { Agent, ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
  import type { Duplex } from 'node:stream';
  interface Options {
    target: string | { protocol: string; host: string; hostname: string; port: number };
    /** Absent = each request has its own. */
    agent?: Agent;
    /** Writes X-Forwarded-* itself. */
    xfwd: boolean;
    /** Leaves `request.url` as it is, instead of parsing and printing it. */
    toProxy?: boolean;
    prependPath?: boolean;
    /** Leaves the response to the `proxyRes` listener. */
    selfHandleResponse?: boolean;
  }
  type ErrorCallback = (error: NodeJS.ErrnoException) => void;
  interface Proxy {
    web(request: IncomingMessage, response: ServerResponse): void;
    web(
      request: IncomingMessage,
      response: ServerResponse,
      options: { agent: Agent },
      onError: ErrorCallback,
    ): void;
    ws(
      request: IncomingMessage,
      socket: Duplex,
      head: Buffer,
      options: { agent: Agent },
      onError: ErrorCallback,
    ): void;
    on(
      event: 'error',
      listener: (error: Error, request: IncomingMessage, response: ServerResponse) => void,
    ): void;
    on(event: 'proxyReq', listener: (upstream: ClientRequest, request: IncomingMessage) => void): void;
    on(event: 'proxyReqWs', listener: (upstream: ClientRequest, request: IncomingMessage) => void): void;
    on(event: 'proxyRes', listener: (answer: IncomingMessage, request: IncomingMessage) => void): void;
  }
  const httpProxy: { createProxyServer(options: Options): Proxy };
  export = httpProxy;
}

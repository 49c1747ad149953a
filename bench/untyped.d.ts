// Owns the few types of rivals and tools that ship none.
declare module 'http-proxy' {
  import type { Agent, IncomingMessage, ServerResponse } from 'node:http';
  interface Proxy {
    web(request: IncomingMessage, response: ServerResponse): void;
    on(
      event: 'error',
      listener: (error: Error, request: IncomingMessage, response: ServerResponse) => void,
    ): void;
  }
  const httpProxy: { createProxyServer(options: { target: string; agent: Agent; xfwd: boolean }): Proxy };
  export = httpProxy;
}

declare module 'autocannon' {
  interface Client {
    setRequests(
      requests: readonly { method: 'POST'; path: string; headers: Record<string, string>; body: Buffer }[],
    ): void;
  }
  interface Options {
    url: string;
    connections: number;
    duration: number;
    setupClient: (client: Client) => void;
  }
  interface Result {
    requests: { total: number; average: number };
    latency: { p50: number; p99: number };
    errors: number;
    timeouts: number;
    non2xx: number;
  }
  function autocannon(options: Options): Promise<Result>;
  export = autocannon;
}

// Owns the few types of rivals and tools that ship none.
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
    tlsOptions?: { rejectUnauthorized: boolean; servername: string };
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

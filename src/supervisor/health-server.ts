// Owns the probes `/healthz` (the workers answer) and `/readyz` (phones can be served). No token, no names.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { WorkerHealth } from './messages.ts';
import { ProbeServer } from './probe-server.ts';
import { REFUSED_TEXT, isRefused } from './store-refusal.ts';

/** The state of the whole gateway. */
export interface GatewayState {
  /** `starting` until all workers serve, `draining` from the first signal to stop. */
  readonly phase: 'starting' | 'serving' | 'draining';
  /** One entry per serving worker; null = it did not answer. */
  readonly workers: readonly (WorkerHealth | null)[];
}

const MAX_CONNECTIONS = 64;

/** Why the gateway is not healthy; null = healthy. A draining gateway is healthy. */
export function deadBecause({ phase, workers }: GatewayState): string | null {
  if (phase === 'draining') return null;
  if (phase === 'starting') return 'starting';
  if (workers.length === 0) return 'no worker serves';
  const silent = workers.filter((worker) => worker === null).length;
  return silent === 0 ? null : `${silent} of ${workers.length} workers do not answer`;
}

/** Why the gateway is not ready for phones; null = ready. */
export function unreadyBecause(state: GatewayState): string | null {
  if (state.phase === 'draining') return 'draining';
  const dead = deadBecause(state);
  if (dead !== null) return dead;
  const known = state.workers.filter((worker) => worker !== null);
  if (known.some(({ store }) => !store)) return 'the directory does not answer';
  return known.some(({ mailServer }) => !mailServer) ? 'no mail server is available' : null;
}

/** What an operator should know of a gateway that is ready. The cause is left out: it may name files. */
export function readyWarnings({ workers }: GatewayState): readonly string[] {
  return workers.some((worker) => isRefused(worker?.storeRefusal)) ? [REFUSED_TEXT] : [];
}

/** Serves both paths until closed. */
export class HealthServer {
  private readonly server = new ProbeServer(MAX_CONNECTIONS, (request, response) =>
    this.serve(request, response),
  );
  private readonly look: () => Promise<GatewayState>;
  /** Concurrent probes share one query of the workers. */
  private looking: Promise<GatewayState> | null = null;

  private constructor(look: () => Promise<GatewayState>) {
    this.look = look;
  }

  /** Rejects with advice for the operator when the address cannot be listened on. */
  static async open(address: string, port: number, look: () => Promise<GatewayState>): Promise<HealthServer> {
    const health = new HealthServer(look);
    await health.server.listen(address, port, 'health.listen');
    return health;
  }

  get port(): number {
    return this.server.port;
  }

  close(): Promise<void> {
    return this.server.close();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path] = (request.url ?? '').split('?');
    const judge = path === '/healthz' ? deadBecause : path === '/readyz' ? unreadyBecause : null;
    if (judge === null) {
      send(request, response, 404, { status: 'not found' });
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      send(request, response, 405, { status: 'method not allowed' });
    } else {
      this.looking ??= this.look().finally(() => (this.looking = null));
      const state = await this.looking;
      const reason = judge(state);
      const warnings = judge === unreadyBecause ? readyWarnings(state) : [];
      if (reason !== null) send(request, response, 503, { status: 'unavailable', reason });
      else send(request, response, 200, { status: 'ok', ...(warnings.length === 0 ? {} : { warnings }) });
    }
  }
}

function send(request: IncomingMessage, response: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`;
  // An unread body would be taken for the next request.
  if (!request.complete) response.setHeader('Connection', 'close');
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}

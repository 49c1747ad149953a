// Owns the settings of a pass-through lane, and a lane behind a listener that hands connections over like the gateway, with unread bytes.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { PassThroughLane } from '../../../src/gateway/pass-through/lane.ts';
import type { PassThroughSettings, UpstreamServerSettings } from '../../../src/gateway/settings.ts';
import { Balancer } from '../../../src/gateway/upstream/balancer.ts';
import { testSettings } from './test-gateway.ts';
import type { FinishedPassage } from '../../../src/telemetry/finished-request.ts';

/** A lane and its port. */
export interface TestLane {
  readonly port: number;
  readonly lane: PassThroughLane;
  readonly lines: FinishedPassage[];
  close(): Promise<void>;
}

/**
 * Settings with time-outs that only tests with replaced timers reach. Open: `/owa` and below, `/EWS/Exchange.asmx`, WebSockets on
 * `/socket`.
 */
export function laneSettings(overrides: Partial<PassThroughSettings> = {}): PassThroughSettings {
  return {
    server: null,
    hostHeader: 'preserve',
    paths: [
      { path: '/owa', match: 'prefix', upgrade: false },
      { path: '/EWS/Exchange.asmx', match: 'exact', upgrade: false },
      { path: '/socket', match: 'exact', upgrade: true },
    ],
    ownPaths: ['/Microsoft-Server-ActiveSync'],
    publicHosts: [],
    headTimeoutMs: 120_000,
    keepAliveTimeoutMs: 120_000,
    responseTimeoutMs: 120_000,
    idleTimeoutMs: 120_000,
    maxConnections: 10,
    maxBodyBytes: 100_000,
    headLimits: { maxHeadBytes: 8_192, maxHeaders: 30, maxTargetBytes: 2_048 },
    certificateHeader: null,
    trustedProxies: [],
    forwardedHeader: 'xForwardedFor',
    sendsForwarded: false,
    ...overrides,
  };
}

/** Starts a lane of {@link laneSettings} before `http://127.0.0.1:upstreamPort`. */
export async function startTestLane(
  upstreamPort: number,
  overrides: Partial<PassThroughSettings> = {},
  upstreamServer: Partial<UpstreamServerSettings> = {},
): Promise<TestLane> {
  const lines: FinishedPassage[] = [];
  const settings = laneSettings(overrides);
  const { upstream } = testSettings(upstreamPort, { upstream: upstreamServer });
  const balancer = new Balancer(upstream, Date.now, () => undefined);
  const lane = new PassThroughLane(settings, balancer, (line) => lines.push(line));
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    socket.once('data', (first: Buffer) => {
      socket.off('error', ignore);
      lane.accept(socket, first, { address: '127.0.0.1', port: socket.remotePort ?? 0, proto: 'http' });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    lane,
    lines,
    close: async () => {
      await lane.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

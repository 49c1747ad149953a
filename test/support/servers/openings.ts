// Owns opening mail servers, gateways and phones in a test; they closing them when the test ends. Not for `beforeAll`.
import type { TlsOptions } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import { startGateway } from '../../../src/gateway/gateway.ts';
import type { Gateway } from '../../../src/gateway/gateway.ts';
import type { VerdictSource } from '../../../src/gateway/gateway-core.ts';
import type { PassThroughSettings, UpstreamServerSettings } from '../../../src/gateway/settings.ts';
import { throwingAtBugs } from '../checks/bugs.ts';
import { closeAtEnd, watchGateway } from '../checks/leaks.ts';
import { OFFER, UNAUTHORIZED, isBare, ok, startRawBackend } from './raw-backend.ts';
import { TestClock } from '../checks/test-clock.ts';
import type { BackendRequest, RawBackend } from './raw-backend.ts';
import { RawClient } from '../phones/raw-client.ts';
import { startTestGateway, testSettings } from './test-gateway.ts';
import type { SettingsOverrides, TestGateway } from './test-gateway.ts';
import { startTestLane } from './test-lane.ts';
import type { TestLane } from './test-lane.ts';

/** A gateway with verdicts from the test. */
export interface DecidedGateway extends Gateway {
  readonly time: TestClock;
  readonly finished: Exchange[];
  /** Reports a change of every verdict, as the change log does. */
  readonly change: () => void;
}

/** Answers 200, and 401 to OPTIONS without credentials. */
export const answerOk = (request: BackendRequest): void =>
  void request.connection.socket.write(isBare(request) ? UNAUTHORIZED : ok('ok', OFFER));

/** Starts a mail server double; without a behaviour it answers nothing. */
export async function backendOf(...behaviour: Parameters<typeof startRawBackend>): Promise<RawBackend> {
  return closeAtEnd(await startRawBackend(...behaviour));
}

/** Starts a mail server double that speaks TLS. */
export async function tlsBackendOf(
  tls: TlsOptions,
  onRequest: (request: BackendRequest) => void = answerOk,
): Promise<RawBackend> {
  return backendOf(onRequest, undefined, tls);
}

/** Starts a gateway in front of `backend`, or of another server on its port. */
export async function gatewayOf(
  backend: { readonly port: number },
  overrides: SettingsOverrides = {},
): Promise<TestGateway> {
  return closeAtEnd(await startTestGateway(backend.port, overrides));
}

/** Starts a gateway whose verdicts come only from `decide`. */
export async function gatewayWith(
  backend: RawBackend,
  decide: VerdictSource['decide'],
  overrides: SettingsOverrides = {},
): Promise<DecidedGateway> {
  return closeAtEnd(await startDecided(backend, decide, overrides));
}

/** Starts a pass-through lane in front of `backend`. */
export async function laneOf(
  backend: { readonly port: number },
  overrides?: Partial<PassThroughSettings>,
  server?: Partial<UpstreamServerSettings>,
): Promise<TestLane> {
  return closeAtEnd(await startTestLane(backend.port, overrides, server));
}

/** Opens a connection to a gateway or a lane. */
export async function phoneOf({ port }: { readonly port: number }): Promise<RawClient> {
  const phone = await RawClient.open(port);
  onTestFinished(() => phone.destroy());
  return phone;
}

async function startDecided(
  backend: RawBackend,
  decide: VerdictSource['decide'],
  overrides: SettingsOverrides,
): Promise<DecidedGateway> {
  let tell: () => void = () => undefined;
  const finished: Exchange[] = [];
  const time = overrides.time ?? new TestClock();
  const gateway = await startGateway({
    settings: testSettings(backend.port, overrides),
    clock: time.now,
    wall: time.wall,
    verdicts: {
      confirm: async () => null,
      noteWipeTold: async () => false,
      acknowledgeWipe: async () => false,
      peek: () => undefined,
      decide,
      onChange: (listener) => {
        tell = () => listener({ devices: new Set(), users: new Set(), all: true });
        return () => undefined;
      },
    },
    recorder: { seen: () => undefined },
    accessLog: { record: (exchange) => void finished.push(exchange), recordPassage: () => undefined },
    onTrouble: throwingAtBugs(),
  });
  watchGateway(gateway);
  return { ...gateway, time, finished, change: () => tell() };
}

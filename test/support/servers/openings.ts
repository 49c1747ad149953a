// Owns what a test opens of mail servers, gateways and phones, and that it is closed behind it, the last first.
import { afterEach } from 'vitest';
import type { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import { startGateway } from '../../../src/gateway/gateway.ts';
import type { Gateway } from '../../../src/gateway/gateway.ts';
import type { VerdictSource } from '../../../src/gateway/gateway-core.ts';
import { throwingAtBugs } from '../checks/bugs.ts';
import { watchGateway } from '../checks/leaks.ts';
import { OFFER, UNAUTHORIZED, isBare, ok, startRawBackend } from './raw-backend.ts';
import { TestClock } from '../checks/test-clock.ts';
import type { BackendRequest, RawBackend } from './raw-backend.ts';
import { RawClient } from '../phones/raw-client.ts';
import { startTestGateway, testSettings } from './test-gateway.ts';
import type { SettingsOverrides, TestGateway } from './test-gateway.ts';

/** A gateway whose verdicts come from a test. */
export interface DecidedGateway extends Gateway {
  readonly time: TestClock;
  readonly finished: Exchange[];
  /** Tells it of a change of all. */
  readonly change: () => void;
}

/** The ways to open things that are closed behind the test. */
export interface Openings {
  /** What else is to be closed; the last is closed first. */
  readonly opened: { close(): Promise<void> | void }[];
  readonly backendOf: (...behaviour: Parameters<typeof startRawBackend>) => Promise<RawBackend>;
  readonly gatewayOf: (backend: RawBackend, overrides?: SettingsOverrides) => Promise<TestGateway>;
  /** Its verdicts come from `decide` alone. */
  readonly gatewayWith: (
    backend: RawBackend,
    decide: VerdictSource['decide'],
    overrides?: SettingsOverrides,
  ) => Promise<DecidedGateway>;
  readonly phoneOf: (gateway: { readonly port: number }) => Promise<RawClient>;
}

/** What a mail server says to all, but for OPTIONS without credentials. */
export const answerOk = (request: BackendRequest): void =>
  void request.connection.socket.write(isBare(request) ? UNAUTHORIZED : ok('ok', OFFER));

/** Call it once, at the top of a file, below `checkLeaks()`. */
export function openings(): Openings {
  const opened: Openings['opened'] = [];
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close();
  });
  const closed = <Thing extends { close(): Promise<void> | void }>(thing: Thing): Thing => {
    opened.push(thing);
    return thing;
  };
  return {
    opened,
    backendOf: async (...behaviour) => closed(await startRawBackend(...behaviour)),
    gatewayOf: async (backend, overrides = {}) => closed(await startTestGateway(backend.port, overrides)),
    gatewayWith: async (backend, decide, overrides = {}) =>
      closed(await startDecided(backend, decide, overrides)),
    phoneOf: async ({ port }) => {
      const phone = await RawClient.open(port);
      opened.push({ close: () => phone.destroy() });
      return phone;
    },
  };
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

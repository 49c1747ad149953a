// Owns opening a pass-through lane with its server and clients in a test, and the requests that go through it.
import type { PassThroughSettings } from '../../../src/gateway/settings.ts';
import type { RawClient } from '../phones/raw-client.ts';
import { backendOf, laneOf, phoneOf } from './openings.ts';
import { ok } from './raw-backend.ts';
import type { BackendRequest, RawBackend } from './raw-backend.ts';
import type { TestLane } from './test-lane.ts';

/** A lane in front of one server, with one client. */
export interface OpenLane {
  readonly backend: RawBackend;
  readonly gateway: TestLane;
  readonly client: RawClient;
  /** Opens another client connection. */
  readonly open: () => Promise<RawClient>;
}

/** Opens the three; all are closed when the test ends. */
export async function openLane(
  onRequest: (request: BackendRequest) => void = ({ connection }) => connection.socket.write(ok()),
  overrides: Partial<PassThroughSettings> = {},
): Promise<OpenLane> {
  const backend = await backendOf(onRequest);
  const gateway = await laneOf(backend, overrides);
  const open = (): Promise<RawClient> => phoneOf(gateway);
  return { backend, gateway, client: await open(), open };
}

/** A request: its line without the version, header lines besides Host, body. */
export function request(line: string, lines: readonly string[] = [], body = ''): string {
  return [`${line} HTTP/1.1`, 'Host: mail.example.com', ...lines, '', body].join('\r\n');
}

/** A GET. */
export const get = (target = '/owa/', ...lines: string[]): string => request(`GET ${target}`, lines);

// Owns several mail server doubles behind one gateway, and phones in front of it.
import type { UpstreamServerSettings } from '../../../src/gateway/settings.ts';
import { ok, startRawBackend } from './raw-backend.ts';
import type { BackendRequest, RawBackend } from './raw-backend.ts';
import { RawClient } from '../phones/raw-client.ts';
import type { RawResponse } from '../phones/raw-client.ts';
import { FOLDER_SYNC, request, startTestGateway, testSettings } from './test-gateway.ts';
import type { SettingsOverrides, TestGateway } from './test-gateway.ts';

/** Behaviour and settings of one double. */
export interface GroupMember {
  /** Default: answers 200 with its index as body. */
  readonly onRequest?: (request: BackendRequest) => void;
  readonly settings?: Partial<UpstreamServerSettings>;
}

/** A gateway in front of several doubles. */
export interface ServerGroup {
  readonly gateway: TestGateway;
  readonly backends: readonly RawBackend[];
  /** Opens another connection of a phone. */
  readonly phone: () => Promise<RawClient>;
  /** One FolderSync on a new connection. */
  readonly ask: (device?: string) => Promise<RawResponse>;
  readonly close: () => Promise<void>;
}

/** Starts the doubles and the gateway. */
export async function startServerGroup(
  members: readonly GroupMember[],
  overrides: SettingsOverrides = {},
): Promise<ServerGroup> {
  const backends = await Promise.all(
    members.map(({ onRequest }, index) =>
      startRawBackend(onRequest ?? (({ connection }) => connection.socket.write(ok(String(index))))),
    ),
  );
  const [first = 0, ...morePorts] = backends.map(({ port }) => port);
  const settings = testSettings(first, { ...overrides, morePorts });
  const servers = settings.upstream.servers.map((server, index) => ({
    ...server,
    ...members[index]?.settings,
  }));
  const gateway = await startTestGateway(first, {
    ...overrides,
    balancing: { ...overrides.balancing, servers },
  });
  const phones: RawClient[] = [];
  const phone = async (): Promise<RawClient> => {
    const client = await RawClient.open(gateway.port);
    phones.push(client);
    return client;
  };
  return {
    gateway,
    backends,
    phone,
    ask: async (device) => {
      const client = await phone();
      client.send(request('FolderSync', FOLDER_SYNC, [], device));
      const response = await client.response();
      client.destroy();
      return response;
    },
    close: async () => {
      for (const client of phones) client.destroy();
      await gateway.close();
      await Promise.all(backends.map((backend) => backend.close()));
    },
  };
}

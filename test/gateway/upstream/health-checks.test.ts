// Owns the promises of health checks of mail servers, and their effect on the traffic.
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HealthSettings, UpstreamServerSettings } from '../../../src/gateway/settings.ts';
import { HealthChecks } from '../../../src/gateway/upstream/health-checks.ts';
import { UpstreamServer } from '../../../src/gateway/upstream/upstream-server.ts';
import { freePort } from '../../support/servers/free-port.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { startRawBackend } from '../../support/servers/raw-backend.ts';
import type { BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request, startTestGateway, testSettings } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { phoneOf } from '../../support/servers/openings.ts';

checkLeaks();

const HEALTH: HealthSettings = {
  method: 'OPTIONS',
  path: '/Microsoft-Server-ActiveSync',
  intervalMs: 20,
  timeoutMs: 30_000,
  rise: 2,
  fall: 3,
  maxStatus: 499,
};

interface Watched {
  readonly server: UpstreamServer;
  /** The changes of the server's state, with the cause. */
  readonly changes: string[];
}

/** Watches the server at `port` until the test ends. */
function watch(
  port: number,
  health: Partial<HealthSettings> = {},
  overrides: Partial<UpstreamServerSettings> = {},
  onChange: () => void = () => undefined,
): Watched {
  const { upstream } = testSettings(port, { upstream: overrides });
  const [settings] = upstream.servers;
  if (settings === undefined) throw new Error('no server');
  const changes: string[] = [];
  const server = new UpstreamServer(settings, upstream, Date.now, (changed, cause) => {
    changes.push(`${changed.healthy ? 'well' : 'ill'}: ${cause}`);
    onChange();
  });
  const checks = new HealthChecks({ ...HEALTH, ...health }, [server]);
  onTestFinished(() => checks.close());
  return { server, changes };
}

async function backendOf(onRequest: (request: BackendRequest) => void): Promise<RawBackend> {
  const backend = await startRawBackend(onRequest);
  onTestFinished(() => backend.close());
  return backend;
}

function answer({ connection }: BackendRequest, status: number): void {
  connection.socket.write(`HTTP/1.1 ${status} Status\r\nContent-Length: 0\r\n\r\n`);
}

describe('a health check', () => {
  it.each([
    ['OPTIONS', '/Microsoft-Server-ActiveSync'],
    ['GET', '/healthcheck.htm?full=1'],
  ] as const)('requests %s %s, with the Host of the settings', async (method, path) => {
    const backend = await backendOf((sent) => answer(sent, 200));
    watch(backend.port, { method, path }, { hostHeader: 'exchange.internal' });
    await until(() => backend.requests.length > 0, 'a health check');
    const [sent] = backend.requests;
    expect([sent?.method, sent?.target]).toEqual([method, path]);
    expect(sent?.header('host')).toBe('exchange.internal');
    expect(sent?.header('authorization')).toBeUndefined();
  });

  it('takes a server out of use after `fall` failures in a row, and back after `rise` successes', async () => {
    const script = [200, 503, 503, 200, 503, 503, 503, 200, 503, 200, 200];
    const seen: number[] = [];
    const backend = await backendOf((sent) => answer(sent, script[backend.requests.length - 1] ?? 200));
    const { server, changes } = watch(backend.port, {}, {}, () => seen.push(backend.requests.length));
    await until(() => backend.requests.length > script.length, 'the script to end');
    expect(changes).toEqual(['ill: status 503', 'well: health checks pass']);
    // The 7th answer is the third failure in a row, the 11th the second success.
    expect(seen).toEqual([7, 11]);
    expect(server.usable).toBe(true);
  });

  it.each([
    [401, 499, true],
    [499, 499, true],
    [500, 499, false],
    [401, 399, false],
  ])('with status %i and maxStatus %i means: healthy = %s', async (status, maxStatus, well) => {
    const backend = await backendOf((sent) => answer(sent, status));
    const { server } = watch(backend.port, { maxStatus });
    await until(() => backend.requests.length > HEALTH.fall, 'enough answers');
    expect(server.healthy).toBe(well);
  });

  it('without an answer in time is a failure', async () => {
    const backend = await backendOf(() => undefined);
    const seen: number[] = [];
    const { changes } = watch(backend.port, { timeoutMs: 1_500, fall: 2 }, {}, () =>
      seen.push(backend.connections.length),
    );
    await until(() => changes.length === 1, 'the server to be out');
    expect(changes).toEqual(['ill: no answer within 1500 ms']);
    expect(seen).toEqual([2]);
  });

  it('without a connection is a failure', async () => {
    const { changes } = watch(await freePort());
    await until(() => changes.length === 1, 'the server to be out');
    expect(changes[0]).toMatch(/^ill: .*ECONNREFUSED/);
  });

  it.each([
    [1, 'PROXY UNKNOWN\r\n'],
    [2, '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0'],
  ] as const)('has a PROXY header of version %i without a client address', async (version, header) => {
    const backend = await startRawBackend(
      () => undefined,
      (connection) => {
        if (!connection.received.endsWith('\r\n\r\n')) return;
        if (connection.received.startsWith(`${header}OPTIONS /`))
          connection.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        else connection.socket.destroy();
      },
    );
    onTestFinished(() => backend.close());
    const { changes } = watch(backend.port, { fall: 1 }, { proxyProtocol: version });
    await until(() => backend.connections.length > 3, 'some health checks');
    expect(changes).toEqual([]);
  });

  it('leaves no connection open', async () => {
    const backend = await backendOf((sent) => answer(sent, 200));
    watch(backend.port);
    await until(() => backend.connections.length > 4, 'some health checks');
    await until(
      () => backend.connections.filter(({ closed }) => !closed).length < 2,
      'no connection but one',
    );
  });
});

describe('a gateway with health checks', () => {
  it('sends no phone to an unhealthy server, and answers 503 when all are unhealthy', async () => {
    const ill = new Set<number>();
    const backends: RawBackend[] = [];
    for (const index of [0, 1]) {
      backends.push(await backendOf((sent) => answer(sent, ill.has(index) ? 503 : 200)));
    }
    const [first, second] = backends;
    const gateway = await startTestGateway(first?.port ?? 0, {
      morePorts: [second?.port ?? 0],
      balancing: { health: { ...HEALTH, rise: 1, fall: 1 } },
    });
    onTestFinished(() => gateway.close());
    const phone = await phoneOf(gateway);
    const sync = async (): Promise<number> => {
      phone.send(request('FolderSync', FOLDER_SYNC));
      return (await phone.response()).status;
    };
    const phones = (backend: RawBackend | undefined): number =>
      backend?.requests.filter(({ method }) => method === 'POST').length ?? 0;
    /** Waits for a check after the last answer, so that this answer has been evaluated. */
    const asked = async (backend: RawBackend | undefined): Promise<void> => {
      const checks = (): number => (backend?.requests.length ?? 0) - phones(backend);
      const before = checks();
      await until(() => checks() >= before + 2, 'another health check');
    };

    ill.add(0);
    await asked(first);
    const before = phones(first);
    for (let count = 0; count < 4; count++) expect(await sync()).toBe(200);
    expect(phones(first)).toBe(before);

    ill.add(1);
    await asked(second);
    phone.send(request('FolderSync', FOLDER_SYNC));
    const refused = await phone.response();
    expect(refused.status).toBe(503);
    expect(refused.header('retry-after')).toBe('30');
    expect(gateway.finished.at(-1)?.error).toBe('EASGATE_UPSTREAM_DOWN');

    ill.clear();
    await asked(first);
    await asked(second);
    for (let count = 0; count < 4; count++) expect(await sync()).toBe(200);
    expect(phones(first)).toBe(before + 2);
  });
});

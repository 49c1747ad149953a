// Owns what one test opens: gateways and mail servers that are closed behind it, with proof that nothing stays open.
import type { TlsOptions } from 'node:tls';
import { answerOk } from './openings.ts';
import { startRawBackend } from './raw-backend.ts';
import type { BackendRequest, RawBackend } from './raw-backend.ts';
import { startTestGateway } from './test-gateway.ts';
import type { SettingsOverrides, TestGateway } from './test-gateway.ts';
import { until } from '../checks/until.ts';

/** Things of one test. */
export class Workbench {
  private readonly gateways: TestGateway[] = [];
  private readonly backends: RawBackend[] = [];

  /** A mail server that answers as {@link answerOk}, or as told. */
  async backend(
    tls: TlsOptions | null = null,
    onRequest: (request: BackendRequest) => void = answerOk,
  ): Promise<RawBackend> {
    const backend = await startRawBackend(onRequest, undefined, tls);
    this.backends.push(backend);
    return backend;
  }

  async gateway(upstreamPort: number, overrides: SettingsOverrides = {}): Promise<TestGateway> {
    const gateway = await startTestGateway(upstreamPort, overrides);
    this.gateways.push(gateway);
    return gateway;
  }

  /** Closes everything; rejects when a gateway keeps a connection. */
  async clear(): Promise<void> {
    const gateways = this.gateways.splice(0);
    await Promise.all(gateways.map((gateway) => gateway.close()));
    await Promise.all(this.backends.splice(0).map((backend) => backend.close()));
    for (const gateway of gateways) {
      await until(() => gateway.connections() === 0, 'no client connection');
      await until(() => gateway.upstreamConnections() === 0, 'no upstream connection');
    }
  }
}

// Owns a gateway with quarantined phones, and a mail server that accepts one password and counts its requests.
import { configSchema } from '../../../src/config/schema.ts';
import { noticeSettings } from '../../../src/config/notice-settings.ts';
import type { QuarantineSettings } from '../../../src/gateway/settings.ts';
import { EasClient } from '../phones/eas-client.ts';
import type { EasClientOptions } from '../phones/eas-client.ts';
import { closeAtEnd } from '../checks/leaks.ts';
import { backendOf, gatewayOf } from './openings.ts';
import { OFFER, ok } from './raw-backend.ts';
import type { BackendRequest, RawBackend } from './raw-backend.ts';
import type { SettingsOverrides, TestGateway } from './test-gateway.ts';

/** The default texts with an enrolment link. */
export function quarantineSettings(provisioning: QuarantineSettings['provisioning']): QuarantineSettings {
  const config = configSchema.parse({ messages: { enrolmentUrl: 'https://enrol.example.com/' } });
  return { keySecret: Buffer.alloc(32, 5), provisioning, notice: noticeSettings(config) };
}

const GOOD = `Basic ${Buffer.from('alice:secret').toString('base64')}`;
const CHALLENGE =
  'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="corp"\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n';

/** Answers like `answer` if the request has the password of alice, `secret`; OPTIONS with the versions of an EAS server. */
export function guarded(
  answer: (request: BackendRequest) => void = ({ connection }) => connection.socket.write(ok()),
): (request: BackendRequest) => void {
  return (request) => {
    const { method, connection } = request;
    if (request.header('authorization') !== GOOD) connection.socket.write(CHALLENGE);
    else if (method === 'OPTIONS') connection.socket.write(ok('ok', OFFER));
    else answer(request);
  };
}

/** The environment of one test. */
export interface Quarantine {
  readonly backend: RawBackend;
  readonly gateway: TestGateway;
  phone(options?: Partial<EasClientOptions>): EasClient;
  /** Requests at the mail server, without credential checks. */
  mailRequests(): BackendRequest[];
}

/** Opens it for one test, which closes it when it ends. Device PHONE1 of alice is quarantined. */
export async function openQuarantine(
  onRequest = guarded(),
  overrides: SettingsOverrides = {},
): Promise<Quarantine> {
  const backend = await backendOf(onRequest);
  const gateway = await gatewayOf(backend, { quarantine: quarantineSettings('gateway'), ...overrides });
  gateway.change('phone1', 'quarantine');
  return {
    backend,
    gateway,
    phone: (options = {}) => {
      const account = { user: 'alice', password: 'secret', device: 'PHONE1' };
      return closeAtEnd(new EasClient({ port: gateway.port, ...account, ...options }));
    },
    mailRequests: () => backend.requests.filter(({ method }) => method !== 'OPTIONS'),
  };
}

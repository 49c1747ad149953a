// Owns the address of the admin API and the dashboard, as people type it.
import { endpointText, parseEndpoint } from './endpoint.ts';
import type { Config } from './schema.ts';

/** `http://127.0.0.1:8781`; null = there is none. `port`: the one that is listened on, where the configuration leaves it open. */
export function adminUrl({ listen, publicUrl, tls }: Config['admin'], port?: number): string | null {
  const endpoint = parseEndpoint(listen ?? '');
  if (endpoint === null) return null;
  const { address, port: configured } = endpoint;
  return (
    publicUrl ??
    `${tls === undefined ? 'http' : 'https'}://${endpointText({ address, port: port ?? configured })}`
  );
}

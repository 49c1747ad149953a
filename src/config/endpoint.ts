// Owns the text form of an address and port, `127.0.0.1:8782` or `[::1]:8782`.
import { isIP } from 'node:net';

/** An address and port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Parses an IP address or localhost, a colon, and a port from 0 to 65535; null = anything else. */
export function parseEndpoint(text: string): Endpoint | null {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]{1,45})\]|([^:[\]]{1,45})):(\d{1,5})$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? '';
  const port = Number(digits ?? -1);
  const known =
    bracketed === undefined ? isIP(address) === 4 || address === 'localhost' : isIP(address) === 6;
  return known && port >= 0 && port <= 65_535 ? { address, port } : null;
}

/** The text form. */
export function endpointText({ address, port }: Endpoint): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

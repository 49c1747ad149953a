// Owns the `admin` section: the admin API and the dashboard.
import { z } from 'zod';
import { parseEndpoint } from '../endpoint.ts';
import { adminProvider } from './admin-provider.ts';
import { count, file, ranges } from './fields.ts';

const ORIGIN = 'must be https://HOST or https://HOST:PORT, or http:// for a loopback address';

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin, protocol } = new URL(text);
  return origin === text && (protocol === 'https:' || protocol === 'http:');
}

/** `admin:` of the configuration file. */
export const adminSection = z.strictObject({
  listen: z
    .string()
    .refine(
      (text) => parseEndpoint(text) !== null,
      'must be ADDRESS:PORT, such as 127.0.0.1:8781 or [::1]:8781',
    )
    .optional()
    .describe(
      'ADDRESS:PORT of the admin API and the dashboard, served by the control process; absent = not served. An address that is not loopback needs `admin.tls`, or `admin.publicUrl` with https of a proxy in front',
    ),
  publicUrl: z
    .string()
    .refine(isOrigin, ORIGIN)
    .optional()
    .describe(
      'how browsers reach it, such as https://easgate.example.com; absent = `admin.listen` with the scheme of `admin.tls`',
    ),
  hosts: z
    .array(
      z
        .string()
        .toLowerCase()
        .regex(
          /^(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])$/,
          'must be a host name, without scheme and port',
        ),
    )
    .max(50)
    .default([])
    .describe(
      'further host names that a request may name in Host, without a port; others get 421 (DNS rebinding)',
    ),
  tls: z
    .strictObject({
      certificate: file('PEM file: the certificate, then its chain'),
      key: file('PEM file: its private key'),
    })
    .optional()
    .describe('TLS of the admin API; absent = plain HTTP'),
  file: z
    .string()
    .min(1)
    .optional()
    .describe(
      'SQLite file of tokens and sessions, of this gateway alone; absent = admin.db beside store.identityFile',
    ),
  provider: adminProvider
    .optional()
    .describe('signing in with OpenID Connect; absent = with tokens alone. See docs/guide/signing-in.md'),
  name: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe('name of the gateway in the dashboard; absent = the name of the host'),
  trustedProxies: ranges
    .max(100)
    .default([])
    .describe(
      'addresses of reverse proxies whose X-Forwarded-For names the client, for limits by address; absent = the address of the connection',
    ),
  idleMinutes: count(
    60,
    'minutes without a request after which a session ends; an open page that only follows events makes none',
  ),
  sessionHours: count(12, 'hours after which a session ends in any case'),
  requestsPerMinute: count(600, 'most requests a minute of one session, token or address'),
});

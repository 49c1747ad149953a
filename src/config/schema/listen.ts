// Owns the `listen` section: address, TLS and client certificates for phones.
import { z } from 'zod';
import { atLeastZero, file, ranges, seconds, secret, tlsVersion } from './fields.ts';

/** TLS 1.3 suites, then the forward-secret AEAD suites of TLS 1.2 (RFC 9325 4.2). */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** Headers that phones must send or the gateway writes: none of them can carry a user too. */
const OTHER_MEANING =
  /^(host|authorization|cookie|connection|expect|te|trailer|upgrade|via|user-agent|(content|transfer|x-forwarded|x-ms|ms)-.*)$/i;

const listenerTls = z.strictObject({
  certificates: z
    .array(
      z.strictObject({
        certificate: file('PEM file: the certificate, then its chain'),
        key: file('PEM file: its private key'),
      }),
    )
    .min(1)
    .describe('certificates, chosen by the host name in SNI; the first one is the default'),
  minVersion: tlsVersion,
  ciphers: z.string().min(1).default(CIPHERS).describe('cipher suites in OpenSSL notation'),
  handshakeTimeoutSeconds: seconds(10, 'longest TLS handshake'),
  maxHandshakesPerSecond: atLeastZero(0, 'most new handshakes per second and worker; 0 = no limit'),
  ticketSecret: secret
    .optional()
    .describe(
      'secret of at least 32 characters for deriving session ticket keys, the same on all nodes; absent = derived from a secret in the directory',
    ),
  ticketRotationSeconds: seconds(86_400, 'lifetime of a session ticket key'),
  clientCertificate: z
    .strictObject({
      ca: file('PEM file of the authorities that issue client certificates'),
      required: z.boolean().default(false).describe('refuse connections without a client certificate'),
      user: z
        .enum(['upn', 'email', 'commonName'])
        .default('upn')
        .describe('source of the user name: UPN or e-mail in subjectAltName, or the CN of the subject'),
      forwardHeader: z
        .string()
        .regex(/^[A-Za-z][A-Za-z0-9-]*$/, 'must be the name of a header: letters, digits and hyphens')
        .refine((name) => !OTHER_MEANING.test(name), 'is a header with a meaning of its own')
        .optional()
        .describe("header in which the certificate's user is sent to the mail server; absent = none"),
    })
    .optional()
    .describe('client certificates; absent = not requested'),
});

/** `listen:` of the configuration file. */
export const listenSection = z.strictObject({
  address: z.string().default('0.0.0.0').describe('address to listen on'),
  port: z.number().int().min(0).max(65_535).default(8780).describe('port to listen on; 0 = any free one'),
  tls: listenerTls.optional().describe('TLS for phones; absent = plain HTTP, for use behind a TLS proxy'),
  proxyProtocolFrom: ranges
    .optional()
    .describe(
      'addresses that must send a PROXY protocol header; connections from other addresses are refused',
    ),
});

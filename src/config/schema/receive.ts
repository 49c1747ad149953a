// Owns the `receive` section: the listener for webhooks and pushed records.
import { z } from 'zod';
import { parseEndpoint } from '../endpoint.ts';
import { count, file } from './fields.ts';

/** `receive:` of the configuration file. */
export const receiveSection = z.strictObject({
  listen: z
    .string()
    .refine(
      (text) => parseEndpoint(text) !== null,
      'must be ADDRESS:PORT, such as 127.0.0.1:8783 or [::1]:8783',
    )
    .default('127.0.0.1:8783')
    .describe(
      'ADDRESS:PORT in the control process; it is opened where a feed is of kind webhook or push. `GET /receive` is 200 on the gateway that takes deliveries, else 503',
    ),
  tls: z
    .strictObject({
      certificate: file('PEM file: the certificate, then its chain'),
      key: file('PEM file: its private key'),
    })
    .optional()
    .describe('TLS towards senders; absent = plain HTTP, for use behind a TLS proxy'),
  maxConnections: count(200, 'most connections at once'),
});

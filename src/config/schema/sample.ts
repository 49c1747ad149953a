// Owns the `sample` section: users and devices of the built-in mail server.
import { z } from 'zod';
import { action, secret } from './fields.ts';

/** `sample:` of the configuration file. */
export const sampleSection = z.strictObject({
  users: z
    .array(
      z.strictObject({
        name: z.string().min(1).describe('login name'),
        password: secret.describe('password for Basic authentication'),
        groups: z.array(z.string().min(1)).optional().describe('groups of the user in the directory'),
      }),
    )
    .default([])
    .describe('users of the built-in mail server'),
  devices: z
    .array(
      z.strictObject({
        id: z
          .string()
          .regex(/^[A-Za-z0-9]{1,32}$/, 'must be 1 to 32 letters and digits')
          .describe('device id as in DeviceId='),
        user: z.string().min(1).optional().describe('user to whom the decision is limited'),
        managed: z.boolean().optional().describe('whether the device is enrolled; absent = not reported'),
        compliant: z.boolean().optional().describe('whether the device is compliant; absent = not reported'),
        model: z.string().optional().describe('hardware model'),
        os: z.string().optional().describe('operating system and version'),
        decision: action.optional().describe('decision by an operator'),
      }),
    )
    .default([])
    .describe('devices written to the directory at start when upstream.url is "sample"'),
  phones: z
    .array(
      z.strictObject({
        user: z.string().min(1).describe('one of sample.users'),
        device: z
          .string()
          .regex(/^[A-Za-z0-9]{1,32}$/, 'must be 1 to 32 letters and digits')
          .describe('device id'),
        app: z.enum(['ios', 'android', 'outlook']).default('ios').describe('the mail app'),
      }),
    )
    .max(10_000)
    .default([])
    .describe(
      'phones that fetch mail through the gateway while upstream.url is "sample": they start 20 a second',
    ),
  policy: z
    .string()
    .min(1)
    .optional()
    .describe('policy document that is published in the directory at start where there is none yet'),
});

// Owns the settings of a feed from Microsoft Graph: Intune's devices, Entra's users and groups.
import { z } from 'zod';

/** Sign-in and Graph of each national cloud. @see https://learn.microsoft.com/graph/deployments */
export const CLOUDS = {
  global: { signIn: 'https://login.microsoftonline.com', graph: 'https://graph.microsoft.com' },
  'us-government': { signIn: 'https://login.microsoftonline.us', graph: 'https://graph.microsoft.us' },
  'us-defense': { signIn: 'https://login.microsoftonline.us', graph: 'https://dod-graph.microsoft.us' },
  china: { signIn: 'https://login.chinacloudapi.cn', graph: 'https://microsoftgraph.chinacloudapi.cn' },
} as const;

const address = z
  .string()
  .max(300)
  .refine(
    (text) => URL.canParse(text) && new URL(text).origin === text && text.startsWith('https://'),
    'must be https://host[:port]',
  );

/** Fields of a feed of kind `graph`. `secret`: the kind of a secret in the configuration file; a plain text once it is read. */
export function graphFields<Secret extends z.ZodType>(secret: Secret) {
  return {
    tenant: z
      .string()
      .regex(/^[A-Za-z0-9.-]{1,253}$/, 'must be the id of the tenant or one of its domains')
      .describe('id of the tenant, or one of its domains'),
    clientId: z.guid().describe('application (client) id of the app registration'),
    clientSecret: secret.optional().describe('its secret; a certificate is safer'),
    certificate: z
      .strictObject({
        certificate: z
          .string()
          .min(1)
          .describe('PEM file of the certificate, as uploaded to the app registration'),
        key: z.string().min(1).describe('PEM file of its private key: RSA, not encrypted'),
      })
      .optional()
      .describe('signs in by certificate in place of a secret'),
    cloud: z
      .enum(['global', 'us-government', 'us-defense', 'china'])
      .default('global')
      .describe('the national cloud of the tenant; GCC is in `global`, GCC High is `us-government`'),
    signInUrl: address.optional().describe('another sign-in address than that of the cloud'),
    graphUrl: address.optional().describe('another address of Graph than that of the cloud'),
    ca: z
      .string()
      .min(1)
      .optional()
      .describe('PEM file of the authorities trusted for both; absent = those of Node.js'),
    devices: z.boolean().default(true).describe("Intune's devices (DeviceManagementManagedDevices.Read.All)"),
    users: z
      .boolean()
      .default(true)
      .describe("Entra's users with their addresses and whether they may sign in (User.Read.All)"),
    groups: z
      .array(z.guid())
      .max(200)
      .default([])
      .describe(
        'object ids of the groups that are read, with the members of nested ones (GroupMember.Read.All)',
      ),
    maxPolicyStates: z
      .number()
      .int()
      .min(0)
      .max(10_000)
      .default(500)
      .describe(
        'of how many devices that became non-compliant a run asks which compliance policies they do not meet: one request each; the others follow in the next runs. 0 = none (DeviceManagementConfiguration.Read.All)',
      ),
    overlapSeconds: z
      .number()
      .int()
      .min(0)
      .max(86_400)
      .default(900)
      .describe('how far back check-ins are read again between full runs, in seconds'),
    timeoutSeconds: z
      .number()
      .positive()
      .max(600)
      .default(60)
      .describe('longest wait for one answer, in seconds'),
    tries: z
      .number()
      .int()
      .min(1)
      .max(20)
      .default(6)
      .describe(
        'how often a request is sent before the run fails: throttling, errors of the server, lost connections',
      ),
    maxWaitSeconds: z
      .number()
      .positive()
      .max(3_600)
      .default(300)
      .describe(
        'longest pause that Graph may ask for within a run, in seconds; for a longer one the run ends and is tried again after it',
      ),
    maxRecords: z
      .number()
      .int()
      .min(1)
      .max(100_000_000)
      .default(5_000_000)
      .describe('most records of one list; with more the run fails'),
  };
}

/** What else must hold: one way to sign in. For `refine`, with {@link ONE_SIGN_IN}. */
export function hasOneSignIn({
  clientSecret,
  certificate,
}: {
  readonly clientSecret?: unknown;
  readonly certificate?: unknown;
}): boolean {
  return (clientSecret === undefined) !== (certificate === undefined);
}

/** The error where {@link hasOneSignIn} does not hold. */
export const ONE_SIGN_IN = { error: 'needs either clientSecret or certificate', path: ['clientSecret'] };

/** Settings whose secret is read. */
export type GraphSettings = z.infer<z.ZodObject<ReturnType<typeof graphFields<z.ZodString>>>>;

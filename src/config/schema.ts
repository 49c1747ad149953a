// Owns the configuration as a whole. Each section is a file of schema/ with every field's meaning, unit and default.
import { z } from 'zod';
import { adminSection } from './schema/admin.ts';
import { autodiscoverSection } from './schema/autodiscover.ts';
import { cacheSection } from './schema/cache.ts';
import { controlSection } from './schema/control.ts';
import { feedsSection } from './schema/feeds.ts';
import { healthSection } from './schema/health.ts';
import { identitySection } from './schema/identity.ts';
import { journalSection } from './schema/journal.ts';
import { limitsSection } from './schema/limits.ts';
import { listenSection } from './schema/listen.ts';
import { logSection } from './schema/log.ts';
import { metricsSection } from './schema/metrics.ts';
import { messagesSection } from './schema/messages.ts';
import { outageSection } from './schema/outage.ts';
import { passThroughSection } from './schema/pass-through.ts';
import { policySection } from './schema/policy.ts';
import { quarantineSection } from './schema/quarantine.ts';
import { receiveSection } from './schema/receive.ts';
import { sampleSection } from './schema/sample.ts';
import { storeSection } from './schema/store.ts';
import { throttleSection } from './schema/throttle.ts';
import { upstreamSection } from './schema/upstream.ts';
import { workersSection } from './schema/workers.ts';

const PUBLIC_URL = 'must be a URL such as https://mail.example.com/Microsoft-Server-ActiveSync, in ASCII';

/** The whole configuration. Unknown fields are errors. */
export const configSchema = z.strictObject({
  listen: listenSection.prefault({}).describe('listener for phones'),
  publicUrl: z
    .url({ protocol: /^https?$/, error: PUBLIC_URL })
    .regex(/^[!-~]+$/, PUBLIC_URL)
    .optional()
    .describe(
      'URL of the gateway for phones, https://host/Microsoft-Server-ActiveSync; used in redirects and Autodiscover',
    ),
  publicHosts: z
    .array(z.string().min(1).toLowerCase())
    .default([])
    .describe('accepted host names; empty = any'),
  quarantine: quarantineSection.prefault({}).describe('answers to quarantined phones'),
  messages: messagesSection.prefault({}).describe('message for quarantined phones'),
  autodiscover: autodiscoverSection
    .optional()
    .describe('Autodiscover at /autodiscover/autodiscover.xml and .json; absent = not served'),
  passThrough: passThroughSection
    .optional()
    .describe('other paths that are forwarded to the mail server; absent = none'),
  workers: workersSection.prefault({}).describe('worker processes'),
  control: controlSection.prefault({}).describe('the control process: lists and reports'),
  admin: adminSection.prefault({}).describe('admin API and dashboard'),
  health: healthSection.prefault({}).describe('probes for load balancers and container engines'),
  metrics: metricsSection.prefault({}).describe('numbers for Prometheus (reference/metrics.md)'),
  upstream: upstreamSection.prefault({}).describe('the mail servers'),
  store: storeSection.prefault({ kind: 'embedded' }).describe('storage of the directory'),
  feeds: feedsSection.describe(
    'where compliance data comes from; of two feeds that report a value, the first one counts',
  ),
  receive: receiveSection.prefault({}).describe('listener for webhooks and pushed records'),
  policy: policySection.prefault({}).describe('which phones get mail, and the actions for the others'),
  cache: cacheSection.prefault({}).describe('cache of verdicts'),
  outage: outageSection.prefault({}).describe('behaviour while the directory is unavailable'),
  identity: identitySection.prefault({}).describe('user names and client addresses'),
  limits: limitsSection.prefault({}).describe('limits for phones'),
  throttle: throttleSection.prefault({}).describe('pauses devices that repeat requests in a loop'),
  log: logSection.prefault({}).describe('log lines'),
  journal: journalSection.prefault({}).describe('journal of events, and audit of changes'),
  sample: sampleSection.prefault({}).describe('data of the built-in sample server'),
});

/** A checked configuration with all defaults filled in. */
export type Config = z.infer<typeof configSchema>;

// Owns the whole check of a configuration: text, schema, rules between fields, files, secrets and certificates, all at once.
import { existsSync } from 'node:fs';
import type { Config } from './schema.ts';
import type { Secret } from './schema/fields.ts';
import { certificateRemarks } from './certificate-checks.ts';
import { crossChecks } from './cross-checks.ts';
import { gatewaySettings } from './gateway-settings.ts';
import { listenerTls, ticketKeyMaterial } from './listener-tls.ts';
import { readConfigSource, readLongSecret, readSecret } from './load.ts';
import { readDeliveryCredentials } from './delivery-credentials.ts';
import { readAuthorities, readCertificate, readPair, readPem } from './tls-files.ts';
import { allServers } from './upstream-servers.ts';
import type { ConfigSource } from './load.ts';
import { healthEndpoint } from './health.ts';
import { metricsEndpoint } from './metrics.ts';
import { schemaAt } from './json-schema.ts';
import { noticeSettings } from './notice-settings.ts';
import { servedPolicy } from './served-policy.ts';
import { feedMapping } from './feed-mapping.ts';
import { ConfigError, ConfigFileError } from './problems.ts';
import type { Problem } from './problems.ts';
import { pathOf, readConfigText } from './read-text.ts';
import type { ConfigText } from './read-text.ts';
import { storeOptions } from './store-settings.ts';

/** What {@link checkConfig} found. */
export interface Checked {
  /** Null = no part of it can be used. */
  readonly config: Config | null;
  /** In the order of the file. */
  readonly problems: readonly Problem[];
}

/** A configuration that a gateway can start with. */
export interface UsableConfig {
  readonly source: ConfigSource;
  readonly config: Config;
  /** Warnings, and errors about certificate dates. */
  readonly problems: readonly Problem[];
}

/** Reads and checks a file and everything it names. @throws ConfigError with every problem */
export function loadUsable(path: string): UsableConfig {
  const source = readConfigSource(path);
  const { config, problems } = checkConfig(source);
  if (
    config === null ||
    problems.some(({ severity, aboutCertificate }) => severity === 'error' && !aboutCertificate)
  )
    throw new ConfigFileError(path, problems);
  return { source, config, problems };
}

/** Finds all errors and warnings; never throws for the content of the file or of the files it names. */
export function checkConfig({ text, path }: ConfigSource, now = Date.now()): Checked {
  const read = readConfigText(text, path);
  const findings = new Findings(read);
  if (read.empty && read.problems.length === 0)
    findings.report(
      'error',
      '',
      'is empty: it needs at least upstream, the mail server (docs/reference/configuration.md)',
    );
  else if (read.config !== null) checkAll(read.config, read, findings, now);
  return { config: read.config, problems: findings.sorted() };
}

function checkAll(config: Config, read: ConfigText, findings: Findings, now: number): void {
  crossChecks(config, read.has, findings.report);
  checkFiles(config, findings);
  // Combinations of fields, checked only when the single fields are good: otherwise the same error would appear twice.
  if (!findings.hasErrors()) findings.attempt('', () => gatewaySettings(config, null));
  for (const { place, text, ended } of certificateRemarks(config, now))
    findings.report(ended ? 'error' : 'warning', place, text, true);
}

function checkAdmin({ admin: { tls, provider } }: Config, findings: Findings): void {
  for (const field of ['certificate', 'key'] as const)
    if (tls !== undefined)
      findings.attempt(`admin.tls.${field}`, () => readPem(tls[field], `admin.tls.${field}`));
  if (provider === undefined) return;
  const place = 'admin.provider';
  const { clientSecret, certificate } = provider;
  if (clientSecret !== undefined)
    findings.attempt(`${place}.clientSecret`, () => readSecret(clientSecret, `${place}.clientSecret`));
  for (const field of ['certificate', 'key'] as const)
    if (certificate !== undefined)
      findings.attempt(`${place}.certificate`, () =>
        readPem(certificate[field], `${place}.certificate.${field}`),
      );
}

/** Checks every file, secret and certificate on its own. */
function checkFiles(config: Config, findings: Findings): void {
  const { listen, upstream, sample } = config;
  findings.attempt('store', () => storeOptions(config));
  findings.attempt('health.listen', () => healthEndpoint(config));
  findings.attempt('metrics.token', () => metricsEndpoint(config));
  findings.attempt('listen.tls', () => {
    const { certificates = [], clientCertificate, ticketSecret } = listen.tls ?? {};
    certificates.forEach((pair, index) => {
      const place = `listen.tls.certificates.${index}`;
      findings.attempt(place, () => readPem(pair.certificate, `${place}.certificate`));
      findings.attempt(place, () => readPem(pair.key, `${place}.key`));
      findings.attempt(place, () => readCertificate(pair, index));
    });
    if (clientCertificate !== undefined)
      findings.attempt('listen.tls.clientCertificate', () =>
        readAuthorities(clientCertificate.ca, 'listen.tls.clientCertificate.ca'),
      );
    findings.attempt('listen.tls.ticketSecret', () => ticketKeyMaterial(ticketSecret, ''));
    if (!findings.hasErrors('listen.tls')) listenerTls(config, '');
  });
  const { ca, certificate, key } = upstream.tls;
  if (ca !== undefined) findings.attempt('upstream.tls', () => readAuthorities(ca, 'upstream.tls.ca'));
  if (certificate !== undefined)
    findings.attempt('upstream.tls', () => readPem(certificate, 'upstream.tls.certificate'));
  if (key !== undefined) findings.attempt('upstream.tls', () => readPem(key, 'upstream.tls.key'));
  if (!findings.hasErrors('upstream')) findings.attempt('upstream', () => allServers(config, null));
  checkAdmin(config, findings);
  const { keySecret } = config.quarantine;
  if (keySecret !== undefined)
    findings.attempt('quarantine', () => readLongSecret(keySecret, 'quarantine.keySecret'));
  findings.attempt('policy', () => {
    for (const text of servedPolicy(config).warnings) findings.report('warning', 'policy.file', text);
  });
  findings.attempt('messages.templatesDir', () => noticeSettings(config));
  const { tls } = config.receive;
  if (tls !== undefined) findings.attempt('receive.tls', () => readPair(tls, 'receive.tls'));
  config.feeds.forEach((feed, index) => {
    const place = `feeds.${index}`;
    if ('mapping' in feed)
      findings.attempt(`${place}.mapping`, () => feedMapping(feed.mapping, `${place}.mapping`));
    if (feed.kind === 'webhook' || feed.kind === 'push') {
      findings.attempt(place, () => readDeliveryCredentials(feed));
      return;
    }
    if (feed.kind === 'files') {
      // A gateway starts without it: another program may write the file later.
      if (!existsSync(feed.path))
        findings.report(
          'warning',
          `${place}.path`,
          `${feed.path} does not exist yet: the feed reads nothing`,
        );
      return;
    }
    for (const [field, secret] of secretsOf(feed))
      findings.attempt(`${place}.${field}`, () => readSecret(secret, `${place}.${field}`));
    const certificate = feed.kind === 'graph' ? feed.certificate : undefined;
    for (const file of [feed.ca, certificate?.certificate, certificate?.key])
      if (file !== undefined) findings.attempt(place, () => readPem(file, place));
  });
  sample.users.forEach(({ password }, index) => {
    const place = `sample.users.${index}.password`;
    findings.attempt(place, () => readSecret(password, place));
  });
}

/** The secrets of a feed, with their fields. */
function secretsOf(feed: Config['feeds'][number]): [field: string, secret: Secret][] {
  if (feed.kind === 'ldap') return [['password', feed.password]];
  if (feed.kind === 'graph')
    return feed.clientSecret === undefined ? [] : [['clientSecret', feed.clientSecret]];
  if (feed.kind !== 'http') return [];
  const { auth, headers } = feed;
  const found = Object.entries(headers).map(([name, secret]): [string, Secret] => [
    `headers.${name}`,
    secret,
  ]);
  if (auth?.type === 'bearer') found.push(['auth.token', auth.token]);
  if (auth?.type === 'basic') found.push(['auth.password', auth.password]);
  if (auth?.type === 'oauth') found.push(['auth.clientSecret', auth.clientSecret]);
  return found;
}

/** Collects problems, each once. */
class Findings {
  private readonly read: ConfigText;
  private readonly problems: Problem[];

  constructor(read: ConfigText) {
    this.read = read;
    this.problems = [...read.problems];
  }

  readonly report = (
    severity: Problem['severity'],
    place: string,
    text: string,
    aboutCertificate = false,
  ): void => {
    const problem = this.read.problem(severity, place, text, aboutCertificate);
    const known = this.problems.some((one) => one.place === problem.place && one.text === problem.text);
    if (!known) this.problems.push(problem);
  };

  /** Runs a part of the start of `serve`, and collects its error; `place` is used for errors without a field. */
  attempt(place: string, work: () => unknown): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const field = error.place !== null && schemaAt(pathOf(error.place)) !== null ? error.place : null;
      for (const text of error.problems)
        this.report('error', field ?? place, field === null ? `${error.place}: ${text}` : text);
    }
  }

  hasErrors(below = ''): boolean {
    return this.problems.some(
      ({ severity, place, aboutCertificate }) =>
        severity === 'error' && !aboutCertificate && (below === '' || `${place}.`.startsWith(`${below}.`)),
    );
  }

  sorted(): Problem[] {
    return this.problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  }
}

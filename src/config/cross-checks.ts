// Owns the rules between fields of a configuration, which the schema of a single field cannot check.
import { isIP } from 'node:net';
import { parseEndpoint } from './endpoint.ts';
import { NO_SCHEDULE, isSchedule } from './feed-schedule.ts';
import type { Config } from './schema.ts';
import { usesSample } from './upstream-servers.ts';

/** Reports an error or a warning with its dotted place. */
export type Report = (severity: 'error' | 'warning', place: string, text: string) => void;

/** Checks a configuration; `has` says whether the file contains a field. */
export function crossChecks(config: Config, has: (place: string) => boolean, report: Report): void {
  mailServers(config, has, report);
  repeated(config, report);
  if (has('policy.file'))
    for (const name of ['unknownDevice', 'notEnrolled', 'notCompliant'])
      if (has(`policy.${name}`))
        report('error', `policy.${name}`, 'has no effect beside policy.file: set it in that document');
  for (const [index, feed] of config.feeds.entries())
    if ('schedule' in feed && !isSchedule(feed.schedule))
      report('error', `feeds.${index}.schedule`, NO_SCHEDULE);
  receivers(config, has, report);
  sampleInPublic(config, report);
  const health = parseEndpoint(config.health.listen ?? '');
  if (health !== null && health.port !== 0 && health.port === config.listen.port)
    report('error', 'health.listen', `has the port of listen (${health.port}): it needs one of its own`);
  adminAddress(config, report);
  metricsAddress(config, has, report);
  accessLines(config, report);
  const { pollWindowSeconds, drainSeconds } = config.workers;
  if (pollWindowSeconds > drainSeconds)
    report(
      'warning',
      'workers.pollWindowSeconds',
      `is longer than workers.drainSeconds (${drainSeconds}), which cuts it`,
    );
}

/** Passwords of the admin API must not cross a network in plain text. */
function adminAddress({ admin, listen, health }: Config, report: Report): void {
  const own = parseEndpoint(admin.listen ?? '');
  if (own === null) return;
  const isLoopback = own.address === 'localhost' || own.address === '::1' || own.address.startsWith('127.');
  if (!isLoopback && admin.tls === undefined && admin.publicUrl?.startsWith('https:') !== true)
    report(
      'error',
      'admin.listen',
      'is no loopback address: set admin.tls, or admin.publicUrl with https of the proxy in front of it',
    );
  adminUrl(admin, report);
  if (own.port === 0) return;
  if (own.port === listen.port)
    report('error', 'admin.listen', `has the port of listen (${own.port}): it needs one of its own`);
  if (own.port === parseEndpoint(health.listen ?? '')?.port)
    report('error', 'admin.listen', `has the port of health.listen (${own.port}): it needs one of its own`);
}

/** Cookies are only safe over HTTPS, or within this host. */
function adminUrl({ publicUrl, tls }: Config['admin'], report: Report): void {
  if (publicUrl?.startsWith('http:') !== true) return;
  if (tls !== undefined) report('error', 'admin.publicUrl', 'must be https, because admin.tls is set');
  const { hostname } = new URL(publicUrl);
  if (hostname !== 'localhost' && hostname !== '[::1]' && !hostname.startsWith('127.'))
    report('error', 'admin.publicUrl', 'must be https: the host is no loopback address');
}

function accessLines({ log }: Config, report: Report): void {
  const { access, accessFormat, accessDestination, destination } = log;
  if (accessFormat === 'w3c' && accessDestination === undefined)
    report('error', 'log.accessFormat', 'needs log.accessDestination: a file of W3C lines has no others');
  if (accessDestination !== undefined && accessDestination === destination)
    report('error', 'log.accessDestination', 'is log.destination: name another file, or leave it out');
  if (!access && accessDestination !== undefined)
    report('warning', 'log.accessDestination', 'has no effect with `log.access: false`');
}

function metricsAddress(
  { metrics, listen, health, admin }: Config,
  has: (place: string) => boolean,
  report: Report,
): void {
  const endpoint = parseEndpoint(metrics.listen ?? '');
  if (endpoint === null) {
    if (has('metrics.token') || has('metrics.open'))
      report('warning', 'metrics', 'has no effect without metrics.listen: no metrics are served');
    return;
  }
  const { port } = endpoint;
  const others = [
    ['listen', listen.port],
    ['health.listen', parseEndpoint(health.listen ?? '')?.port],
    ['admin.listen', parseEndpoint(admin.listen ?? '')?.port],
  ] as const;
  for (const [place, taken] of others)
    if (port !== 0 && port === taken)
      report('error', 'metrics.listen', `has the port of ${place} (${port}): it needs one of its own`);
  if (metrics.open && metrics.token !== undefined)
    report('error', 'metrics.open', 'conflicts with metrics.token: remove one of them');
  if (!metrics.open && metrics.token === undefined)
    report(
      'error',
      'metrics.listen',
      'needs metrics.token, or `metrics.open: true` to serve without a token',
    );
}

/** Feeds that are sent their records, and the listener for them. */
function receivers(
  { feeds, receive, listen, health, admin, metrics }: Config,
  has: (place: string) => boolean,
  report: Report,
): void {
  for (const [index, feed] of feeds.entries()) {
    if (feed.kind !== 'webhook' || feed.trigger === undefined) continue;
    const other = feeds.find(({ name }) => name === feed.trigger);
    if (other === undefined || other.kind === 'webhook' || other.kind === 'push')
      report(
        'error',
        `feeds.${index}.trigger`,
        'must be the name of another feed, one that reads its source',
      );
  }
  const received = feeds.some(({ kind }) => kind === 'webhook' || kind === 'push');
  if (!received) {
    if (has('receive.listen'))
      report('warning', 'receive.listen', 'has no effect: no feed is of kind webhook or push');
    return;
  }
  const endpoint = parseEndpoint(receive.listen);
  if (endpoint === null) return;
  const others = [health.listen, admin.listen, metrics.listen].map((text) => parseEndpoint(text ?? '')?.port);
  if (endpoint.port !== 0 && [listen.port, ...others].includes(endpoint.port))
    report('error', 'receive.listen', `has a port (${endpoint.port}) that easgate uses for something else`);
  if (receive.tls === undefined && !isLoopback(endpoint.address))
    report(
      'warning',
      'receive.listen',
      'takes deliveries without TLS from other hosts: whoever can read the network gets the tokens; set receive.tls, or put a TLS proxy in front',
    );
}

function mailServers({ upstream }: Config, has: (place: string) => boolean, report: Report): void {
  const { servers, tls } = upstream;
  if (servers.length > 0 && has('upstream.url'))
    report('error', 'upstream.url', 'conflicts with upstream.servers: remove one of them');
  const all = servers.length > 0 ? servers.map(({ url }) => url) : [upstream.url];
  const encrypted = all.some((url) => url.startsWith('https:'));
  if (has('upstream.tls') && !encrypted)
    report('warning', 'upstream.tls', 'has no effect: no mail server has a URL with https');
  if (encrypted && tls.insecureSkipVerify)
    report(
      'warning',
      'upstream.tls.insecureSkipVerify',
      'trusts any certificate: anyone on the way can read all mail and passwords; name the authority in upstream.tls.ca instead',
    );
}

/** Checks lists whose entries must differ in some field. */
function repeated(config: Config, report: Report): void {
  const { servers } = config.upstream;
  once(
    servers.map(({ url, name }, index) => {
      const place = `upstream.servers.${index}`;
      return name === undefined ? [`${place}.url`, hostOf(url)] : [`${place}.name`, name];
    }),
    (name, first) => `is the name of ${first} too (${name}): logs could not tell them apart`,
    report,
  );
  once(
    servers.map(({ url }, index) => [
      `upstream.servers.${index}.url`,
      url === 'sample' ? url : new URL(url).href,
    ]),
    (_url, first) => `is the URL of ${first} too: use weight to give one server a larger share`,
    report,
  );
  once(
    (config.passThrough?.paths ?? []).map(({ path, match }, index) => [
      `passThrough.paths.${index}.path`,
      `${path} ${match}`,
    ]),
    (_path, first) => `repeats ${first}`,
    report,
  );
  once(
    config.publicHosts.map((host, index) => [`publicHosts.${index}`, host]),
    (_host, first) => `repeats ${first}`,
    report,
  );
  once(
    config.sample.users.map(({ name }, index) => [`sample.users.${index}.name`, name.toLowerCase()]),
    (_name, first) => `is the name of ${first} too`,
    report,
  );
  once(
    config.sample.devices.map(({ id, user = '' }, index) => [
      `sample.devices.${index}.id`,
      `${id.toLowerCase()} ${user.toLowerCase()}`,
    ]),
    (_id, first) => `is the id of ${first} too`,
    report,
  );
}

function once(
  entries: readonly (readonly [string, string])[],
  text: (value: string, first: string) => string,
  report: Report,
): void {
  const seen = new Map<string, string>();
  for (const [place, value] of entries) {
    const first = seen.get(value);
    if (first === undefined) seen.set(value, place.split('.').slice(0, -1).join('.') || place);
    else report('error', place, text(value, first));
  }
}

function hostOf(url: string): string {
  return url === 'sample' ? url : new URL(url).host;
}

/** The passwords of the sample are published in the documentation. */
function sampleInPublic(config: Config, report: Report): void {
  const { listen, upstream, sample } = config;
  if (!usesSample(config) || sample.users.length === 0 || isLoopback(listen.address)) return;
  report(
    'warning',
    upstream.servers.length > 0 ? 'upstream.servers' : 'upstream.url',
    `the built-in sample mail server is for trying easgate, and listen.address ${listen.address} lets other hosts sign in to it`,
  );
}

/** Whether only this host reaches the address. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

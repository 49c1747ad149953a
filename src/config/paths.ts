// Owns the paths of a configuration: which fields are paths, and how relative paths are resolved.
import { dirname, join, resolve } from 'node:path';
import type { MappingSection } from '../feeds/cel/document.ts';
import type { Config } from './schema.ts';
import type { ProviderSettings } from './schema/admin-provider.ts';
import type { Secret } from './schema/fields.ts';

/** Makes every path absolute; relative paths start at the folder of the file. */
export function withPaths(config: Config, folder: string): Config {
  const { sample } = config;
  const { destination, accessDestination } = config.log;
  const at = (path: string): string => absolute(path, folder);
  const store = storePaths(config, folder);
  return {
    ...config,
    listen: listenPaths(config.listen, folder),
    messages: {
      ...config.messages,
      templatesDir: config.messages.templatesDir === null ? null : at(config.messages.templatesDir),
    },
    policy: {
      ...config.policy,
      ...(config.policy.file !== undefined && { file: at(config.policy.file) }),
    },
    workers: { ...config.workers, pidFile: at(config.workers.pidFile) },
    upstream: { ...config.upstream, tls: filePaths(config.upstream.tls, at) },
    feeds: config.feeds.map((feed) => feedPaths(feed, folder)),
    receive: {
      ...config.receive,
      ...(config.receive.tls !== undefined && {
        tls: { certificate: at(config.receive.tls.certificate), key: at(config.receive.tls.key) },
      }),
    },
    metrics: {
      ...config.metrics,
      ...(config.metrics.token !== undefined && { token: secretPath(config.metrics.token, folder) }),
    },
    quarantine: {
      ...config.quarantine,
      ...(config.quarantine.keySecret !== undefined && {
        keySecret: secretPath(config.quarantine.keySecret, folder),
      }),
    },
    journal: {
      ...config.journal,
      ...(config.journal.path !== undefined && { path: at(config.journal.path) }),
    },
    store,
    control: { ...config.control, readModel: modelPath(config, store, at) },
    admin: adminPaths(config, store, folder),
    log: {
      ...config.log,
      destination: destination === 'stdout' ? destination : at(destination),
      ...(accessDestination !== undefined && { accessDestination: at(accessDestination) }),
    },
    sample: {
      ...sample,
      ...(sample.policy !== undefined && { policy: at(sample.policy) }),
      users: sample.users.map((user) => ({ ...user, password: secretPath(user.password, folder) })),
    },
  };
}

/** Default place of the identity file: beside the SQLite file, or for Redis beside the pid file. */
function storePaths({ store, workers }: Config, folder: string): Config['store'] {
  const local = store.kind === 'embedded' ? store.path : workers.pidFile;
  const identityFile = absolute(store.identityFile ?? join(dirname(local), 'store.json'), folder);
  return store.kind === 'embedded'
    ? {
        ...store,
        path: absolute(store.path, folder),
        identityFile,
        ...(store.identityCopy !== undefined && { identityCopy: absolute(store.identityCopy, folder) }),
      }
    : {
        ...store,
        identityFile,
        ...(store.url !== undefined && { url: secretPath(store.url, folder) }),
        ...(store.password !== undefined && { password: secretPath(store.password, folder) }),
        ...(store.sentinelPassword !== undefined && {
          sentinelPassword: secretPath(store.sentinelPassword, folder),
        }),
        ...(store.tls !== undefined && {
          tls: filePaths(store.tls, (path) => absolute(path, folder)),
        }),
      };
}

type FeedSettings = Config['feeds'][number];

function feedPaths(feed: FeedSettings, folder: string): FeedSettings {
  const at: ResolvePath = (path) => absolute(path, folder);
  if (feed.kind === 'files') return { ...feed, ...mappingPath(feed, at), path: at(feed.path) };
  if (feed.kind === 'push')
    return {
      ...feed,
      tokens: feed.tokens.map((token) =>
        typeof token === 'object' && 'sha256' in token ? token : secretPath(token, folder),
      ),
    };
  if (feed.kind === 'webhook') {
    const { secrets, tokens } = feed;
    return {
      ...feed,
      ...mappingPath(feed, at),
      ...(secrets !== undefined && { secrets: secrets.map((one) => secretPath(one, folder)) }),
      ...(tokens !== undefined && { tokens: tokens.map((one) => secretPath(one, folder)) }),
    };
  }
  const ca = feed.ca === undefined ? {} : { ca: at(feed.ca) };
  if (feed.kind === 'http')
    return {
      ...feed,
      ...ca,
      ...mappingPath(feed, at),
      headers: Object.fromEntries(
        Object.entries(feed.headers).map(([name, value]) => [name, secretPath(value, folder)]),
      ),
      ...(feed.auth !== undefined && { auth: signInPaths(feed.auth, folder) }),
    };
  if (feed.kind === 'ldap') return { ...feed, ...ca, password: secretPath(feed.password, folder) };
  const { clientSecret, certificate } = feed;
  return {
    ...feed,
    ...ca,
    ...(clientSecret !== undefined && { clientSecret: secretPath(clientSecret, folder) }),
    ...(certificate !== undefined && {
      certificate: { certificate: at(certificate.certificate), key: at(certificate.key) },
    }),
  };
}

type SignIn = NonNullable<Extract<FeedSettings, { kind: 'http' }>['auth']>;

function signInPaths(auth: SignIn, folder: string): SignIn {
  if (auth.type === 'bearer') return { ...auth, token: secretPath(auth.token, folder) };
  if (auth.type === 'basic') return { ...auth, password: secretPath(auth.password, folder) };
  return { ...auth, clientSecret: secretPath(auth.clientSecret, folder) };
}

/** The file that a mapping names. */
function mappingPath({ mapping }: { readonly mapping?: MappingSection | undefined }, at: ResolvePath) {
  if (mapping?.file === undefined) return {};
  return { mapping: { ...mapping, file: at(mapping.file) } };
}

/** Default place of the read model: beside the identity file. */
function modelPath({ control }: Config, { identityFile }: Config['store'], at: ResolvePath): string {
  return at(control.readModel ?? join(dirname(identityFile ?? ''), 'read-model.db'));
}

/** Default place of the tokens and sessions: beside the identity file. */
function adminPaths({ admin }: Config, { identityFile }: Config['store'], folder: string): Config['admin'] {
  const at: ResolvePath = (path) => absolute(path, folder);
  const { tls, provider } = admin;
  return {
    ...admin,
    file: at(admin.file ?? join(dirname(identityFile ?? ''), 'admin.db')),
    ...(tls !== undefined && { tls: filePaths(tls, at) }),
    ...(provider !== undefined && { provider: providerPaths(provider, folder) }),
  };
}

function providerPaths(provider: ProviderSettings, folder: string): ProviderSettings {
  const { clientSecret, certificate } = provider;
  return {
    ...provider,
    ...(clientSecret !== undefined && { clientSecret: secretPath(clientSecret, folder) }),
    ...(certificate !== undefined && {
      certificate: filePaths(certificate, (path) => absolute(path, folder)),
    }),
  };
}

type ResolvePath = (path: string) => string;

function listenPaths(listen: Config['listen'], folder: string): Config['listen'] {
  const at: ResolvePath = (path) => absolute(path, folder);
  const { tls } = listen;
  if (tls === undefined) return listen;
  const { clientCertificate, ticketSecret } = tls;
  return {
    ...listen,
    tls: {
      ...tls,
      certificates: tls.certificates.map(({ certificate, key }) => ({
        certificate: at(certificate),
        key: at(key),
      })),
      ...(ticketSecret !== undefined && { ticketSecret: secretPath(ticketSecret, folder) }),
      ...(clientCertificate !== undefined && {
        clientCertificate: { ...clientCertificate, ca: at(clientCertificate.ca) },
      }),
    },
  };
}

interface TlsFiles {
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

function filePaths<T extends TlsFiles>(tls: T, at: ResolvePath): T {
  return {
    ...tls,
    ...(tls.ca !== undefined && { ca: at(tls.ca) }),
    ...(tls.certificate !== undefined && { certificate: at(tls.certificate) }),
    ...(tls.key !== undefined && { key: at(tls.key) }),
  };
}

function secretPath(secret: Secret, folder: string): Secret {
  return typeof secret === 'object' && 'file' in secret ? { file: absolute(secret.file, folder) } : secret;
}

/** Prefix of files that easgate writes, as in `data/easgate.db`. */
const DATA = 'data/';

/** Resolves a path against the folder of the file; `data/…` is placed in EASGATE_DATA where that is set. */
function absolute(path: string, folder: string): string {
  const data = process.env['EASGATE_DATA'] ?? '';
  if (data !== '' && path.startsWith(DATA)) return resolve(join(data, path.slice(DATA.length)));
  return resolve(folder, path);
}

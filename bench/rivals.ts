// Owns how each rival is started: one process, the same decision, access log off (or to a file).
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateFiles } from './certificate.ts';
import { ALL_CORES, GATEWAY_CORE, line, start, stop, version } from './processes.ts';
import {
  BLOCKED_DEVICE,
  COLD_DEVICES,
  DEVICES,
  PATH,
  POLL_DEVICES,
  coldDevice,
  pollDevice,
} from './traffic.ts';

/** What a rival needs to know. */
export interface RivalContext {
  readonly folder: string;
  readonly port: number;
  readonly upstreamPort: number;
  /** Every request is logged to a file by those that can. */
  readonly logged: boolean;
  /** Phones come over TLS; null = plainly. */
  readonly tls: CertificateFiles | null;
  /** Port of a Redis server that holds the directory; null = embedded. */
  readonly redisPort: number | null;
}

/** How a rival differs from the one it is a copy of. */
interface EasgateVariant {
  readonly workers: number;
  readonly cores: string;
  readonly warm: boolean;
}

/** A rival of the table. */
export interface Rival {
  readonly name: string;
  /** It refuses the blocked device. */
  readonly decides: boolean;
  /** It can write an access log. */
  readonly logs: boolean;
  /** It can serve TLS. */
  readonly secures: boolean;
  /** Why it cannot take part on this machine, or null. */
  missing(): string | null;
  start(context: RivalContext): Promise<ChildProcess | null>;
}

const NODE = process.execPath;
const LUA_MODULE = '/usr/lib/nginx/modules/ngx_http_lua_module.so';
const NDK_MODULE = '/usr/lib/nginx/modules/ndk_http_module.so';

function numbered(count: number, name: (index: number) => string): string[] {
  return Array.from({ length: count }, (_, index) => name(index));
}

const ALLOWED = [...DEVICES, ...numbered(POLL_DEVICES, pollDevice)];

async function startNode(
  script: string,
  words: readonly string[],
  pattern: RegExp,
  cores = GATEWAY_CORE,
): Promise<ChildProcess> {
  const child = start(cores, NODE, [script, ...words]);
  await line(child, pattern);
  return child;
}

async function seedEasgate(config: string, cold: boolean): Promise<void> {
  // The directory is filled through the store's own interface, as a feed would.
  const { openKeeper, openStore } = await import('../src/directory/open-store.ts');
  const { newIdentity } = await import('../src/directory/store-identity.ts');
  const { storeOptions } = await import('../src/config/gateway-settings.ts');
  const { loadConfig } = await import('../src/config/load.ts');
  const { seedDirectory } = await import('../src/sample/seed.ts');
  const options = storeOptions(loadConfig(config));
  const keeper = await openKeeper(options);
  if ((await keeper.read()) === null) await keeper.replace(null, newIdentity());
  await keeper.close();
  const store = await openStore(options);
  const ids = [...ALLOWED, ...(cold ? numbered(COLD_DEVICES, coldDevice) : [])];
  const known = ids.map((id) => ({ id, managed: true, compliant: true }));
  await seedDirectory(store, [
    ...known,
    { id: BLOCKED_DEVICE, managed: true, compliant: true, decision: 'block' },
  ]);
  await store.close();
}

function easgateVariant(name: string, variant: EasgateVariant): Rival {
  return {
    name,
    decides: true,
    logs: true,
    secures: true,
    missing: () => null,
    start: async ({ folder, port, upstreamPort, logged, tls, redisPort }) => {
      const config = join(folder, 'easgate.yaml');
      const certificates =
        tls === null
          ? ''
          : `, tls: { certificates: [{ certificate: "${tls.certificate}", key: "${tls.key}" }] }`;
      const store =
        redisPort === null
          ? '{ kind: embedded, path: directory.db }'
          : `{ kind: redis, url: "redis://127.0.0.1:${redisPort}", keyPrefix: "${name}:", identityFile: "${name}.json" }`;
      writeFileSync(
        config,
        [
          `listen: { address: 127.0.0.1, port: ${port}${certificates} }`,
          `upstream: { url: "http://127.0.0.1:${upstreamPort}", maxIdleConnections: 1024 }`,
          `workers: { count: ${variant.workers}, pidFile: "${folder}/easgate.pid" }`,
          `store: ${store}`,
          `log: { access: ${logged}, destination: access.log }`,
          `cache: { lifetimeSeconds: 600, maxEntries: ${variant.warm ? 100_000 : 100} }`,
          // The guard would take one phone's hundreds of requests a second for a loop, which it is.
          'throttle: { burst: 0 }',
          'limits: { maxInFlightPerDevice: 0 }',
        ].join('\n'),
      );
      await seedEasgate(config, redisPort !== null);
      return startNode('src/main.ts', ['serve', '--config', config], /listens on/, variant.cores);
    },
  };
}

const easgate = easgateVariant('easgate', { workers: 1, cores: GATEWAY_CORE, warm: true });
const cold = easgateVariant('easgate-cold', { workers: 1, cores: GATEWAY_CORE, warm: false });
const oneWorker = easgateVariant('easgate-1', { workers: 1, cores: ALL_CORES, warm: true });
const twoWorkers = easgateVariant('easgate-2', { workers: 2, cores: ALL_CORES, warm: true });

const undici: Rival = {
  name: 'undici',
  decides: true,
  logs: false,
  secures: false,
  missing: () => null,
  start: ({ port, upstreamPort }) =>
    startNode('bench/servers/undici-proxy.ts', [String(port), String(upstreamPort)], /ready/),
};

const httpProxy: Rival = {
  name: 'http-proxy',
  decides: true,
  logs: false,
  secures: false,
  missing: () => null,
  start: ({ port, upstreamPort }) =>
    startNode('bench/servers/http-proxy.ts', [String(port), String(upstreamPort)], /ready/),
};

const nginx: Rival = {
  name: 'nginx-lua',
  decides: true,
  logs: true,
  secures: true,
  missing: () =>
    version('nginx', '-v') !== null && existsSync(LUA_MODULE)
      ? null
      : 'nginx with libnginx-mod-http-lua is not installed',
  start: async ({ folder, port, upstreamPort, logged, tls }) => {
    const temporary = ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => {
      mkdirSync(join(folder, kind), { recursive: true });
      return kind === 'body'
        ? `client_body_temp_path ${folder}/body;`
        : `${kind}_temp_path ${folder}/${kind};`;
    });
    const config = join(folder, 'nginx.conf');
    writeFileSync(join(folder, 'allowed.txt'), ALLOWED.join('\n').toLowerCase() + '\n');
    writeFileSync(
      config,
      `
load_module ${NDK_MODULE};
load_module ${LUA_MODULE};
worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log warn;
worker_rlimit_nofile 65536;
events { worker_connections 30000; }
http {
  ${temporary.join(' ')}
  access_log ${logged ? `${folder}/access.log` : 'off'};
  keepalive_timeout 120s; keepalive_requests 1000000000; client_body_buffer_size 16k;
  lua_shared_dict verdicts 10m;
  init_by_lua_block {
    for id in io.lines("${folder}/allowed.txt") do
      ngx.shared.verdicts:set("alice\\0" .. id, "allow")
    end
    ngx.shared.verdicts:set("alice\\0${BLOCKED_DEVICE.toLowerCase()}", "block")
  }
  upstream mail { server 127.0.0.1:${upstreamPort}; keepalive 1024; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} ${tls === null ? '' : 'ssl'} backlog=8192;
    ${tls === null ? '' : `ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key}; ssl_protocols TLSv1.2 TLSv1.3;`}
    client_max_body_size 200m;
    location = ${PATH} {
      access_by_lua_block {
        local args = ngx.req.get_uri_args()
        local header = ngx.var.http_authorization or ""
        local name = (ngx.decode_base64(string.sub(header, 7)) or ""):match("^([^:]*)"):lower()
        local id = args.DeviceId
        if type(id) ~= "string" or type(args.Cmd) ~= "string" or args.User:lower() ~= name then return ngx.exit(400) end
        if ngx.shared.verdicts:get(name .. "\\0" .. id:lower()) ~= "allow" then return ngx.exit(403) end
      }
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_read_timeout 3600s;
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
      proxy_pass http://mail;
    }
  }
}`,
    );
    return waitForPort(start(GATEWAY_CORE, 'nginx', ['-c', config, '-p', folder]), port);
  },
};

const haproxy: Rival = {
  name: 'haproxy',
  decides: true,
  logs: false,
  secures: true,
  missing: () => (version('haproxy', '-v') === null ? 'haproxy is not installed' : null),
  start: async ({ folder, port, upstreamPort, tls }) => {
    const config = join(folder, 'haproxy.cfg');
    writeFileSync(join(folder, 'allowed.txt'), ALLOWED.join('\n') + '\n');
    writeFileSync(
      config,
      `
global
  nbthread 1
  maxconn 9500
defaults
  mode http
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
  timeout http-keep-alive 120s
  http-reuse always
frontend phones
  bind 127.0.0.1:${port} ${tls === null ? '' : `ssl crt ${tls.both}`} backlog 8192
  http-request deny status 403 unless { url_param(DeviceId) -i -f ${folder}/allowed.txt }
  option forwardfor
  default_backend mail
backend mail
  server mail 127.0.0.1:${upstreamPort} pool-max-conn 1024
`,
    );
    return waitForPort(start(GATEWAY_CORE, 'haproxy', ['-f', config, '-db']), port);
  },
};

const direct: Rival = {
  name: 'direct',
  decides: false,
  logs: false,
  secures: false,
  missing: () => null,
  start: async () => null,
};

/** All rivals, in the order of the tables. */
export const RIVALS: readonly Rival[] = [
  easgate,
  cold,
  oneWorker,
  twoWorkers,
  nginx,
  haproxy,
  undici,
  httpProxy,
  direct,
];

async function waitForPort(child: ChildProcess, port: number): Promise<ChildProcess> {
  const { connect } = await import('node:net');
  const end = Date.now() + 10_000;
  while (Date.now() < end && child.exitCode === null) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return child;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop(child);
  throw new Error(`nothing listens on ${port}`);
}

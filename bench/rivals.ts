// Owns how each rival is started: one process, the same decision, access log off (or to a file).
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GATEWAY_CORE, line, start, stop, version } from './processes.ts';
import { BLOCKED_DEVICE, DEVICES, PATH } from './traffic.ts';

/** What a rival needs to know. */
export interface RivalContext {
  readonly folder: string;
  readonly port: number;
  readonly upstreamPort: number;
  /** Every request is logged to a file by those that can. */
  readonly logged: boolean;
}

/** A rival of the table. */
export interface Rival {
  readonly name: string;
  /** It refuses the blocked device. */
  readonly decides: boolean;
  /** It can write an access log. */
  readonly logs: boolean;
  /** Why it cannot take part on this machine, or null. */
  missing(): string | null;
  start(context: RivalContext): Promise<ChildProcess | null>;
}

const NODE = process.execPath;
const LUA_MODULE = '/usr/lib/nginx/modules/ngx_http_lua_module.so';
const NDK_MODULE = '/usr/lib/nginx/modules/ndk_http_module.so';

async function startNode(script: string, words: readonly string[], pattern: RegExp): Promise<ChildProcess> {
  const child = start(GATEWAY_CORE, NODE, [script, ...words]);
  await line(child, pattern);
  return child;
}

async function seedEasgate(config: string): Promise<void> {
  // The directory is filled through the store's own interface, as a feed would.
  const { openStore } = await import('../src/directory/open-store.ts');
  const { storeOptions } = await import('../src/config/gateway-settings.ts');
  const { loadConfig } = await import('../src/config/load.ts');
  const { seedDirectory } = await import('../src/sample/seed.ts');
  const store = await openStore(storeOptions(loadConfig(config)));
  const known = DEVICES.map((id) => ({ id, managed: true, compliant: true }));
  await seedDirectory(store, [
    ...known,
    { id: BLOCKED_DEVICE, managed: true, compliant: true, decision: 'block' },
  ]);
  await store.close();
}

const easgate: Rival = {
  name: 'easgate',
  decides: true,
  logs: true,
  missing: () => null,
  start: async ({ folder, port, upstreamPort, logged }) => {
    const config = join(folder, 'easgate.yaml');
    writeFileSync(
      config,
      [
        `listen: { address: 127.0.0.1, port: ${port} }`,
        `upstream: { url: "http://127.0.0.1:${upstreamPort}", maxIdleConnections: 1024 }`,
        'store: { kind: embedded, path: directory.db }',
        `log: { access: ${logged}, destination: access.log }`,
        'cache: { lifetimeSeconds: 600 }',
      ].join('\n'),
    );
    await seedEasgate(config);
    return startNode('src/main.ts', ['serve', '--config', config], /listens on/);
  },
};

const undici: Rival = {
  name: 'undici',
  decides: true,
  logs: false,
  missing: () => null,
  start: ({ port, upstreamPort }) =>
    startNode('bench/servers/undici-proxy.ts', [String(port), String(upstreamPort)], /ready/),
};

const httpProxy: Rival = {
  name: 'http-proxy',
  decides: true,
  logs: false,
  missing: () => null,
  start: ({ port, upstreamPort }) =>
    startNode('bench/servers/http-proxy.ts', [String(port), String(upstreamPort)], /ready/),
};

const nginx: Rival = {
  name: 'nginx-lua',
  decides: true,
  logs: true,
  missing: () =>
    version('nginx', '-v') !== null && existsSync(LUA_MODULE)
      ? null
      : 'nginx with libnginx-mod-http-lua is not installed',
  start: async ({ folder, port, upstreamPort, logged }) => {
    const temporary = ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => {
      mkdirSync(join(folder, kind), { recursive: true });
      return kind === 'body'
        ? `client_body_temp_path ${folder}/body;`
        : `${kind}_temp_path ${folder}/${kind};`;
    });
    const config = join(folder, 'nginx.conf');
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
    for _, id in ipairs({ ${DEVICES.map((id) => `"${id.toLowerCase()}"`).join(', ')} }) do
      ngx.shared.verdicts:set("alice\\0" .. id, "allow")
    end
    ngx.shared.verdicts:set("alice\\0${BLOCKED_DEVICE.toLowerCase()}", "block")
  }
  upstream mail { server 127.0.0.1:${upstreamPort}; keepalive 1024; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=8192;
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
  missing: () => (version('haproxy', '-v') === null ? 'haproxy is not installed' : null),
  start: async ({ folder, port, upstreamPort }) => {
    const config = join(folder, 'haproxy.cfg');
    writeFileSync(join(folder, 'allowed.txt'), DEVICES.join('\n') + '\n');
    writeFileSync(
      config,
      `
global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
  timeout http-keep-alive 120s
  http-reuse always
frontend phones
  bind 127.0.0.1:${port} backlog 8192
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
  missing: () => null,
  start: async () => null,
};

/** All rivals, in the order of the table. */
export const RIVALS: readonly Rival[] = [easgate, nginx, haproxy, undici, httpProxy, direct];

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

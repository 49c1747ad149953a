// Owns the start of nginx, with a Lua access check, for a run.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GATEWAY_CORE, start, version } from '../core/processes.ts';
import { BLOCKED_DEVICE, PATH } from '../core/traffic.ts';
import { ALLOWED, waitForPort } from './rival.ts';
import type { Rival } from './rival.ts';

const LUA_MODULE = '/usr/lib/nginx/modules/ngx_http_lua_module.so';
const NDK_MODULE = '/usr/lib/nginx/modules/ndk_http_module.so';

export const nginx: Rival = {
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

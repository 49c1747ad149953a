// Owns the start of HAProxy, with an ACL on the device id, for a run.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GATEWAY_CORE, start, version } from '../core/processes.ts';
import { ALLOWED, waitForPort } from './rival.ts';
import type { Rival } from './rival.ts';

export const haproxy: Rival = {
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

// Owns the list of rivals, in the order of the tables. Each is one process with the same decision.
import { EASGATE_RIVALS } from './easgate.ts';
import { haproxy } from './haproxy.ts';
import { nginx } from './nginx-lua.ts';
import { startNode } from './rival.ts';
import type { Rival } from './rival.ts';

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

/** Without a gateway: the load is sent directly to the mail server. */
const direct: Rival = {
  name: 'direct',
  decides: false,
  logs: false,
  secures: false,
  missing: () => null,
  start: async () => null,
};

export const RIVALS: readonly Rival[] = [...EASGATE_RIVALS, nginx, haproxy, undici, httpProxy, direct];

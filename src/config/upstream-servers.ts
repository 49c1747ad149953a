// Owns the settings of the mail servers: addresses, limits and TLS.
import { isIP } from 'node:net';
import { messageOf } from '../caught-error.ts';
import type { UpstreamServerSettings, UpstreamTlsSettings } from '../gateway/settings.ts';
import { serverTls } from '../gateway/upstream/server-tls.ts';
import { ConfigError } from './problems.ts';
import type { Config } from './schema.ts';
import { readAuthorities, readPem } from './tls-files.ts';

type ServerConfig = Config['upstream']['servers'][number];

/** The configured servers; `url` alone is one. */
export function serversOf(config: Config): readonly ServerConfig[] {
  const { servers, url } = config.upstream;
  return servers.length > 0 ? servers : [{ url, weight: 1 }];
}

/** Whether the built-in mail server is one of them. */
export function usesSample(config: Config): boolean {
  return serversOf(config).some(({ url }) => url === 'sample');
}

/** Every mail server; `sampleUrl` is the address of the built-in one. @throws ConfigError */
export function allServers(config: Config, sampleUrl: string | null): readonly UpstreamServerSettings[] {
  const servers = serversOf(config).map((server) => serverSettings(config, server, sampleUrl));
  checkSources(config.upstream.sourceAddresses, servers);
  return servers;
}

/** The settings of one server; `sampleUrl` is the address of the built-in one. @throws ConfigError */
export function serverSettings(
  config: Config,
  server: ServerConfig,
  sampleUrl: string | null,
): UpstreamServerSettings {
  const { upstream } = config;
  const url = new URL(server.url === 'sample' ? (sampleUrl ?? 'http://127.0.0.1') : server.url);
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    name: server.name ?? url.host,
    host,
    port: Number(url.port || (secure ? 443 : 80)),
    tls: secure ? upstreamTls(upstream.tls, host) : null,
    hostHeader: upstream.hostHeader === 'upstream' ? url.host : null,
    weight: server.weight,
    connectTimeoutMs: (server.connectTimeoutSeconds ?? upstream.connectTimeoutSeconds) * 1_000,
    responseTimeoutMs: (server.responseTimeoutSeconds ?? upstream.responseTimeoutSeconds) * 1_000,
    idleTimeoutMs: upstream.idleTimeoutSeconds * 1_000,
    maxConnections: server.maxConnections ?? upstream.maxConnections,
    maxIdleConnections: upstream.maxIdleConnections,
    idleConnectionMs: upstream.idleConnectionSeconds * 1_000,
    sourceAddresses: sourcesFor(upstream.sourceAddresses, host),
    proxyProtocol: upstream.proxyProtocol ?? null,
  };
}

/**
 * The local addresses of the server's address family; all of them when the configuration names the server by host name.
 */
function sourcesFor(addresses: readonly string[], host: string): readonly string[] {
  const family = isIP(host);
  if (family === 0 || addresses.length === 0) return addresses;
  const fitting = addresses.filter((address) => isIP(address) === family);
  if (fitting.length === 0)
    throw new ConfigError('upstream.sourceAddresses', [
      `none of them is an IPv${family} address, as the mail server ${host} is`,
    ]);
  return fitting;
}

/** Checks that every local address can reach some server. @throws ConfigError */
function checkSources(addresses: readonly string[], servers: readonly UpstreamServerSettings[]): void {
  const idle = addresses.filter((address) =>
    servers.every((server) => !server.sourceAddresses.includes(address)),
  );
  if (idle.length > 0)
    throw new ConfigError('upstream.sourceAddresses', [
      `${idle.join(', ')}: no mail server has an address of this family`,
    ]);
}

function upstreamTls(tls: Config['upstream']['tls'], host: string): UpstreamTlsSettings {
  if ((tls.certificate === undefined) !== (tls.key === undefined))
    throw new ConfigError('upstream.tls', ['certificate and key are of use together only']);
  const settings: UpstreamTlsSettings = {
    ca: tls.ca === undefined ? null : readAuthorities(tls.ca, 'upstream.tls.ca'),
    serverName: tls.serverName ?? host,
    certificate: tls.certificate === undefined ? null : readPem(tls.certificate, 'upstream.tls.certificate'),
    key: tls.key === undefined ? null : readPem(tls.key, 'upstream.tls.key'),
    minVersion: tls.minVersion,
    verify: !tls.insecureSkipVerify,
  };
  try {
    serverTls(settings);
  } catch (error) {
    throw new ConfigError('upstream.tls', [`ca, certificate and key cannot be used: ${messageOf(error)}`]);
  }
  return settings;
}

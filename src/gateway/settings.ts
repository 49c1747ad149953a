// Owns the numbers the data plane runs with, in the units it needs (milliseconds, bytes). Knows no YAML.
import type { UserNames } from '../identity/user-names.ts';
import type { HeadLimits } from '../http/request-head.ts';
import type { NoticeSettings } from '../notices/notice.ts';

/** TLS towards a mail server; key material as PEM text. */
export interface UpstreamTlsSettings {
  /** Trusted authorities; null = those of Node. */
  readonly ca: string | null;
  /** The name the certificate must carry, also sent as SNI: never taken from a request. */
  readonly serverName: string;
  readonly certificate: string | null;
  readonly key: string | null;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** False only where the operator turned verification off by name. */
  readonly verify: boolean;
}

/** One mail server and how patient the gateway is with it. */
export interface UpstreamServerSettings {
  /** For logs and metrics. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls: UpstreamTlsSettings | null;
  /** `host:port` to send as Host, or `null` to pass the phone's. */
  readonly hostHeader: string | null;
  /** Share of the traffic against the others. */
  readonly weight: number;
  readonly connectTimeoutMs: number;
  readonly responseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxIdleConnections: number;
  readonly idleConnectionMs: number;
  /** Local addresses to connect from, in turn: each has about 28,000 ports, for all servers together. Empty = the system chooses. */
  readonly sourceAddresses: readonly string[];
  /** Tells the server the phone's address ahead of each connection, which is then never shared between phones. */
  readonly proxyProtocol: 1 | 2 | null;
}

/** How a mail server is found healthy by asking it. */
export interface HealthSettings {
  readonly method: 'OPTIONS' | 'GET';
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** So many good answers in a row bring a server back. */
  readonly rise: number;
  /** So many bad ones take it out. */
  readonly fall: number;
  /** Statuses up to this one are good: a 401 shows a living server. */
  readonly maxStatus: number;
}

/** How one of several servers is chosen. */
export type BalancingStrategy = 'roundRobin' | 'leastConnections' | 'deviceHash';

/** The mail servers behind this gateway. */
export interface UpstreamSettings {
  /** The one path every request goes to. */
  readonly path: string;
  readonly servers: readonly UpstreamServerSettings[];
  readonly strategy: BalancingStrategy;
  /** Requests that wait for a connection, per server, and how long. */
  readonly maxQueued: number;
  readonly queueTimeoutMs: number;
  readonly health: HealthSettings | null;
  /** So many failures in a row take a server out for `ejectMs`, when another one is left. */
  readonly ejectAfter: number;
  readonly ejectMs: number;
  /** A server that came back gets its full share only after this time. */
  readonly slowStartMs: number;
  /** What becomes of NTLM and Negotiate, which authenticate a connection and not a request. */
  readonly connectionAuth: 'pin' | 'strip';
  /** Forwarded (RFC 7239) is sent beside X-Forwarded-*. */
  readonly forwarded: boolean;
}

/** Bounds of the client side. */
export interface ClientSettings extends HeadLimits {
  readonly maxBodyBytes: number;
  /** For commands that carry no mail. */
  readonly maxCommandBodyBytes: number;
  readonly headTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  /** Slowest request body, in bytes a second; 0 = no limit. */
  readonly minBodyRate: number;
  /** Slowest reader of a response, in bytes a second; 0 = no limit. */
  readonly minReadRate: number;
  /** Rates are judged after this long, so that a short pause is not a slow client. */
  readonly rateWindowMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly maxConnections: number;
  /** 0 = no limit. */
  readonly maxConnectionsPerAddress: number;
  /** 0 = no limit. */
  readonly maxRequestsPerConnection: number;
  /** Exchanges under way for one device; 0 = no limit. */
  readonly maxInFlightPerDevice: number;
  /** Added to the heartbeat a phone asks for. */
  readonly heldPollMarginMs: number;
  /** Resident memory above which new held polls are refused; 0 = no limit. */
  readonly maxMemoryBytes: number;
}

/** The battery guard: how often a device may ask before it is told to wait. */
export interface ThrottleSettings {
  /** Requests of one command a device may make in a burst; 0 = no guard. */
  readonly burst: number;
  /** And per minute in the long run. */
  readonly perMinute: number;
  /** Repeats of one request without news before the device is paused, beyond what `repeatsPerMinute` allows; 0 = never. */
  readonly repeats: number;
  readonly repeatsPerMinute: number;
  readonly pauseSeconds: number;
  readonly maxDevices: number;
}

/** TLS towards phones; key material as PEM text. */
export interface ListenerTlsSettings {
  /** The first answers clients that name no host, or one that is not ours. */
  readonly certificates: readonly CertificateSettings[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers: string;
  readonly handshakeTimeoutMs: number;
  /** New handshakes per second; 0 = no limit. */
  readonly maxHandshakesPerSecond: number;
  /** 32 bytes in hex from which the ticket keys of every worker and node are derived. */
  readonly ticketSecret: string;
  readonly ticketRotationMs: number;
  readonly clientCertificate: ClientCertificateSettings | null;
}

/** A certificate chain and its key. */
export interface CertificateSettings {
  readonly certificate: string;
  readonly key: string;
}

/** Certificates of phones. */
export interface ClientCertificateSettings {
  readonly ca: string;
  readonly required: boolean;
  /** Where the user name stands. */
  readonly user: 'upn' | 'email' | 'commonName';
  /** Header that carries the certificate's user upstream; null = none. */
  readonly forwardHeader: string | null;
}

/** How requests are named. */
export interface IdentitySettings {
  readonly userClaim: 'refuse' | 'rewrite' | 'ignore';
  readonly bearerClaim: string;
  /** Which user names are one user. */
  readonly names: UserNames;
  readonly trustedProxies: readonly string[];
  /** What those are believed by; the other header is not looked at. */
  readonly forwardedHeader: 'xForwardedFor' | 'forwarded';
  /** Lower-case host names this gateway answers for; empty = any. */
  readonly publicHosts: readonly string[];
}

/** Where phones connect. */
export interface ListenSettings {
  readonly address: string;
  readonly port: number;
  /** An open, bound socket of the supervisor to listen on instead; null = bind here. */
  readonly fd: number | null;
  readonly tls: ListenerTlsSettings | null;
  /** A PROXY protocol header must lead each connection from these; from others it is refused. Null = never. */
  readonly proxyProtocolFrom: readonly string[] | null;
}

/** The mailbox that quarantined phones see. */
export interface QuarantineSettings {
  /** 32 bytes, the same on all nodes and over restarts: the keys phones hold are made with it. */
  readonly keySecret: Buffer;
  /** Who answers Provision, and Settings about the device: the mail server, or the gateway with an empty policy. */
  readonly provisioning: 'server' | 'gateway';
  readonly notice: NoticeSettings;
}

/** How phones that look for their server are answered. */
export interface DiscoverySettings {
  /** By the gateway alone, or by what the mail server says of the user, with the gateway's address. */
  readonly mode: 'answer' | 'forward';
  readonly publicUrl: string;
  /** Where the mail server is asked. */
  readonly path: string;
}

/** Longest heartbeat a server accepts (MS-ASCMD Ping HeartbeatInterval, Sync Wait). */
export const MAX_HEARTBEAT_SECONDS = 3540;
/** A chunked request body up to this size is sent on with Content-Length (sogod refuses chunked). */
export const BUFFERED_BODY_BYTES = 64 * 1024;
/** Bytes of pipelined requests kept while an exchange is under way. */
export const MAX_PIPELINED_BYTES = 64 * 1024;
/** Response head from the mail server. */
export const MAX_RESPONSE_HEAD_BYTES = 64 * 1024;
/** Request body of Autodiscover. */
export const MAX_DISCOVERY_BYTES = 16 * 1024;
/** A client that sent FIN behind a complete request still gets a quick answer; later it counts as gone. */
export const HALF_CLOSE_GRACE_MS = 2_000;
/** After a refusal with the body still arriving: read and drop this much, so that the refusal is not lost to a reset. */
export const LINGER_BYTES = 1024 * 1024;
export const LINGER_MS = 2_000;
/** Characters kept of a User-Agent, which may be as long as a head. */
export const MAX_USER_AGENT = 256;
/** How often deadlines are looked at. */
export const SWEEP_INTERVAL_MS = 100;

// Owns the settings of the data plane, in its units (milliseconds, bytes). Independent of YAML.
import type { UserNames } from '../identity/user-names.ts';
import type { HeadLimits } from '../http/request-head.ts';
import type { NoticeSettings } from '../notices/notice.ts';
import type { OpenPaths } from './pass-through/paths.ts';
import type { ForwardingRules } from './upstream/client-origin.ts';

/** The settings of a data plane, in the units it needs. */
export interface GatewaySettings {
  readonly listen: ListenSettings;
  readonly upstream: UpstreamSettings;
  readonly client: ClientSettings;
  readonly throttle: ThrottleSettings;
  readonly identity: IdentitySettings;
  /** The URL of this gateway as phones know it, `https://host/Microsoft-Server-ActiveSync`; null = not told. */
  readonly publicUrl: string | null;
  /** Null = a quarantined phone is answered like a blocked one. */
  readonly quarantine: QuarantineSettings | null;
  /** Null = Autodiscover is not served. */
  readonly autodiscover: AutodiscoverSettings | null;
  /** Other paths that may pass; null = none. */
  readonly passThrough: PassThroughSettings | null;
  readonly retryAfterSeconds: number;
  /** Phones a second of this worker that a change for many lets in. Absent = 200. */
  readonly releaseRate?: number;
}

/** TLS to a mail server; key material as PEM text. */
export interface UpstreamTlsSettings {
  /** Trusted authorities; null = those of Node. */
  readonly ca: string | null;
  /** The expected name in the certificate, also sent as SNI; never taken from a request. */
  readonly serverName: string;
  readonly certificate: string | null;
  readonly key: string | null;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** False only when the operator disabled verification explicitly. */
  readonly verify: boolean;
}

/** One mail server with its timeouts and limits. */
export interface UpstreamServerSettings {
  /** For logs and metrics. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls: UpstreamTlsSettings | null;
  /** `host:port` to send as Host, or `null` for the phone's. */
  readonly hostHeader: string | null;
  /** Share of the traffic, relative to other servers. */
  readonly weight: number;
  readonly connectTimeoutMs: number;
  readonly responseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxIdleConnections: number;
  readonly idleConnectionMs: number;
  /**
   * Local addresses, used in turn; each has about 28,000 ports for all servers together. Empty = the system chooses.
   */
  readonly sourceAddresses: readonly string[];
  /** Sends the phone's address before each connection, which is then not shared between phones. */
  readonly proxyProtocol: 1 | 2 | null;
}

/** Settings of health checks. */
export interface HealthSettings {
  readonly method: 'OPTIONS' | 'GET';
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Successful checks in a row that bring a server back. */
  readonly rise: number;
  /** Failed checks in a row that exclude a server. */
  readonly fall: number;
  /** Highest successful status: a 401 shows a working server. */
  readonly maxStatus: number;
}

/** How one of several servers is chosen. */
export type BalancingStrategy = 'roundRobin' | 'leastConnections' | 'deviceHash';

/** The mail servers behind this gateway. */
export interface UpstreamSettings {
  /** The path of every request. */
  readonly path: string;
  readonly servers: readonly UpstreamServerSettings[];
  readonly strategy: BalancingStrategy;
  /** Most waiting requests per server, and the longest wait. */
  readonly maxQueued: number;
  readonly queueTimeoutMs: number;
  readonly health: HealthSettings | null;
  /** Failures in a row that exclude a server for `ejectMs`, if another is left. */
  readonly ejectAfter: number;
  readonly ejectMs: number;
  /** Time over which a returning server gets its full share. */
  readonly slowStartMs: number;
  /** Handling of NTLM and Negotiate, which authenticate a connection and not a request. */
  readonly connectionAuth: 'pin' | 'strip';
  /** Send Forwarded (RFC 7239) in addition to X-Forwarded-*. */
  readonly forwarded: boolean;
}

/** Limits of the client side. */
export interface ClientSettings extends HeadLimits {
  readonly maxBodyBytes: number;
  /** For commands that carry no mail. */
  readonly maxCommandBodyBytes: number;
  readonly headTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  /** Lowest rate of a request body, in bytes per second; 0 = no limit. */
  readonly minBodyRate: number;
  /** Lowest rate of reading a response, in bytes per second; 0 = no limit. */
  readonly minReadRate: number;
  /** Period of the rates, so that a short pause does not count. */
  readonly rateWindowMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly maxConnections: number;
  /** 0 = no limit. */
  readonly maxConnectionsPerAddress: number;
  /** 0 = no limit. */
  readonly maxRequestsPerConnection: number;
  /** Concurrent exchanges per device; 0 = no limit. */
  readonly maxInFlightPerDevice: number;
  /** Added to the heartbeat of a poll. */
  readonly heldPollMarginMs: number;
  /** Resident memory above which new held polls are refused; 0 = no limit. */
  readonly maxMemoryBytes: number;
}

/** The throttle: request limits of a device. */
export interface ThrottleSettings {
  /** Requests of one command in a burst; 0 = no limit. */
  readonly burst: number;
  /** Requests of one command per minute in the long run. */
  readonly perMinute: number;
  /** Repeats of a request without news before the device is paused, beyond `repeatsPerMinute`; 0 = never. */
  readonly repeats: number;
  readonly repeatsPerMinute: number;
  readonly pauseSeconds: number;
  readonly maxDevices: number;
}

/** TLS for phones; key material as PEM text. */
export interface ListenerTlsSettings {
  /** The first is the default for clients without SNI or with an unknown name. */
  readonly certificates: readonly CertificateSettings[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers: string;
  readonly handshakeTimeoutMs: number;
  /** New handshakes per second; 0 = no limit. */
  readonly maxHandshakesPerSecond: number;
  /** 32 bytes in hex for deriving the ticket keys of all workers and nodes. */
  readonly ticketSecret: string;
  readonly ticketRotationMs: number;
  readonly clientCertificate: ClientCertificateSettings | null;
}

/** A certificate chain and its key. */
export interface CertificateSettings {
  readonly certificate: string;
  readonly key: string;
}

/** Client certificates. */
export interface ClientCertificateSettings {
  readonly ca: string;
  readonly required: boolean;
  /** The field with the user name. */
  readonly user: 'upn' | 'email' | 'commonName';
  /** Header with the certificate's user for the mail server; null = none. */
  readonly forwardHeader: string | null;
}

/** Settings of user names and client addresses. */
export interface IdentitySettings {
  readonly userClaim: 'refuse' | 'rewrite' | 'ignore';
  readonly bearerClaim: string;
  /** Which user names are one user. */
  readonly names: UserNames;
  readonly trustedProxies: readonly string[];
  /** The header that trusted proxies set; the other is ignored. */
  readonly forwardedHeader: 'xForwardedFor' | 'forwarded';
  /** Accepted host names in lower case; empty = any. */
  readonly publicHosts: readonly string[];
}

/** Settings of the listener. */
export interface ListenSettings {
  readonly address: string;
  readonly port: number;
  /** A bound socket of the supervisor; null = bind here. */
  readonly fd: number | null;
  readonly tls: ListenerTlsSettings | null;
  /** Addresses that must send a PROXY protocol header; others are refused. Null = none. */
  readonly proxyProtocolFrom: readonly string[] | null;
}

/** Settings of the quarantine mailbox. */
export interface QuarantineSettings {
  /** 32 bytes, equal on all nodes and after restarts: the key for sync keys. */
  readonly keySecret: Buffer;
  /** Who answers Provision and device information: the mail server, or the gateway with an empty policy. */
  readonly provisioning: 'server' | 'gateway';
  readonly notice: NoticeSettings;
}

/** Settings of Autodiscover. */
export interface AutodiscoverSettings {
  /** `answer`: by the gateway alone; `forward`: from the mail server's answer, with the gateway's address. */
  readonly mode: 'answer' | 'forward';
  readonly publicUrl: string;
  /** Path of the mail server's Autodiscover. */
  readonly path: string;
}

/** What the lane for other paths requires of requests. */
export interface PassThroughRules extends OpenPaths {
  readonly headLimits: HeadLimits;
  /** Largest request body, in octets. */
  readonly maxBodyBytes: number;
  /** Accepted host names in lower case; empty = any. */
  readonly publicHosts: readonly string[];
}

/** Settings of the lane for other paths. */
export interface PassThroughSettings extends PassThroughRules, ForwardingRules {
  /** Server for these paths; null = the mail servers of the gateway. */
  readonly server: UpstreamServerSettings | null;
  /** Which Host is sent: the client's, or the server's. */
  readonly hostHeader: 'preserve' | 'upstream';
  /** From the connection to its first complete head; for later ones from the end of `keepAliveTimeoutMs`. */
  readonly headTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** From the last octet of the request to the response head; also the longest pause in a request body. */
  readonly responseTimeoutMs: number;
  /** Longest pause in a response body, and in a tunnel. */
  readonly idleTimeoutMs: number;
  /** Client connections including tunnels; each uses at most one upstream connection at a time. */
  readonly maxConnections: number;
  /** Header for the certificate's user, which a client must not send. Lower case; null = none. */
  readonly certificateHeader: string | null;
}

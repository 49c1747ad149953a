// Owns what one data plane is set up with: all of settings.ts, and the lane for other paths.
import type { PassThroughSettings } from './pass-through/settings.ts';
import type {
  ClientSettings,
  DiscoverySettings,
  IdentitySettings,
  ListenSettings,
  QuarantineSettings,
  ThrottleSettings,
  UpstreamSettings,
} from './settings.ts';

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
  readonly autodiscover: DiscoverySettings | null;
  /** Other paths that may pass; null = none. */
  readonly passThrough: PassThroughSettings | null;
  readonly retryAfterSeconds: number;
  /** Phones a second of this worker that a change for many lets in. Absent = 200. */
  readonly releaseRate?: number;
}

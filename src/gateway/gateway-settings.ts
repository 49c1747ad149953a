// Owns the settings of one data plane: those of settings.ts, and those of the pass-through lane.
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
  /** The URL of this gateway for phones, `https://host/Microsoft-Server-ActiveSync`; null = not configured. */
  readonly publicUrl: string | null;
  /** Null = a quarantined phone is answered like a blocked one. */
  readonly quarantine: QuarantineSettings | null;
  /** Null = Autodiscover is not served. */
  readonly autodiscover: DiscoverySettings | null;
  /** The pass-through lane; null = none. */
  readonly passThrough: PassThroughSettings | null;
  readonly retryAfterSeconds: number;
  /** Phones per second that are released when a change allows many at once. Absent = 200. */
  readonly releaseRate?: number;
}

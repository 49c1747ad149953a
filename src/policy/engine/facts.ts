// Owns the facts of an evaluation in the engine's form: texts in lower case, times in milliseconds, versions and
// addresses parsed once.
import type { Address } from '../../ip-address.ts';
import type { Version } from '../compile/version.ts';

/** An attribute prepared for every kind of comparison; NaN or null = not of that kind. */
export interface Attribute {
  readonly value: string | number | boolean;
  readonly text: string;
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly version: Version | null;
}

export type Attributes = ReadonlyMap<string, Attribute>;

/** A text, and as it is compared: without case (`foldCase`). */
export interface Text {
  readonly as: string;
  readonly lower: string;
}

/** A version as it was reported, and its numbers. */
export interface VersionText extends Text {
  readonly version: Version;
}

/** Data of the feeds about the user. */
export interface UserFacts {
  /** Empty = unknown. */
  readonly names: readonly Text[];
  /** Null = no feed knows the user. */
  readonly groups: readonly Text[] | null;
  readonly enabled: boolean | null;
  readonly attributes: Attributes;
}

/** Values with a time since which they have not been met. */
export type TimedValue = 'compliant' | 'encrypted' | 'compromised' | 'managedMailProfile';

/** The effective report of the feeds about the device. Null = unknown; times in milliseconds since the epoch. */
export interface DeviceFacts {
  readonly managed: boolean | null;
  readonly compliant: boolean | null;
  readonly encrypted: boolean | null;
  readonly compromised: boolean | null;
  readonly managedMailProfile: boolean | null;
  readonly platform: Text | null;
  readonly osVersion: VersionText | null;
  readonly os: Text | null;
  readonly model: Text | null;
  readonly manufacturer: Text | null;
  readonly ownership: Text | null;
  readonly lastCheckIn: number | null;
  readonly graceUntil: number | null;
  readonly reportedSince: number | null;
  readonly unmetSince: Readonly<Record<TimedValue, number | null>>;
  readonly attributes: Attributes;
}

/** The phone's description of itself. */
export interface ToldFacts {
  readonly platform: Text | null;
  readonly osVersion: VersionText | null;
  readonly os: Text | null;
  readonly model: Text | null;
  readonly manufacturer: Text | null;
}

/** The gateways' record of this user with this device. */
export interface PartnershipFacts {
  readonly deviceId: Text | null;
  readonly deviceType: Text | null;
  readonly told: ToldFacts;
  readonly firstSeen: number | null;
  readonly lastAllowed: number | null;
  readonly rank: number | null;
  readonly devicesOfUser: number | null;
  readonly usersOnDevice: number | null;
  readonly userAgentChanges: number | null;
}

/** Facts that change between requests. */
export interface RequestFacts {
  readonly userAgent: Text | null;
  readonly protocolVersion: VersionText | null;
  readonly address: Address | null;
  readonly addressText: string | null;
  readonly command: Text | null;
  readonly auth: Text | null;
  readonly certificateIssuer: Text | null;
}

export type DecisionScope = 'device' | 'partnership' | 'user';
export type DecisionAction = 'allow' | 'quarantine' | 'block' | 'accountWipe' | 'wipe';

/** A decision of an operator, or one imported from a feed. */
export interface DecisionFacts {
  readonly scope: DecisionScope;
  readonly action: DecisionAction;
  readonly by: string | null;
  /** Name of the feed; null = an operator. */
  readonly source: string | null;
  readonly reason: string | null;
  readonly decidedAt: number | null;
  /** Null = never. */
  readonly expiresAt: number | null;
  /** Only wipes: whether the device has acknowledged it. */
  readonly acknowledged: boolean;
  /** The name it is stored under, if it is another name that may be the same user. */
  readonly onName?: string;
  /** Only wipes: their progress, as text. */
  readonly progress?: string;
}

/** The facts of one evaluation. */
export interface Facts {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly user: UserFacts;
  /** Null = no feed has reported the device. */
  readonly device: DeviceFacts | null;
  /** Null = never seen. */
  readonly partnership: PartnershipFacts | null;
  readonly request: RequestFacts;
  readonly decisions: readonly DecisionFacts[];
}

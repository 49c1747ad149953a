// Owns the facts of a device and of a partnership, made from their records when a policy asks for them: most policies ask for few. Pure.
import type { AccessRecords, DeviceState, SeenState } from './access-records.ts';
import { parseVersion } from './compile/version.ts';
import type {
  Attributes,
  DeviceFacts,
  PartnershipFacts,
  Text,
  ToldFacts,
  VersionText,
} from './engine/facts.ts';
import { attributesOf, folded, textOf } from './engine/read-facts.ts';
import { Repeated, repeatedText, repeatedVersion } from './engine/repeated-texts.ts';

/** What the feeds report of a device. */
export class DeviceOfRecord implements DeviceFacts {
  private readonly record: DeviceState;
  /** Made when they are first read. */
  private madePlatform: Text | null = null;
  private madeVersion: VersionText | null = null;
  private madeModel: Text | null = null;
  private madeManufacturer: Text | null = null;
  private madeOwnership: Text | null = null;
  private madeAttributes: Attributes | null = null;

  constructor(record: DeviceState) {
    this.record = record;
  }

  get managed(): boolean | null {
    return this.record.managed;
  }

  get compliant(): boolean | null {
    return this.record.compliant;
  }

  get encrypted(): boolean | null {
    return this.record.encrypted ?? null;
  }

  get compromised(): boolean | null {
    return this.record.compromised ?? null;
  }

  get managedMailProfile(): boolean | null {
    return this.record.managedMailProfile ?? null;
  }

  get os(): Text | null {
    return systemFacts(this.record.os).os;
  }

  get platform(): Text | null {
    const { platform, os } = this.record;
    return (this.madePlatform ??= repeatedText(platform) ?? systemFacts(os).platform);
  }

  get osVersion(): VersionText | null {
    const { osVersion, os } = this.record;
    return (this.madeVersion ??= repeatedVersion(osVersion) ?? systemFacts(os).osVersion);
  }

  get model(): Text | null {
    return (this.madeModel ??= repeatedText(this.record.model));
  }

  get manufacturer(): Text | null {
    return (this.madeManufacturer ??= repeatedText(this.record.manufacturer));
  }

  get ownership(): Text | null {
    return (this.madeOwnership ??= repeatedText(this.record.ownership));
  }

  get lastCheckIn(): number | null {
    return this.record.lastCheckIn ?? null;
  }

  get graceUntil(): number | null {
    return this.record.graceUntil ?? null;
  }

  /** Of a device that is not managed, since when it is so. */
  get reportedSince(): number | null {
    const { managed, managedUnmetSince, reportedSince } = this.record;
    return (managed === false ? managedUnmetSince : null) ?? reportedSince ?? null;
  }

  get unmetSince(): DeviceFacts['unmetSince'] {
    const { compliantUnmetSince, encryptedUnmetSince, compromisedUnmetSince, mailProfileUnmetSince } =
      this.record;
    return {
      compliant: compliantUnmetSince ?? null,
      encrypted: encryptedUnmetSince ?? null,
      compromised: compromisedUnmetSince ?? null,
      managedMailProfile: mailProfileUnmetSince ?? null,
    };
  }

  get attributes(): Attributes {
    return (this.madeAttributes ??= attributesOf(this.record.attributes ?? null));
  }
}

const DAY_MS = 86_400_000;

/** What the gateways recorded of a user with a device. `device`, `deviceType`: of the login. */
export class PartnershipOfRecords implements PartnershipFacts {
  readonly rank: number | null;
  readonly devicesOfUser: number | null;
  readonly userAgentChanges: number | null;
  private readonly records: AccessRecords;
  private readonly device: string;
  private readonly loginType: string | null;
  private madeId: Text | null = null;
  private madeType: Text | null = null;
  private madeTold: ToldFacts | null = null;

  /** The facts that change with time and policy are unknown until {@link at} is called. Most phones never changed their User-Agent. */
  constructor(
    records: AccessRecords,
    device: string,
    deviceType: string | null,
    rank: number | null = null,
    devicesOfUser: number | null = null,
    userAgentChanges: number | null = records.partnership?.agentChanges === undefined ? null : 0,
  ) {
    this.records = records;
    this.device = device;
    this.loginType = deviceType;
    this.rank = rank;
    this.devicesOfUser = devicesOfUser;
    this.userAgentChanges = userAgentChanges;
  }

  private get seen(): SeenState | null {
    return this.records.partnership ?? null;
  }

  get deviceId(): Text | null {
    return (this.madeId ??= textOf(this.device));
  }

  /** DeviceType of the login, until the partnership is recorded. */
  get deviceType(): Text | null {
    return (this.madeType ??= repeatedText(this.seen?.deviceType ?? this.loginType));
  }

  get told(): ToldFacts {
    return (this.madeTold ??= {
      ...systemFacts(this.seen?.os),
      model: repeatedText(this.seen?.model),
      manufacturer: null,
    });
  }

  get firstSeen(): number | null {
    return this.seen?.firstSeen ?? null;
  }

  get lastAllowed(): number | null {
    return this.seen?.lastAllowed ?? null;
  }

  /** A partnership that is not recorded yet counts too. */
  get usersOnDevice(): number | null {
    const { usersOnDevice = null } = this.records;
    return usersOnDevice === null ? null : usersOnDevice + (this.seen === null ? 1 : 0);
  }

  /**
   * With the facts that change with time: the place of the device among those of its user that were allowed within `activeWithinMs`,
   * and how often its User-Agent changed within a day. A device that was not allowed in that time comes after the others.
   */
  at(now: number, activeWithinMs: number): PartnershipFacts {
    const { records, device, loginType } = this;
    const { userDevices, user } = records;
    const userAgentChanges = changesSince(this.seen?.agentChanges, now - DAY_MS);
    if (userDevices === undefined || user === undefined)
      return userAgentChanges === this.userAgentChanges
        ? this
        : new PartnershipOfRecords(records, device, loginType, null, null, userAgentChanges);
    let active = 0;
    let rank: number | null = null;
    let isRecorded = false;
    for (const own of userDevices) {
      const isActive = (own.lastAllowed ?? -Infinity) > now - activeWithinMs;
      if (isActive) active += 1;
      if (own.device !== device) continue;
      isRecorded = true;
      if (isActive) rank ??= active;
    }
    const devices = userDevices.length + (isRecorded ? 0 : 1);
    return new PartnershipOfRecords(
      records,
      device,
      loginType,
      rank ?? active + 1,
      devices,
      userAgentChanges,
    );
  }
}

/** How often the User-Agent changed after a time; null = unknown. */
function changesSince(changes: readonly number[] | undefined, time: number): number | null {
  if (changes === undefined) return null;
  let count = 0;
  for (const at of changes) if (at > time) count += 1;
  return count;
}

/** How systems are named at the beginning of a text, and the platform that policies call so. */
const PLATFORMS: readonly (readonly [beginning: string, platform: string])[] = [
  ['iphone os', 'ios'],
  ['ios', 'ios'],
  ['ipados', 'ios'],
  ['ipad', 'ios'],
  ['iphone', 'ios'],
  ['android', 'android'],
  ['windows', 'windows'],
  ['macos', 'macos'],
  ['mac os', 'macos'],
];

type SystemFacts = Pick<ToldFacts, 'os' | 'osVersion' | 'platform'>;

const NO_SYSTEM: SystemFacts = { os: null, osVersion: null, platform: null };
const systems = new Repeated(readSystem);

/** Platform and version from a text such as `iOS 17.4.1 21E236`. */
function systemFacts(written: string | null | undefined): SystemFacts {
  return written === null || written === undefined ? NO_SYSTEM : systems.at(written);
}

function readSystem(written: string): SystemFacts {
  const os = folded(written);
  const found = PLATFORMS.find(([beginning]) => os.lower.startsWith(beginning));
  return { os, osVersion: versionText(os), platform: found === undefined ? null : textOf(found[1]) };
}

function versionText(text: Text): VersionText | null {
  const version = parseVersion(text.as);
  return version === null ? null : { ...text, version };
}

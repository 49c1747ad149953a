// Owns how kinds of mail apps differ: what they call themselves and how they take refusals (docs/protocol.md, "Phones").
// Sources: AOSP Exchange (EasOperation, EasServerConnection), Nachomail, TbSync; Outlook's documents for device wipe.

/** A kind of mail app. */
export type PhoneFamily = 'ios' | 'android' | 'outlook';

/** What one kind does. */
export interface FamilyRules {
  readonly deviceType: string;
  readonly userAgent: string;
  readonly model: string;
  readonly os: string;
  /** HTTP 403 means "provision first" to AOSP; others take it for a refusal. */
  readonly forbiddenMeansProvision: boolean;
  /** The app erases the whole device when told so; Outlook only ever erases its account. */
  readonly erasesDevice: boolean;
  /** Folder types that are synchronised (MS-ASCMD 2.2.3.186.3): 2 = Inbox. */
  readonly folderTypes: readonly string[];
}

/** All kinds. */
export const FAMILIES: Readonly<Record<PhoneFamily, FamilyRules>> = {
  ios: {
    deviceType: 'iPhone',
    userAgent: 'Apple-iPhone15C2/2201.100',
    model: 'iPhone15C2',
    os: 'iOS 18.1',
    forbiddenMeansProvision: false,
    erasesDevice: true,
    folderTypes: ['2'],
  },
  android: {
    deviceType: 'Android',
    userAgent: 'Android/14-EAS-2.0',
    model: 'Pixel 8',
    os: 'Android 14',
    forbiddenMeansProvision: true,
    erasesDevice: true,
    folderTypes: ['2'],
  },
  outlook: {
    deviceType: 'Outlook',
    userAgent: 'Outlook-iOS-Android/1.0',
    model: 'Outlook for iOS and Android',
    os: 'iOS 18.1',
    forbiddenMeansProvision: false,
    erasesDevice: false,
    folderTypes: ['2'],
  },
};

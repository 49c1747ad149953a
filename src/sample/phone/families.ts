// Owns the differences between mail apps apart from their reactions (reactions.ts): names, server search, and what they
// erase.

/** A kind of mail app. */
export type PhoneFamily = 'ios' | 'android' | 'outlook';

/** The behaviour of one kind. */
export interface FamilyRules {
  readonly deviceType: string;
  readonly userAgent: string;
  readonly model: string;
  readonly os: string;
  /** Autodiscover: XML with the password (AOSP EasAutoDiscover), or version 2 without it (Outlook's AutoDetect). */
  readonly autodiscover: 'xml' | 'json';
  /** Use of X-MS-Location in a 451: the host only (AOSP EasServerConnection), or the URL if it is https (Nachomail). */
  readonly takesOfLocation: 'host' | 'https';
  /** The app can erase the whole device; Outlook erases its account only. */
  readonly erasesDevice: boolean;
  /** Folder types that are synchronised (MS-ASCMD 2.2.3.186.3): 2 = Inbox. */
  readonly folderTypes: readonly string[];
}

/** All kinds. */
export const PHONE_FAMILIES: Readonly<Record<PhoneFamily, FamilyRules>> = {
  ios: {
    deviceType: 'iPhone',
    userAgent: 'Apple-iPhone15C2/2201.100',
    model: 'iPhone15C2',
    os: 'iOS 18.1',
    autodiscover: 'xml',
    takesOfLocation: 'https',
    erasesDevice: true,
    folderTypes: ['2'],
  },
  android: {
    deviceType: 'Android',
    userAgent: 'Android/14-EAS-2.0',
    model: 'Pixel 8',
    os: 'Android 14',
    autodiscover: 'xml',
    takesOfLocation: 'host',
    erasesDevice: true,
    folderTypes: ['2'],
  },
  outlook: {
    deviceType: 'Outlook',
    userAgent: 'Outlook-iOS-Android/1.0',
    model: 'Outlook for iOS and Android',
    os: 'iOS 18.1',
    autodiscover: 'json',
    takesOfLocation: 'https',
    erasesDevice: false,
    folderTypes: ['2'],
  },
};

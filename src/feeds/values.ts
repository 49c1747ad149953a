// Owns what values of sources mean: texts, lists, yes and no, compliance, platform, versions, ownership, serial numbers. Pure.
// Rule: what is not known for certain is null. Only listed words mean that a device is compliant or managed.
import { plain } from '../plain-text.ts';
import { wordOf } from './row.ts';
import type { Row } from './row.ts';
import type { Ownership } from './record.ts';
import { names } from './word-lists.ts';
import {
  COMPLIANCE,
  COMPROMISED,
  ENCRYPTION,
  MANAGEMENT,
  NO,
  NO_COMPLIANCE,
  SWITCHES,
  UNSURE,
  YES,
} from './words.ts';
import type { Compliance } from './words.ts';

/** Longest text that is kept of a value, UTF-16 units. */
export const MAX_TEXT = 512;

/** What sources write where they have no value, in lower case. */
const NO_VALUE = new Set([
  '',
  'null',
  '(null)',
  '<null>',
  'n/a',
  'na',
  'nil',
  '$null',
  'undefined',
  'nan',
  'not present',
  'not set',
  // SAS.
  '.',
  // MySQL writes a null so.
  '\\n',
]);
const LONGEST_NO_VALUE = 11;
/** A rule below a header, too. */
const ONLY_DASHES = /^\p{Pd}+$/u;

/**
 * What PowerShell writes of a list that the command did not join: the name of its type. The values are lost.
 * @see https://learn.microsoft.com/powershell/module/microsoft.powershell.utility/export-csv (objects become strings)
 */
const TYPE_NAME = /^(?:Deserialized\.)?(?:System|Microsoft)\.[A-Za-z.]*[A-Za-z]+(?:`\d+)?(?:\[.{0,400}\])?$/;

/** Most texts are short and printable ASCII: nothing of them is removed. */
const PLAIN = /^[ -~]{0,512}$/;

/** What no exporter writes into a value: it is damaged, and its words are none. */
const DAMAGE = /[\0-\u0008\u000e-\u001f\u007f]/g;
/** Control characters, line separators, marks of direction. */
const UNSHOWN = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu;

/** Whether a text is the name of a .NET type instead of a value. */
export function isTypeName(text: string): boolean {
  return (
    (text.startsWith('System.') || text.startsWith('Microsoft.') || text.startsWith('Deserialized.')) &&
    text.length < MAX_TEXT &&
    TYPE_NAME.test(text)
  );
}

/** A value as text: trimmed, bounded, without control characters; null = none. Objects of ConvertTo-Json give their `value`. */
export function textOf(value: unknown): string | null {
  // RFC 8259 6: digits beyond 2^53 are lost. In this form the number is not taken for an id.
  if (typeof value === 'number')
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.length === 1 ? textOf(value[0]) : null;
  if (typeof value === 'object' && value !== null) {
    // PowerShell writes an enumeration of a remote session as number and word: `{"value":2,"Value":"Blocked"}`.
    const both: unknown[] = ['value', 'Value'].map((name): unknown => Reflect.get(value, name) ?? undefined);
    const [one, other] = both;
    // Two words are no number and its word.
    if (typeof one === typeof other && textOf(one)?.toLowerCase() !== textOf(other)?.toLowerCase())
      return null;
    const inner = both.find((each) => typeof each === 'string') ?? both.find((each) => each !== undefined);
    return typeof inner === 'object' ? null : textOf(inner);
  }
  if (typeof value !== 'string') return null;
  const trimmed = unguarded(value.trim());
  // A character that cannot be seen is a space: left out, it would make one id of two parts.
  const text = PLAIN.test(trimmed)
    ? trimmed
    : withoutWidthless(plain(trimmed.replaceAll(DAMAGE, '\ufffd').replaceAll(UNSHOWN, ' ').trim(), MAX_TEXT));
  if (
    text.length <= LONGEST_NO_VALUE &&
    (NO_VALUE.has(text.toLowerCase()) || (mayBeDash(text) && ONLY_DASHES.test(text)))
  )
    return null;
  return isTypeName(text) ? null : text;
}

/** Signs without a width at the ends of a short text: what was copied from a web page has them. */
function withoutWidthless(text: string): string {
  return text.replaceAll(/^[\u200b-\u200d\u2060\ufeff]+|[\u200b-\u200d\u2060\ufeff]+$/g, '').trim();
}

/** Most values begin with a letter or a digit: the expression need not run. */
function mayBeDash(text: string): boolean {
  const first = text.charCodeAt(0);
  return first === 0x2d || first > 0x7f;
}

/** Without what keeps a spreadsheet from changing a cell: `="0123"`, or an apostrophe in front; also without the quotes of SQL on both sides. */
function unguarded(text: string): string {
  if (text.startsWith('="') && text.endsWith('"') && text.length > 3) return text.slice(2, -1);
  return text.startsWith("'") ? text.slice(1, text.length > 1 && text.endsWith("'") ? -1 : undefined) : text;
}

/** The first of several names that has a value. */
export function pick(row: Row, names: readonly string[]): string | null {
  for (const name of names) {
    const text = textOf(row.get(name));
    if (text !== null) return text;
  }
  return null;
}

/**
 * Format-List prints the first four values of a list as they are, and `...` behind the last one for all others.
 * @see https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_preference_variables ($FormatEnumerationLimit)
 */
export function withoutEllipsis(text: string): string {
  const isLimited = /^\{(?:[^,{}]{1,100},){3}[^,{}]{1,100}(?:\.\.\.|…)\}$/.test(text);
  return isLimited ? text.replace(/(?:\.\.\.|…)\}$/, '}') : text;
}

/** A list: an array, `{ value: […] }` of ConvertTo-Json, or a text with separators. Never a type name. */
export function listOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(textOf).filter((text) => text !== null);
  if (typeof value === 'object' && value !== null) {
    const inner: unknown = Reflect.get(value, 'value');
    return Array.isArray(inner) ? listOf(inner) : [];
  }
  if (typeof value !== 'string' || isTypeName(value.trim())) return [];
  // Format-List and Format-Table write {a, b}; @{…}, […] and quotes come of scripts.
  const bare = value.trim().replaceAll(/^@?[{([]|[})\]]$/g, '');
  return bare
    .split(/[;,|\s]+/)
    .map((one) => textOf(one.replaceAll(/^["']|["']$/g, '')))
    .filter((text) => text !== null);
}

/** Yes, no, or not said; `undefined` = a word that means neither. */
export function flagOf(text: string | null): boolean | null | undefined {
  if (text === null) return null;
  // -1 is no answer at some sources, and yes at others, as in Access.
  if (text.startsWith('-')) return undefined;
  const word = wordOf(text);
  if (YES.has(word)) return true;
  if (NO.has(word)) return false;
  return UNSURE.has(word) ? null : undefined;
}

/** What a compliance state means; `undefined` = an unknown word. */
export function complianceOf(text: string | null): Compliance | undefined {
  if (text === null) return NO_COMPLIANCE;
  const word = wordOf(text);
  const known = COMPLIANCE.get(word);
  if (known !== undefined || SWITCHES.has(word)) return known;
  const flag = flagOf(text);
  return flag === undefined ? undefined : { compliant: flag, inGrace: false };
}

/** A compliance state of a product whose numbers are none of Graph's: 1 may stand for any of its states, so no number is understood. */
export function complianceInWords(text: string | null): Compliance | undefined {
  return text !== null && /^[\p{Pd}+]?\p{N}/u.test(text) ? undefined : complianceOf(text);
}

/** Whether storage is encrypted; `undefined` = an unknown word. */
export function encryptedOf(text: string | null): boolean | null | undefined {
  return ENCRYPTION.get(wordOf(text ?? '')) ?? flagOf(text);
}

/** Whether a device is in device management; `undefined` = an unknown word, such as `enabled`: an account may be that. */
export function managedOf(text: string | null): boolean | null | undefined {
  return MANAGEMENT.get(wordOf(text ?? '')) ?? unlessSwitch(text, true);
}

/** As flagOf; a word that something is switched on, or off, has not the meaning `good`. */
function unlessSwitch(text: string | null, good: boolean): boolean | null | undefined {
  const flag = flagOf(text);
  return flag === good && SWITCHES.has(wordOf(text ?? '')) ? undefined : flag;
}

/** Jailbroken or rooted; sources write a text. `undefined` = an unknown word, such as `disabled`: the detection may be that. */
export function compromisedOf(text: string | null): boolean | null | undefined {
  return COMPROMISED.get(wordOf(text ?? '')) ?? unlessSwitch(text, false);
}

/** Beginnings and parts of names of systems, the more special first. */
const PLATFORMS: readonly (readonly [RegExp, string])[] = [
  [/^(?:apple ?)?tv|tvos|appletv/, 'tvos'],
  [/watchos|apple ?watch/, 'watchos'],
  [/visionos/, 'visionos'],
  [/\bipados|\bios\b|^ios|iphone|ipad|ipod/, 'ios'],
  [/android|\baosp\b/, 'android'],
  [/mac ?os|^os ?x|osx|\bmac\b|macbook|imac|^mac(?:mdm|outlook)/, 'macos'],
  [/windows ?phone|windows ?(?:10 ?)?mobile|^wp ?8/, 'windowsphone'],
  [/windows|^win|hololens/, 'windows'],
  [/chrome ?os|chromebook/, 'chromeos'],
  [/linux|ubuntu|red ?hat/, 'linux'],
  [/blackberry/, 'blackberry'],
  [/tizen/, 'tizen'],
];

/** The name of an app for two systems, as `Outlook for iOS and Android`. */
const TWO_SYSTEMS = /\b(?:ios|iphone)\b.*android|android.*\b(?:ios|iphone)\b/;

/** The platform of a text such as `iOS/iPadOS`, `Android (fully managed)` or `iOS 26.1 23B85`; null = not known. */
export function platformOf(text: string | null): string | null {
  if (text === null) return null;
  // `APPLE_IOS`, as interfaces write constants.
  const lower = text.toLowerCase().replaceAll('_', ' ');
  if (TWO_SYSTEMS.test(lower)) return null;
  return PLATFORMS.find(([form]) => form.test(lower))?.[1] ?? null;
}

/** A version: `17.4.1`. */
const NUMBERS = String.raw`\d{1,9}(?:\.\d{1,9}){0,5}`;
/** Names of systems that stand in front of a version. A device (`iPhone 15`), a month or a place has none of them. */
const SYSTEMS = String.raw`(?:i(?:pad)?os|ipad os|iphone os|mac ?os(?: x)?|os ?x|tvos|watchos|visionos|android|windows(?: phone| mobile| server)?|chrome ?os|harmony ?os|linux|ubuntu|debian|red ?hat|fedora|tizen|blackberry(?: os)?|symbian)`;

/** A version behind the name of a system, which may have more words: `macOS Sonoma 14.4`, `Android (AOSP) 13`. */
const BEHIND_SYSTEM = new RegExp(
  String.raw`(?:^|[^\p{L}\p{N}])${SYSTEMS}(?:[ _/:(-][\p{L} /()_:-]{0,40})?[ _/:(-]?v?(${NUMBERS})(?![\p{L}\p{N}]|[.,:/-][\p{L}\p{N}])`,
  'iu',
);
/** A version alone, with a build or an edition behind it: `v17.4.1 (21E236)`, `26.1 23B85`, `11 Pro`. What else is behind it may be a month. */
const ALONE = new RegExp(
  String.raw`^(?:[Vv]|[Vv]ersion |OS )?(${NUMBERS})(?:$| ?\(| (?:\d+[A-Za-z]+\d|[A-Z]{1,4}\d|(?:[Bb]eta|RC|[Bb]uild|[Pp]atch|Pro|Home|Enterprise|Education|Business|LTSC?|SE)(?![A-Za-z])))`,
);
/** 17.4.1 that a spreadsheet took for a date, 17.04.2001, 17.04.01 or 2017.04.01, or for a number of days since 1900. */
const SPREADSHEET_DATE =
  /^(?:\d{1,2}\.\d{1,2}\.(?:19|20)\d\d|\d\d\.0\d\.\d\d|\d\d\.\d\d\.0\d|(?:19|20)\d\d\.\d{1,2}\.\d{1,2}|[3-9]\d{4}|\d{6,})$/;

/** The version in a text such as `iOS 26.1 23B85`, `Android 14` or `26.1.0`; null = there is none. */
export function versionIn(text: string | null): string | null {
  return osVersionOf(text) ?? null;
}

/**
 * The version in a field that has nothing else, or has it with the name of a system. `undefined` = it is no version, as `17. Apr` or
 * `2017-04-01` of a spreadsheet, or the name of a device.
 */
export function osVersionOf(text: string | null): string | null | undefined {
  if (text === null || UNSURE.has(wordOf(text))) return null;
  const written = text.slice(0, MAX_TEXT);
  const version = (BEHIND_SYSTEM.exec(written) ?? ALONE.exec(written))?.[1];
  if (version !== undefined) return SPREADSHEET_DATE.test(version) ? undefined : version;
  return /\d/.test(written) || platformOf(written) === null ? undefined : null;
}

const COMPANY = new Set(
  names(`
  company corporate c s companyowned corporateowned corporatededicated corporateshared shared dedicated
  institutional institutionallyowned organization cope cobo cosu firma unternehmen unternehmenseigen entreprise 1 empresa corporativo corporativa
  aziendale zakelijk bedrijf företag firmowe firmowy корпоративное 企業 会社 公司 회사 회사소유 기업 virksomhed virksomhedsejet
  firmaejet bedrift bedriftseid firmaeid podnikové podnikový podniková firemní společnost vállalati céges kurumsal şirket
`),
);
const PERSONAL = new Set(
  names(`
  personal employee e employeeowned personallyowned userowned personaldeviceprofile userenrollment
  accountdrivenuserenrollment byod private persönlich privat personnel 2
  personale persoonlijk personlig osobiste osobisty pessoal личное 個人 个人 개인 개인용 개인소유 personligt personligtejet
  personligeid osobní soukromé személyes saját magán kişisel
`),
);

/** Who owns a device. Numbers are Intune's ownerType. */
export function ownershipOf(text: string | null): Ownership {
  const word = wordOf(text ?? '');
  if (COMPANY.has(word)) return 'company';
  if (PERSONAL.has(word)) return 'personal';
  // `Personal (User Enrollment)`, `Corporate-owned, fully managed`, `Personally-owned work profile`.
  const front = text?.slice(0, MAX_TEXT).replace(BEHIND_OWNERSHIP, '') ?? '';
  return front === text || front === '' ? 'unknown' : ownershipOf(front);
}

/** How the device is managed, behind who owns it. */
const BEHIND_OWNERSHIP =
  /(?:[,(]| with | - ).*$|[ _-](?:work[ _-]profile|fully[ _-]managed|managed|dedicated|devices?)$/i;

/** What manufacturers and managements write instead of a serial number. */
const NO_SERIAL = new Set(
  names(`
  0 none unknown notavailable notapplicable defaultstring systemserialnumber serialnumber tobefilledbyoem invalid
  parallels x
`),
);

/** A serial number; null = none. */
export function serialOf(text: string | null): string | null {
  if (text === null || text.includes('*') || /^0+$/.test(text)) return null;
  return NO_SERIAL.has(wordOf(text)) || !/^[\w .:/-]{1,64}$/.test(text) ? null : text;
}

/** A UDID or another id of a device; null = none, or the one without a value. */
export function udidOf(text: string | null): string | null {
  if (text === null || !/^[0-9A-Za-z-]{8,64}$/.test(text)) return null;
  return /^[0-]+$/.test(text) ? null : text;
}

/** The digits of an IMEI (3GPP TS 23.003 6.2.1): 14, a check digit, or two digits of the software; null = none. */
export function imeiOf(text: string | null): string | null {
  if (text === null || !/^[\d /.-]{14,24}$/.test(text)) return null;
  const digits = text.replaceAll(/\D/g, '');
  return digits.length < 14 || digits.length > 16 || /^0+$/.test(digits) ? null : digits;
}

/** A GUID or another id that names something; null = none, the one that is all zeros, or words as those of a row of totals. */
export function guidOf(text: string | null): string | null {
  return text === null || /^[{]?[0-]+[}]?$|[\s:]/.test(text) ? null : text;
}

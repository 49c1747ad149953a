// Owns how ids of devices and names of users in files become the keys that the gateway uses. Pure.
import { deviceKey } from '../identity/device.ts';
import { isUserError, userKey } from '../identity/user.ts';
import { wordOf } from './row.ts';
import { names } from './word-lists.ts';

/** What stands for an Exchange ActiveSync id where there is none. */
const NO_ID = new Set(['0', 'none', 'unknown', 'null', 'na', 'notavailable', 'notapplicable']);

/** Kinds of devices, which other tables have in columns of ids. Taken for ids, they would make all phones of a kind one device. */
const KINDS = new Set([
  'iphone',
  'ipad',
  'ipod',
  'ios',
  'ipados',
  'android',
  'windows',
  'macos',
  'phone',
  'smartphone',
  'tablet',
  'mobile',
]);

/** What stands in a column of ids in a row of totals, or in a header that stands there again. Such a row names no device. */
const NO_DEVICE = new Set(
  names(`
  total totals subtotal grandtotal sum summe gesamt gesamtsumme insgesamt somme totale totaal suma summa count anzahl
  average mittelwert device devices deviceid easid easdeviceid
`),
);

/**
 * Android's mail app asks with this id while an account is set up: it is no device, and every phone shares it.
 * @see https://android.googlesource.com/platform/packages/apps/Exchange (EasAutoDiscover, EasFolderSync: "validate")
 */
const SHARED_ID = 'validate';

/** 1.23457E+31: a spreadsheet took an id for a number, or JSON has a number of more digits than it can hold. */
export function isRoundedNumber(text: string): boolean {
  return /^\d+(?:[.,]\d+)?E\+\d+$/i.test(text);
}

/** An Exchange ActiveSync id of a file. */
export interface EasId {
  /** The device key: one for all spellings. */
  readonly key: string;
  /** As it was written. */
  readonly spelling: string;
}

/** Reads an id: an {@link EasId}, null where there is none, or a text that says why it is not one. */
export function easId(written: string | null): EasId | null | string {
  const id = written?.trim().replace(/^(?:\{(.*)\}|"(.*)")$/, '$1$2') ?? '';
  if (KINDS.has(id.toLowerCase())) return `"${id}" is a kind of device, not a device id`;
  if (NO_DEVICE.has(id.toLowerCase()))
    return `"${id}" is a word of a header or a row of totals, not a device id`;
  // Dashes, twelve zeros and the like, and the GUID of zeros.
  if (NO_ID.has(id.length > 16 ? id : wordOf(id)) || /^(?:[-–—_./\s]*|0[0-]*)$/.test(id)) return null;
  if (isRoundedNumber(id))
    return 'the device id is a rounded number: a spreadsheet or JSON shortened it; import the file as it was exported, with the id as text';
  if (!/^[A-Za-z0-9]{1,64}$/.test(id))
    return `"${id.slice(0, 70)}" is no device id: it is letters and digits, 64 at most`;
  if (id.toLowerCase() === SHARED_ID) return `"${id}" is the id of Android's account set-up, not of a device`;
  return { key: deviceKey(id), spelling: id };
}

/** The ids in a cell: a device with several mail apps has one for each. Spaces do not separate ids: a damaged id may contain them. */
export function idsIn(cell: string | null): string[] {
  if (cell === null) return [];
  // `1,23E+31` is one number, in the language of a spreadsheet.
  return isRoundedNumber(cell.trim()) ? [cell] : cell.split(/[;,|]/).filter((one) => one.trim() !== '');
}

/** An id of a source or of a directory, which is neither an id of Exchange ActiveSync nor the name of a user. */
export function isGuid(text: string): boolean {
  return /^\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?$/i.test(text);
}

/**
 * The key for the id `Appl` + serial number, which older iPhones use. Exchange ActiveSync transmits no other serial number.
 */
export function idFromSerial(serial: string | null, platform: string | null): string | null {
  if (serial === null || platform !== 'ios' || !/^[A-Za-z0-9]{8,28}$/.test(serial)) return null;
  return deviceKey(`Appl${serial}`);
}

/** What stands for a user where there is none. */
const NO_USER = new Set(['', 'none', 'unknown', 'null', 'na', 'nouser', 'notavailable', 'unassigned']);

/** Ids of accounts and their places in a directory, which no phone signs in with. */
function isAccountNumber(name: string): boolean {
  return !name.includes('@') && (isGuid(name) || SID.test(name) || PATH_IN_DIRECTORY.test(name));
}

/** The number of an account in a directory (MS-DTYP 2.4.2.1), where its name could not be found. */
const SID = /^S-1-\d{1,2}(?:-\d{1,10}){1,15}$/i;

/** A distinguished name (RFC 4514), `CN=Alice,OU=Staff,DC=example,DC=com`. */
const PATH_IN_DIRECTORY = /^(?:cn|uid|ou)=[^,]{1,200},/i;

/** What mail programs write: `Alice Example <alice@example.com>`, `alice@example.com (Alice Example)`. */
const NAMED_ADDRESS = [
  /^[^<>@]*<([^<>@\s]+@[^<>@\s]+)>$/,
  /^[^()@]*\(([^()@\s]+@[^()@\s]+)\)$/,
  /^([^()@\s]+@[^()@\s]+) \([^()@]*\)$/,
];

/** The address that stands beside a display name; any other text as it is. Only for columns whose values no phone chooses. */
export function addressBesideName(written: string | null): string | null {
  if (written === null || !/[<(]/.test(written)) return written;
  return (
    NAMED_ADDRESS.map((form) => form.exec(written.trim())?.[1]).find((one) => one !== undefined) ?? written
  );
}

/** A user name as the gateway's key; null = it is none, as a display name with an odd character. */
export function userName(written: string | null): string | null {
  if (written === null) return null;
  const name = written
    .trim()
    .replace(/^(?:smtp|mailto):/i, '')
    // Claims of SharePoint: `i:0#.f|membership|alice@example.com`.
    .replace(/^(?:i:0[#.a-z]{0,4}\|)?membership\|/i, '');
  if (NO_USER.has(wordOf(name)) || isAccountNumber(name)) return null;
  const key = userKey(name);
  return isUserError(key) ? null : key;
}

/** An address or UPN as the gateway's key; null = it is none. */
export function addressName(written: string | null): string | null {
  const name = userName(written);
  return name === null || !/^[^@\s\\]+@[^@\s\\]+$/.test(name) ? null : name;
}

/** The SMTP addresses among proxyAddresses; `SMTP:` is the primary one. X400:, SIP:, EUM: and the like are no logins. */
export function smtpAddresses(proxies: readonly string[]): string[] {
  return (
    proxies
      // The Microsoft 365 admin centre joins them by +, which an address may have too.
      .flatMap((proxy) => proxy.split(/\+(?=[a-z0-9]{2,6}:)/i))
      .filter((proxy) => /^smtp:/i.test(proxy))
      .map(addressName)
      .filter((name) => name !== null)
  );
}

/** Names without repetition and without null. */
export function distinct(names: readonly (string | null)[]): string[] {
  return [...new Set(names.filter((name) => name !== null))];
}

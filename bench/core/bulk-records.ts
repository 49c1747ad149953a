// Owns the records of a bulk in the form of each source: made one by one from a number, so that no list of them is ever in memory. All values of a
// record follow from its number: a second run brings the same ones.

/** The oldest check-in; the others follow, a second each. */
const FIRST_CHECK_IN = Date.parse('2026-03-02T08:00:00Z');
const GRAPH_ID = '0d0e0f00-1111-4aaa-8bbb-';

function padded(index: number, length: number): string {
  return String(index).padStart(length, '0');
}

/** Id of a device for Exchange ActiveSync. */
export function deviceId(index: number): string {
  return `A1B2C3D4E5F6G7H8I${padded(index, 9)}`;
}

/** When a device was in contact with its device management last. */
export function checkIn(index: number): Date {
  return new Date(FIRST_CHECK_IN + index * 1_000);
}

/** The first device that was in contact then or later. */
export function firstSince(time: number): number {
  return Math.max(0, Math.ceil((time - FIRST_CHECK_IN) / 1_000));
}

function owner(index: number): string {
  return `user${padded(index, 7)}@example.com`;
}

/** A record with the fields of easgate. */
export function ownRecord(index: number): Readonly<Record<string, unknown>> {
  return {
    id: deviceId(index),
    managed: true,
    compliant: true,
    platform: 'ios',
    osVersion: '17.4.1',
    model: 'iPhone 14',
    owner: owner(index),
    serialNumber: `SN${padded(index, 9)}`,
    lastCheckIn: checkIn(index).toISOString(),
  };
}

/** A managed device of Graph. */
export function graphRecord(index: number): Readonly<Record<string, unknown>> {
  return {
    id: `${GRAPH_ID}${padded(index, 12)}`,
    deviceName: `iPhone ${index}`,
    easDeviceId: deviceId(index),
    easActivated: true,
    userPrincipalName: owner(index),
    emailAddress: owner(index),
    complianceState: 'compliant',
    isEncrypted: true,
    jailBroken: 'False',
    operatingSystem: 'iOS',
    osVersion: '17.4.1',
    model: 'iPhone 14',
    manufacturer: 'Apple',
    serialNumber: `SN${padded(index, 9)}`,
    managementAgent: 'mdm',
    deviceRegistrationState: 'registered',
    managedDeviceOwnerType: 'company',
    lastSyncDateTime: checkIn(index).toISOString(),
    enrolledDateTime: '2026-03-01T08:11:45Z',
    isSupervised: true,
  };
}

/** A user of Entra, as the list of changes has it. */
export function entraUser(index: number): Readonly<Record<string, unknown>> {
  const number = padded(index, 7);
  return {
    id: `${GRAPH_ID}${padded(index, 12)}`,
    userPrincipalName: owner(index),
    mail: owner(index),
    proxyAddresses: [`SMTP:${owner(index)}`, `smtp:u${number}@mail.example.com`],
    accountEnabled: true,
    displayName: `User ${number}`,
    department: 'Surgery',
    employeeType: 'doctor',
    onPremisesSamAccountName: `user${number}`,
    onPremisesDomainName: 'example.com',
  };
}

/** A file: its first line, and the line of each record. */
export interface FileForm {
  readonly header: string;
  readonly line: (index: number) => string;
}

/** A table with the fields of easgate. */
export const ownTable: FileForm = {
  header: Object.keys(ownRecord(0)).join(','),
  line: (index) => Object.values(ownRecord(index)).join(','),
};

/** An export of the device list of Intune. */
export const intuneTable: FileForm = {
  header:
    'Device ID,Device name,Enrollment date,Last check-in,Microsoft Entra Device ID,OS version,EAS activation ID,Serial number,Manufacturer,Model,EAS activated,IMEI,Last EAS sync time,EAS status,Compliance grace period expiration,Primary user UPN,Primary user email address,Compliance,Managed by,Ownership,Device state,Intune registered,Supervised,Encrypted,OS,Jailbroken',
  line: (index) => {
    const time = `${checkIn(index).toISOString().slice(0, 19).replace('T', ' ')}.0000000`;
    const number = padded(index, 12);
    return `${GRAPH_ID}${number},iPhone ${index},2026-03-01 08:11:45.0000000,${time},0d0e0f00-2222-4aaa-8bbb-${number},17.4.1,${deviceId(index)},SN${padded(index, 9)},Apple,iPhone 14,True,35${padded(index, 13)},${time},Allowed,9999-12-31 23:59:59.9999999,${owner(index)},${owner(index)},Compliant,Intune,Corporate,Managed,True,True,True,iOS/iPadOS,False`;
  },
};

/** What Get-MobileDeviceStatistics writes; the user stands beside it, as docs/guide/import.md has it. */
export const exchangeTable: FileForm = {
  header:
    '"DeviceID","DeviceType","DeviceModel","DeviceOS","DeviceImei","DeviceUserAgent","DeviceAccessState","DeviceAccessStateReason","UserPrincipalName","LastSuccessSync"',
  line: (index) =>
    `"${deviceId(index)}","iPhone","iPhone14C7","iOS 17.4.1 21E236","35${padded(index, 13)}","Apple-iPhone14C7/2105.236","Allowed","Global","${owner(index)}","${checkIn(index).toISOString()}"`,
};

/** The entry of a user in LDIF, below a suffix. */
export function ldifUser(index: number, suffix: string): string {
  const name = `user${padded(index, 7)}`;
  return `dn: uid=${name},ou=people,${suffix}\nobjectClass: inetOrgPerson\nuid: ${name}\ncn: ${name}\nsn: ${name}\nmail: ${owner(index)}\nemployeeType: doctor\n\n`;
}

/** Numbers in parts: the first one of each, and the one after its last. */
export function* partsOf(count: number, size: number): Generator<readonly [number, number]> {
  for (let from = 0; from < count; from += size) yield [from, Math.min(from + size, count)];
}

/** What `form` makes of the numbers from `from` to the one before `to`. */
export function rangeOf<One>(from: number, to: number, form: (index: number) => One): One[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, place) => form(from + place));
}

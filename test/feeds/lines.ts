// Owns lines of feeds for tests.
import { deviceKey } from '../../src/identity/device.ts';
import type { DeviceLine } from '../../src/feeds/record.ts';

/** A managed, compliant iPhone; `id` null = the source has no Exchange ActiveSync id of it. */
export function deviceLine(id: string | null, more: Partial<DeviceLine> = {}): DeviceLine {
  return {
    type: 'device',
    line: 1,
    source: 'mdm',
    id: id === null ? null : deviceKey(id),
    spelling: id,
    otherIds: [],
    idFromSerial: null,
    sourceId: null,
    serialNumber: null,
    udid: null,
    imei: null,
    managed: true,
    removed: false,
    compliant: true,
    graceUntil: null,
    encrypted: null,
    compromised: null,
    managedMailProfile: null,
    platform: 'ios',
    osVersion: null,
    os: null,
    model: null,
    manufacturer: null,
    ownership: 'unknown',
    owner: null,
    ownerNames: [],
    lastCheckIn: null,
    unmetRequirements: [],
    attributes: {},
    observedAt: null,
    problems: [],
    ...more,
  };
}

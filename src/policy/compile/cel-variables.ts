// Owns the facts as the variables of CEL expressions.
import type { Attributes, DeviceFacts, PartnershipFacts, Text, ToldFacts } from '../engine/facts.ts';
import type { Scene } from './scene.ts';

/** The facts as variables; unknown values are absent, so that reading one fails. */
export function variablesOf(scene: Scene): object {
  const { user, device, partnership, request } = scene.facts;
  return {
    now: new Date(scene.now),
    user: present({
      names: user.names.length === 0 ? null : user.names.map(({ as }) => as),
      groups: user.groups?.map(({ as }) => as),
      enabled: user.enabled,
      attributes: attributesOf(user.attributes),
    }),
    device: device === null ? { unmetSince: {}, attributes: {} } : deviceOf(device, scene.compliant),
    partnership: partnership === null ? { told: {} } : partnershipOf(partnership),
    request: present({
      userAgent: request.userAgent?.as,
      protocolVersion: request.protocolVersion?.as,
      address: request.addressText,
      command: request.command?.as,
      auth: request.auth?.as,
      certificateIssuer: request.certificateIssuer?.as,
    }),
  };
}

function deviceOf(device: DeviceFacts, compliant: boolean | null): object {
  const { unmetSince } = device;
  return present({
    managed: device.managed,
    compliant,
    encrypted: device.encrypted,
    compromised: device.compromised,
    managedMailProfile: device.managedMailProfile,
    ...toldOf(device),
    ownership: textOf(device.ownership),
    lastCheckIn: dateOf(device.lastCheckIn),
    graceUntil: dateOf(device.graceUntil),
    reportedSince: dateOf(device.reportedSince),
    unmetSince: present({
      compliant: dateOf(unmetSince.compliant),
      encrypted: dateOf(unmetSince.encrypted),
      compromised: dateOf(unmetSince.compromised),
      managedMailProfile: dateOf(unmetSince.managedMailProfile),
    }),
    attributes: attributesOf(device.attributes),
  });
}

function partnershipOf(partnership: PartnershipFacts): object {
  return present({
    deviceId: textOf(partnership.deviceId),
    deviceType: textOf(partnership.deviceType),
    told: present(toldOf(partnership.told)),
    firstSeen: dateOf(partnership.firstSeen),
    lastAllowed: dateOf(partnership.lastAllowed),
    rank: integerOf(partnership.rank),
    devicesOfUser: integerOf(partnership.devicesOfUser),
    usersOnDevice: integerOf(partnership.usersOnDevice),
    userAgentChanges: integerOf(partnership.userAgentChanges),
  });
}

function toldOf(told: ToldFacts): Record<string, unknown> {
  return {
    platform: textOf(told.platform),
    osVersion: textOf(told.osVersion),
    os: textOf(told.os),
    model: textOf(told.model),
    manufacturer: textOf(told.manufacturer),
  };
}

function attributesOf(attributes: Attributes): object {
  const values = new Map<string, unknown>();
  for (const [name, { value }] of attributes)
    values.set(name, typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value);
  return values;
}

function textOf(text: Text | null): string | null {
  return text?.as ?? null;
}

function dateOf(time: number | null): Date | null {
  return time === null ? null : new Date(time);
}

function integerOf(number: number | null): bigint | null {
  return number === null || !Number.isSafeInteger(number) ? null : BigInt(number);
}

/** Without what is unknown. */
function present(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== null && value !== undefined),
  );
}

// Owns the facts as CEL variables, each created on first use.
import type { Attributes, ToldFacts } from '../engine/facts.ts';
import { celObject } from './cel-environment.ts';
import type { CelFields } from './cel-environment.ts';
import type { Scene } from './scene.ts';

/** The variables of one evaluation. Unknown values are undefined, so that reading one fails. */
export class CelVariables {
  readonly #scene: Scene;
  #user: object | null = null;
  #device: object | null = null;
  #partnership: object | null = null;
  #request: object | null = null;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  get now(): Date {
    return new Date(this.#scene.now);
  }

  get user(): object {
    const { user } = this.#scene.facts;
    this.#user ??= celObject('User', {
      names: user.names.length === 0 ? undefined : user.names.map(({ as }) => as),
      groups: user.groups?.map(({ as }) => as),
      enabled: user.enabled ?? undefined,
      attributes: attributesOf(user.attributes),
    });
    return this.#user;
  }

  get device(): object {
    this.#device ??= deviceOf(this.#scene);
    return this.#device;
  }

  get partnership(): object {
    const { partnership } = this.#scene.facts;
    this.#partnership ??= celObject('Partnership', {
      deviceId: partnership?.deviceId?.as,
      deviceType: partnership?.deviceType?.as,
      told: celObject('Told', toldOf(partnership?.told)),
      firstSeen: dateOf(partnership?.firstSeen),
      lastAllowed: dateOf(partnership?.lastAllowed),
      rank: integerOf(partnership?.rank),
      devicesOfUser: integerOf(partnership?.devicesOfUser),
      usersOnDevice: integerOf(partnership?.usersOnDevice),
      userAgentChanges: integerOf(partnership?.userAgentChanges),
    });
    return this.#partnership;
  }

  get request(): object {
    const { request } = this.#scene.facts;
    this.#request ??= celObject('Request', {
      userAgent: request.userAgent?.as,
      protocolVersion: request.protocolVersion?.as,
      address: request.addressText ?? undefined,
      command: request.command?.as,
      auth: request.auth?.as,
      certificateIssuer: request.certificateIssuer?.as,
    });
    return this.#request;
  }
}

function deviceOf(scene: Scene): object {
  const { device } = scene.facts;
  const since = device?.unmetSince;
  return celObject('Device', {
    managed: device?.managed ?? undefined,
    compliant: scene.compliant ?? undefined,
    encrypted: device?.encrypted ?? undefined,
    compromised: device?.compromised ?? undefined,
    managedMailProfile: device?.managedMailProfile ?? undefined,
    ...toldOf(device),
    ownership: device?.ownership?.as,
    lastCheckIn: dateOf(device?.lastCheckIn),
    graceUntil: dateOf(device?.graceUntil),
    reportedSince: dateOf(device?.reportedSince),
    unmetSince: celObject('UnmetSince', {
      compliant: dateOf(since?.compliant),
      encrypted: dateOf(since?.encrypted),
      compromised: dateOf(since?.compromised),
      managedMailProfile: dateOf(since?.managedMailProfile),
    }),
    attributes: attributesOf(device?.attributes ?? new Map()),
  });
}

function toldOf(told: ToldFacts | null | undefined): CelFields<'Told'> {
  return {
    platform: told?.platform?.as,
    osVersion: told?.osVersion?.as,
    os: told?.os?.as,
    model: told?.model?.as,
    manufacturer: told?.manufacturer?.as,
  };
}

function attributesOf(attributes: Attributes): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [name, { value }] of attributes)
    values.set(name, typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value);
  return values;
}

function dateOf(time: number | null | undefined): Date | undefined {
  return time === null || time === undefined ? undefined : new Date(time);
}

function integerOf(number: number | null | undefined): bigint | undefined {
  return number === null || number === undefined || !Number.isSafeInteger(number)
    ? undefined
    : BigInt(number);
}

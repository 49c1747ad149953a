// Owns the sample phone's Provision exchange: the two phases of a policy, and the order to wipe (MS-ASPROV 3.1.5.1).
import { child, textOf } from '../../eas/wbxml/element.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import type { FamilyRules } from './families.ts';
import { provisionAcknowledgement, provisionRequest, wipeAcknowledgement, wipeQuestion } from './requests.ts';
import type { PhoneAnswer } from './transport.ts';

/** The result; `refused` = the server did not report success, and the phone has reacted. */
export type ProvisionOutcome =
  | 'provisioned'
  | 'refused'
  | 'wrongKey'
  | 'RemoteWipe'
  | 'AccountOnlyRemoteWipe'
  | 'notWiped';

/** The device to provision. */
export interface ProvisionedDevice {
  readonly version: string;
  readonly rules: FamilyRules;
  /** The server announced a wipe: ask for the order instead of a policy. */
  readonly wiping: boolean;
  readonly canWipe: boolean;
  setPolicyKey(key: string): void;
}

type Question = (body: WbxmlElement) => Promise<PhoneAnswer | null>;

/** Most reports of a failed wipe, which the server orders again (MS-ASPROV 3.2.5.1.2.2). */
const MAX_WIPE_REPORTS = 2;
/** MS-ASPROV 2.2.2.54.1. */
const WRONG_KEY = '5';

/** `ask` resolves only on success and reacts to all other answers; `tell` ignores the answer. */
export async function provisionDevice(
  device: ProvisionedDevice,
  ask: Question,
  tell: (body: WbxmlElement) => Promise<void>,
): Promise<ProvisionOutcome> {
  const { version, rules } = device;
  if (!device.wiping) device.setPolicyKey('0');
  const first = await ask(device.wiping ? wipeQuestion() : provisionRequest(version, rules));
  if (first === null) return 'refused';
  const order = wipeOrder(first);
  if (order !== null) return reportWipe(order, device.canWipe, tell);
  // The wipe was cancelled, or the server has no policy for this user.
  const temporary = textOf(child(policyOf(first), 'PolicyKey'));
  if (temporary === undefined) return 'provisioned';
  device.setPolicyKey(temporary);
  const second = await ask(provisionAcknowledgement(version, temporary));
  if (second === null) return 'refused';
  if (textOf(child(policyOf(second), 'Status')) === WRONG_KEY) return 'wrongKey';
  device.setPolicyKey(textOf(child(policyOf(second), 'PolicyKey')) ?? temporary);
  return 'provisioned';
}

async function reportWipe(
  order: 'RemoteWipe' | 'AccountOnlyRemoteWipe',
  canWipe: boolean,
  tell: (body: WbxmlElement) => Promise<void>,
): Promise<ProvisionOutcome> {
  for (let report = 0; report < (canWipe ? 1 : MAX_WIPE_REPORTS); report++)
    await tell(wipeAcknowledgement(order, canWipe));
  return canWipe ? order : 'notWiped';
}

function policyOf({ root }: PhoneAnswer): WbxmlElement | undefined {
  return child(child(root ?? undefined, 'Policies'), 'Policy');
}

function wipeOrder({ root }: PhoneAnswer): 'RemoteWipe' | 'AccountOnlyRemoteWipe' | null {
  if (child(root ?? undefined, 'RemoteWipe') !== undefined) return 'RemoteWipe';
  return child(root ?? undefined, 'AccountOnlyRemoteWipe') === undefined ? null : 'AccountOnlyRemoteWipe';
}

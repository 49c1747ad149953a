// Owns Settings (MS-ASCMD 2.2.1.18) and Provision (MS-ASPROV 3.2.5.1) as answered by the gateway, and reads the device
// information in both. Pure.
import { child, element, textOf } from '../eas/wbxml/element.ts';
import type { WbxmlContent, WbxmlElement } from '../eas/wbxml/element.ts';
import { body, isBefore, node } from './mailbox-types.ts';
import type { FinalAnswer, MailboxAnswer, MailboxRequest } from './mailbox-types.ts';
import { isDescription } from './passable.ts';
import { plain } from '../plain-text.ts';

const MAX_DETAIL = 256;

/**
 * A phone's description of itself (MS-ASCMD 2.2.3.45), unverified. At most 256 characters each; null = missing or
 * empty.
 */
export interface DeviceInformation {
  readonly model: string | null;
  readonly imei: string | null;
  readonly friendlyName: string | null;
  readonly os: string | null;
  readonly osLanguage: string | null;
  readonly phoneNumber: string | null;
  readonly userAgent: string | null;
  readonly mobileOperator: string | null;
}

/** The DeviceInformation of a Settings or Provision request; null = it has none. */
export function deviceInformationOf(request: WbxmlElement | null): DeviceInformation | null {
  if (request === null || (request.name !== 'Settings' && request.name !== 'Provision')) return null;
  const set = child(child(request, 'DeviceInformation'), 'Set');
  if (set === undefined) return null;
  const detail = (name: string): string | null => {
    const text = plain(textOf(child(set, name)) ?? '', MAX_DETAIL).trim();
    return text === '' ? null : text;
  };
  return {
    model: detail('Model'),
    imei: detail('IMEI'),
    friendlyName: detail('FriendlyName'),
    os: detail('OS'),
    osLanguage: detail('OSLanguage'),
    phoneNumber: detail('PhoneNumber'),
    userAgent: detail('UserAgent'),
    mobileOperator: detail('MobileOperator'),
  };
}

/** MS-ASCMD 2.2.3.177.15. */
const SETTING = { ok: 1, malformed: 2, invalid: 5, denied: 7 } as const;

const PARTS: Readonly<Record<string, (part: WbxmlElement, version: string) => WbxmlElement>> = {
  Oof: oof,
  DeviceInformation: deviceInformation,
  DevicePassword: devicePassword,
  UserInformation: userInformation,
  RightsManagementInformation: rightsManagement,
};

/** Settings: accepts the phone's description and returns no data. */
export function settings({ body: request, version }: MailboxRequest): MailboxAnswer {
  const answers = Object.entries(PARTS).flatMap(([name, answer]) => {
    const part = child(request ?? undefined, name);
    return part === undefined ? [] : [answer(part, version)];
  });
  const status = setting(answers.length === 0 ? SETTING.malformed : SETTING.ok);
  return body(element('Settings', 'Settings', status, ...answers));
}

function setting(status: number): WbxmlElement {
  return node('Settings', 'Status', status);
}

/** Reading reports that no absence note is set; setting one fails, because nobody would send it. */
function oof(part: WbxmlElement): WbxmlElement {
  if (child(part, 'Get') === undefined) {
    const status = child(part, 'Set') === undefined ? SETTING.malformed : SETTING.invalid;
    return element('Settings', 'Oof', setting(status));
  }
  const get = element('Settings', 'Get', node('Settings', 'OofState', 0));
  return element('Settings', 'Oof', setting(SETTING.ok), get);
}

function deviceInformation(part: WbxmlElement): WbxmlElement {
  return element(
    'Settings',
    'DeviceInformation',
    setting(isDescription(part) ? SETTING.ok : SETTING.malformed),
  );
}

/** The recovery password is not stored, and the answer says so. */
function devicePassword(): WbxmlElement {
  return element('Settings', 'DevicePassword', setting(SETTING.denied));
}

/** Contains no addresses, so that the phone keeps the one its user entered; from 14.1 on inside an account. */
function userInformation(part: WbxmlElement, version: string): WbxmlElement {
  if (child(part, 'Get') === undefined) {
    return element('Settings', 'UserInformation', setting(SETTING.malformed));
  }
  const addresses = element('Settings', 'EmailAddresses');
  const told = isBefore(version, 14.1)
    ? addresses
    : element('Settings', 'Accounts', element('Settings', 'Account', addresses));
  const get = element('Settings', 'Get', told);
  return element('Settings', 'UserInformation', setting(SETTING.ok), get);
}

/** An empty list of rights templates (MS-ASRM). */
function rightsManagement(part: WbxmlElement): WbxmlElement {
  const templates = element('RightsManagement', 'RightsManagementTemplates');
  const status = child(part, 'Get') === undefined ? SETTING.malformed : SETTING.ok;
  const get = element('Settings', 'Get', templates);
  return element('Settings', 'RightsManagementInformation', setting(status), get);
}

/** MS-ASPROV 2.2.2.54.2 (Provision). */
const PROVISION = { ok: 1, malformed: 2 } as const;
/** MS-ASPROV 2.2.2.54.1 (Policy). */
const POLICY = { ok: 1, unknownType: 3, wrongKey: 5 } as const;

/** Answer to a Provision with unexpected elements. */
export const PROVISION_MALFORMED: FinalAnswer = body(
  element('Provision', 'Provision', node('Provision', 'Status', PROVISION.malformed)),
);

/** Policies without requirements, by type. */
const POLICIES: ReadonlyMap<string, WbxmlContent> = new Map<string, WbxmlContent>([
  [
    'MS-EAS-Provisioning-WBXML',
    element('Provision', 'EASProvisionDoc', node('Provision', 'DevicePasswordEnabled', 0)),
  ],
  [
    // 2.5: an XML document as text. Security policy 4131 is about the password; 1 = none required.
    'MS-WAP-Provisioning-XML',
    '<wap-provisioningdoc><characteristic type="SecurityPolicy">' +
      '<parm name="4131" value="1"/></characteristic></wap-provisioningdoc>',
  ],
]);

/**
 * Provision: issues a policy without requirements. The first phase issues a temporary key, which the second phase
 * exchanges for the final one. Both keys are constant per phone.
 */
export function provision({ body: request, version, keys }: MailboxRequest): MailboxAnswer {
  const root = request ?? undefined;
  const told = child(root, 'DeviceInformation');
  const policy = child(child(root, 'Policies'), 'Policy');
  // A status about a wipe that was cancelled.
  const wiped = child(root, 'RemoteWipe') ?? child(root, 'AccountOnlyRemoteWipe');
  const answered = policy !== undefined || told !== undefined || wiped !== undefined;
  return body(
    element(
      'Provision',
      'Provision',
      // Versions before 14.1 have no DeviceInformation here (MS-ASPROV 2.2.2.53).
      ...(told === undefined || isBefore(version, 14.1) ? [] : [deviceInformation(told)]),
      node('Provision', 'Status', answered ? PROVISION.ok : PROVISION.malformed),
      ...(policy === undefined ? [] : [element('Provision', 'Policies', policyAnswer(policy, keys))]),
    ),
  );
}

function policyAnswer(policy: WbxmlElement, keys: MailboxRequest['keys']): WbxmlElement {
  const type = plain(textOf(child(policy, 'PolicyType')) ?? '', MAX_DETAIL);
  const document = POLICIES.get(type);
  const answer = (status: number, ...more: WbxmlElement[]): WbxmlElement =>
    element(
      'Provision',
      'Policy',
      node('Provision', 'PolicyType', type),
      node('Provision', 'Status', status),
      ...more,
    );
  if (document === undefined) return answer(POLICY.unknownType);
  const temporary = keys.policyKey('temporary');
  const key = textOf(child(policy, 'PolicyKey'));
  // An acknowledgement has key and status; 0 stands for "no key" (MS-ASPROV 2.2.2.42).
  const acknowledges = child(policy, 'Status') !== undefined || (key !== undefined && key !== '0');
  if (!acknowledges) {
    const data = element('Provision', 'Data', document);
    return answer(POLICY.ok, node('Provision', 'PolicyKey', temporary), data);
  }
  if (key !== String(temporary)) return answer(POLICY.wrongKey);
  // Every status of the phone is accepted: the policy has no requirements.
  return answer(POLICY.ok, node('Provision', 'PolicyKey', keys.policyKey('final')));
}

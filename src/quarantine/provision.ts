// Owns Settings (MS-ASCMD 2.2.1.18) and Provision (MS-ASPROV 3.2.5.1) where the gateway answers them itself, and what a
// phone tells of itself in either. Pure.
import { child, element, textOf } from '../eas/wbxml/element.ts';
import type { WbxmlContent, WbxmlElement } from '../eas/wbxml/element.ts';
import { body, isBefore, node } from './model.ts';
import type { FinalAnswer, MailboxAnswer, MailboxRequest } from './model.ts';
import { isDescription } from './passable.ts';
import { plain } from '../plain-text.ts';

const MAX_DETAIL = 256;

/** What a phone says of itself (MS-ASCMD 2.2.3.45): claims. At most 256 characters each; null = not said, or empty. */
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

/** Settings: takes the phone's description, and has nothing to tell. */
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

/** Reading says that no absence note is set; setting one fails, for nobody would send it. */
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

/** The recovery password of a phone is none of the gateway's business: it is not kept, and the phone is told so. */
function devicePassword(): WbxmlElement {
  return element('Settings', 'DevicePassword', setting(SETTING.denied));
}

/** Without addresses, so that the phone goes on with the one its user has typed in; from 14.1 on within an account. */
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

/** No templates; a list may be empty (MS-ASRM). */
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

/** A Provision that has more in it than Provision may have. */
export const PROVISION_MALFORMED: FinalAnswer = body(
  element('Provision', 'Provision', node('Provision', 'Status', PROVISION.malformed)),
);

/** Policies that ask for nothing, by type. */
const POLICIES: ReadonlyMap<string, WbxmlContent> = new Map<string, WbxmlContent>([
  [
    'MS-EAS-Provisioning-WBXML',
    element('Provision', 'EASProvisionDoc', node('Provision', 'DevicePasswordEnabled', 0)),
  ],
  [
    // 2.5: an XML document as text. Security policy 4131 is about a password; 1 = none is required.
    'MS-WAP-Provisioning-XML',
    '<wap-provisioningdoc><characteristic type="SecurityPolicy">' +
      '<parm name="4131" value="1"/></characteristic></wap-provisioningdoc>',
  ],
]);

/**
 * Provision: hands out a policy that asks for nothing. The key of the first phase is only good for the second, whose key
 * is the phone's for all that follows; both are the same whenever the phone asks.
 */
export function provision({ body: request, version, keys }: MailboxRequest): MailboxAnswer {
  const root = request ?? undefined;
  const told = child(root, 'DeviceInformation');
  const policy = child(child(root, 'Policies'), 'Policy');
  // The word of a phone on a wipe that is no longer wanted.
  const wiped = child(root, 'RemoteWipe') ?? child(root, 'AccountOnlyRemoteWipe');
  const answered = policy !== undefined || told !== undefined || wiped !== undefined;
  return body(
    element(
      'Provision',
      'Provision',
      // Older versions have no DeviceInformation here (eas-protocol facts, 4.4).
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
  // An acknowledgement has both key and status; 0 is the key of a phone that has none (MS-ASPROV 2.2.2.42).
  const acknowledges = child(policy, 'Status') !== undefined || (key !== undefined && key !== '0');
  if (!acknowledges) {
    const data = element('Provision', 'Data', document);
    return answer(POLICY.ok, node('Provision', 'PolicyKey', temporary), data);
  }
  if (key !== String(temporary)) return answer(POLICY.wrongKey);
  // Whatever part of nothing the phone has applied.
  return answer(POLICY.ok, node('Provision', 'PolicyKey', keys.policyKey('final')));
}

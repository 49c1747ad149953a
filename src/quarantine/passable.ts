// Owns the grammar of the requests that a quarantined phone may send to the mail server: Provision (MS-ASPROV 3.1.5.1),
// and Settings with DeviceInformation alone (MS-ASCMD 2.2.3.45). Pure.
// Threat: a server answers every element of a body. Settings:UserInformation inside DeviceInformation asks for the
// user's name and addresses.
// Rule: the request is read completely and re-encoded; the mail server gets only what this file wrote.
import { isUtf8 } from 'node:buffer';
import type { Namespace, TagName } from '../eas/wbxml/code-pages.ts';
import { isElement } from '../eas/wbxml/element.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import { plain } from '../plain-text.ts';

/** One element of the grammar: a text that matches, or child elements, each at most once and in any order. */
interface Rule {
  readonly namespace: string;
  readonly name: string;
  readonly text: RegExp | null;
  /** Written in this order. */
  readonly children: readonly Rule[];
  readonly required: boolean;
}

function rule<N extends Namespace>(
  namespace: N,
  name: TagName<N>,
  content: RegExp | readonly Rule[],
  required = false,
): Rule {
  const text = content instanceof RegExp ? content : null;
  return { namespace, name, text, children: content instanceof RegExp ? [] : content, required };
}

/** Longest text that a phone may send about itself, in UTF-16 units. */
const MAX_TEXT = 1024;
const ANY_TEXT = /^/;
/** `MS-EAS-Provisioning-WBXML`, `MS-WAP-Provisioning-XML`, or another type, which the server answers with status 3. */
const POLICY_TYPE = /^[A-Za-z0-9._-]{1,64}$/;
/** A 32-bit number (MS-ASPROV 2.2.2.42); the server answers a wrong one with status 5. */
const POLICY_KEY = /^[0-9]{1,10}$/;
/** Applied completely, partially, not at all, or managed by others (MS-ASPROV 2.2.2.54.1). */
const POLICY_STATUS = /^[1-4]$/;
/** Success, failure (MS-ASPROV 2.2.2.54.3). */
const WIPE_STATUS = /^[12]$/;
const REQUIRED = true;

/** The texts of DeviceInformation (MS-ASCMD 2.2.3.168.2). */
const DEVICE_INFORMATION = rule('Settings', 'DeviceInformation', [
  rule(
    'Settings',
    'Set',
    [
      rule('Settings', 'Model', ANY_TEXT),
      rule('Settings', 'IMEI', ANY_TEXT),
      rule('Settings', 'FriendlyName', ANY_TEXT),
      rule('Settings', 'OS', ANY_TEXT),
      rule('Settings', 'OSLanguage', ANY_TEXT),
      rule('Settings', 'PhoneNumber', ANY_TEXT),
      rule('Settings', 'UserAgent', ANY_TEXT),
      rule('Settings', 'EnableOutboundSMS', ANY_TEXT),
      rule('Settings', 'MobileOperator', ANY_TEXT),
    ],
    REQUIRED,
  ),
]);

/** By command. An empty Provision asks for a wipe order (MS-ASPROV 3.1.5.1.2.1); an empty Settings asks for nothing. */
const REQUESTS = {
  Settings: rule('Settings', 'Settings', [{ ...DEVICE_INFORMATION, required: REQUIRED }]),
  Provision: rule('Provision', 'Provision', [
    DEVICE_INFORMATION,
    rule('Provision', 'Policies', [
      rule(
        'Provision',
        'Policy',
        [
          rule('Provision', 'PolicyType', POLICY_TYPE, REQUIRED),
          rule('Provision', 'PolicyKey', POLICY_KEY),
          rule('Provision', 'Status', POLICY_STATUS),
        ],
        REQUIRED,
      ),
    ]),
    rule('Provision', 'RemoteWipe', [rule('Provision', 'Status', WIPE_STATUS, REQUIRED)]),
    rule('Provision', 'AccountOnlyRemoteWipe', [rule('Provision', 'Status', WIPE_STATUS, REQUIRED)]),
  ]),
} as const;

/** The rewritten request for the mail server; null = it contains something else. */
export function rewritePassable(command: keyof typeof REQUESTS, request: WbxmlElement): WbxmlElement | null {
  return rewrite(request, REQUESTS[command]);
}

/** Whether DeviceInformation describes the device and contains nothing else. */
export function isDescription(told: WbxmlElement): boolean {
  return rewrite(told, DEVICE_INFORMATION) !== null;
}

function rewrite(found: WbxmlElement, expected: Rule): WbxmlElement | null {
  const { namespace, name, text, children } = expected;
  if (found.namespace !== namespace || found.name !== name) return null;
  if (text !== null) {
    const said = textOnly(found);
    if (said === null || !text.test(said)) return null;
    return { namespace, name, children: said === '' ? [] : [said] };
  }
  const written = new Map<Rule, WbxmlElement>();
  for (const content of found.children) {
    if (!isElement(content)) return null;
    const known = children.find((one) => one.namespace === content.namespace && one.name === content.name);
    const anew = known === undefined || written.has(known) ? null : rewrite(content, known);
    if (known === undefined || anew === null) return null;
    written.set(known, anew);
  }
  const inOrder: WbxmlElement[] = [];
  for (const one of children) {
    const anew = written.get(one);
    if (anew !== undefined) inOrder.push(anew);
    else if (one.required) return null;
  }
  return { namespace, name, children: inOrder };
}

/** The text of an element, without control characters; null = it has child elements, is too long or is not UTF-8. */
function textOnly(found: WbxmlElement): string | null {
  let text = '';
  for (const content of found.children) {
    if (typeof content === 'string') text += content;
    else if (Buffer.isBuffer(content) && isUtf8(content)) text += content.toString('utf8');
    else return null;
    if (text.length > MAX_TEXT) return null;
  }
  return plain(text, MAX_TEXT);
}

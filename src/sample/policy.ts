// Owns the policy keys of the sample server: Provision, and the answer to requests without the current key (MS-ASPROV
// 3.2.5).
import type { EasCommand } from '../eas/commands.ts';
import { agreeOnPolicyKey, agreeOnVersion } from '../eas/protocol-version.ts';
import type { EasQuery } from '../eas/query.ts';
import { easStatusReply } from '../eas/replies.ts';
import { carriesStatusInBody } from '../eas/versions.ts';
import type { Namespace, TagName } from '../eas/wbxml/code-pages.ts';
import { child, element, textOf } from '../eas/wbxml/element.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import type { SampleDevice, SampleReply } from './commands.ts';

function node<N extends Namespace>(namespace: N, name: TagName<N>, text: string | number): WbxmlElement {
  return element(namespace, name, String(text));
}

/** Policy of 2.5: an XML document as text; all later ones are elements. */
const XML_TYPE = 'MS-WAP-Provisioning-XML';
const XML_POLICY =
  '<wap-provisioningdoc><characteristic type="SecurityPolicy"><parm name="4131" value="0"/></characteristic>' +
  '</wap-provisioningdoc>';

/** Two phases: a temporary key with the policy, then the acknowledged one (MS-ASPROV 3.1.5.1). */
export function provision(state: SampleDevice, request: WbxmlElement): SampleReply {
  const policy = child(child(request, 'Policies'), 'Policy');
  const acknowledged = textOf(child(policy, 'PolicyKey'));
  if (policy === undefined) return element('Provision', 'Provision', node('Provision', 'Status', 2));
  const type = textOf(child(policy, 'PolicyType')) ?? '';
  const fits = acknowledged === undefined || Number(acknowledged) === state.policyKey;
  if (fits) state.policyKey = 1 + Math.floor(Math.random() * 0x7fff_fffe);
  if (fits && acknowledged !== undefined) state.policyInForce = state.policyKey;
  const answer = [
    node('Provision', 'PolicyType', type),
    node('Provision', 'Status', fits ? 1 : 5),
    node('Provision', 'PolicyKey', state.policyKey),
  ];
  if (acknowledged === undefined) {
    const document =
      type === XML_TYPE
        ? XML_POLICY
        : element('Provision', 'EASProvisionDoc', node('Provision', 'DevicePasswordEnabled', 1));
    answer.push(element('Provision', 'Data', document));
  }
  return element(
    'Provision',
    'Provision',
    node('Provision', 'Status', 1),
    element('Provision', 'Policies', element('Provision', 'Policy', ...answer)),
  );
}

/** An answer instead of the command's: a status in the body, or an HTTP status. */
export type PolicyRefusal = { readonly body: Buffer } | { readonly http: number };

/** Sent without a key: Provision asks for one, and Ping never carries it (MS-ASPROV 3.1.5.1). */
const WITHOUT_KEY: ReadonlySet<EasCommand> = new Set<EasCommand>(['Provision', 'Ping']);
/** MS-ASCMD 2.2.2; 449 stands for both before 14.0. */
const NOT_PROVISIONED = 142;
const INVALID_KEY = 144;
const HTTP_PROVISION = 449;

/** The answer to a request without the current key; null = it has the key, or needs none. */
export function policyRefusal(
  state: SampleDevice,
  query: EasQuery,
  headers: { readonly version: string | null; readonly policyKey: string | null },
): PolicyRefusal | null {
  const command = query.command?.name;
  if (command === undefined || WITHOUT_KEY.has(command)) return null;
  const key = agreeOnPolicyKey(query, headers.policyKey);
  if (state.policyInForce !== 0 && key === state.policyInForce) return null;
  const inBody = carriesStatusInBody(agreeOnVersion(query, headers.version));
  const status = key === null || key === 0 ? NOT_PROVISIONED : INVALID_KEY;
  const body = inBody ? easStatusReply(command, status) : null;
  return body === null ? { http: HTTP_PROVISION } : { body };
}

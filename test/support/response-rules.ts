// Owns what a refusal may look like: the rules of EAS responses as data, and a check of a body against them.
import { expect } from 'vitest';
import { decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import { isElement, textOf } from '../../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../../src/eas/wbxml/element.ts';
import type { RefusedCommand } from '../../src/eas/answers.ts';

interface ElementRule {
  readonly required: readonly string[];
  readonly optional?: readonly string[];
}
const STATUS_ONLY: ElementRule = { required: ['Status'] };
/**
 * Responses by MS-ASCMD 2.2.1 and 2.2.3.177: namespace, and what each element must and may contain, as far as a refusal
 * goes. An element without a rule holds text.
 */
export const RESPONSE_RULES: Readonly<
  Record<string, { namespace: string; rules: Readonly<Record<string, ElementRule>> }>
> = {
  Sync: { namespace: 'AirSync', rules: { Sync: { required: [], optional: ['Status', 'Limit'] } } },
  SendMail: { namespace: 'ComposeMail', rules: { SendMail: STATUS_ONLY } },
  SmartForward: { namespace: 'ComposeMail', rules: { SmartForward: STATUS_ONLY } },
  SmartReply: { namespace: 'ComposeMail', rules: { SmartReply: STATUS_ONLY } },
  FolderSync: { namespace: 'FolderHierarchy', rules: { FolderSync: STATUS_ONLY } },
  FolderCreate: { namespace: 'FolderHierarchy', rules: { FolderCreate: STATUS_ONLY } },
  FolderDelete: { namespace: 'FolderHierarchy', rules: { FolderDelete: STATUS_ONLY } },
  FolderUpdate: { namespace: 'FolderHierarchy', rules: { FolderUpdate: STATUS_ONLY } },
  MoveItems: {
    namespace: 'Move',
    // Response names an item of the request, which a refusal does not read: the status stands above it.
    rules: {
      MoveItems: { required: [], optional: ['Status', 'Response'] },
      Response: { required: ['SrcMsgId', 'Status'] },
    },
  },
  GetItemEstimate: {
    namespace: 'GetItemEstimate',
    rules: { GetItemEstimate: { required: [], optional: ['Status'] } },
  },
  MeetingResponse: {
    namespace: 'MeetingResponse',
    rules: { MeetingResponse: { required: ['Result'] }, Result: STATUS_ONLY },
  },
  Search: {
    namespace: 'Search',
    rules: { Search: { required: [], optional: ['Status', 'Response'] }, Response: { required: ['Store'] } },
  },
  Settings: { namespace: 'Settings', rules: { Settings: STATUS_ONLY } },
  Ping: { namespace: 'Ping', rules: { Ping: STATUS_ONLY } },
  ItemOperations: { namespace: 'ItemOperations', rules: { ItemOperations: STATUS_ONLY } },
  Provision: { namespace: 'Provision', rules: { Provision: STATUS_ONLY } },
  ResolveRecipients: { namespace: 'ResolveRecipients', rules: { ResolveRecipients: STATUS_ONLY } },
  ValidateCert: { namespace: 'ValidateCert', rules: { ValidateCert: STATUS_ONLY } },
  Find: { namespace: 'Find', rules: { Find: STATUS_ONLY } },
};
/** Every text of an element named Status, after the whole document was held against the rules. */
export function statusesByRule(command: RefusedCommand, body: Buffer): string[] {
  const rule = RESPONSE_RULES[command];
  if (rule === undefined) throw new Error(`${command} has no WBXML reply`);
  const root = decodeWbxml(body);
  expect(root.name).toBe(command);
  const found: string[] = [];
  const walk = (node: WbxmlElement): void => {
    expect(node.namespace).toBe(rule.namespace);
    const allowed = rule.rules[node.name];
    if (allowed === undefined) {
      if (node.name === 'Status') found.push(textOf(node) ?? '');
      return;
    }
    const names = node.children.map((content) => (isElement(content) ? content.name : '#text'));
    for (const name of allowed.required) expect(names).toContain(name);
    for (const name of names) expect([...allowed.required, ...(allowed.optional ?? [])]).toContain(name);
    expect(new Set(names).size).toBe(names.length);
    for (const content of node.children) if (isElement(content)) walk(content);
  };
  walk(root);
  return found;
}

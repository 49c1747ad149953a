// Owns the Provision exchange of a remote wipe (MS-ASPROV 3.2.5.1.2): what the phone is told, what its answer means. Pure.
import { element, isElement, textOf } from './wbxml/element.ts';
import type { WbxmlElement } from './wbxml/element.ts';

/** Erase the device, or only what it holds of the account. */
export type WipeKind = 'wipe' | 'accountWipe';

/** How a Provision request of a phone that is to be wiped is answered. */
export interface WipeAnswer {
  readonly reply: WbxmlElement;
  /** `directive`: it is told to wipe; `acknowledged`: it says it does; `failed`: it says it cannot, and is told again. */
  readonly outcome: 'directive' | 'acknowledged' | 'failed';
}

const DIRECTIVES = { wipe: 'RemoteWipe', accountWipe: 'AccountOnlyRemoteWipe' } as const;

function reply(status: string, ...more: WbxmlElement[]): WbxmlElement {
  return element('Provision', 'Provision', element('Provision', 'Status', status), ...more);
}

function answers(kind: WipeKind): Readonly<Record<WipeAnswer['outcome'], WipeAnswer>> {
  const directive = element('Provision', DIRECTIVES[kind]);
  return {
    directive: { outcome: 'directive', reply: reply('1', directive) },
    acknowledged: { outcome: 'acknowledged', reply: reply('1') },
    failed: { outcome: 'failed', reply: reply('2', directive) },
  };
}

const ANSWERS = { wipe: answers('wipe'), accountWipe: answers('accountWipe') };

/**
 * The answer to one Provision request, whatever it asks for: an empty one and one for policies get the directive, and so does
 * an acknowledgement of a directive that was never sent (`told` false, MS-ASPROV 3.2.5.1.2). `body` null = the request had
 * none. Null = the phone cannot be told: only 16.1 knows a wipe of the account alone
 * (MS-ASPROV 2.2.2.1), and an older one must never be led to erase everything; keep it out like a blocked device.
 */
export function answerProvisionDuringWipe(
  body: WbxmlElement | null,
  version: string | null,
  kind: WipeKind,
  told: boolean,
): WipeAnswer | null {
  if (kind === 'accountWipe' && version !== '16.1') return null;
  const { directive, acknowledged, failed } = ANSWERS[kind];
  switch (told ? statusOf(body, DIRECTIVES[kind]) : undefined) {
    case '1':
      return acknowledged;
    case '2':
      return failed;
    default:
      return directive;
  }
}

/** What the phone says of the wipe that was asked for; its word on another kind of wipe says nothing. */
function statusOf(body: WbxmlElement | null, directive: string): string | undefined {
  const wipe = body === null ? undefined : provisionChild(body, directive);
  return wipe === undefined ? undefined : textOf(provisionChild(wipe, 'Status'));
}

function provisionChild(parent: WbxmlElement, name: string): WbxmlElement | undefined {
  for (const content of parent.children) {
    if (isElement(content) && content.namespace === 'Provision' && content.name === name) return content;
  }
  return undefined;
}

// Owns the Provision exchange of a remote wipe (MS-ASPROV 3.2.5.1.2): the directive to the phone, and the reading of
// its acknowledgement. Pure.
import { element, isElement, textOf } from './wbxml/element.ts';
import type { WbxmlElement } from './wbxml/element.ts';

/** Erase the whole device, or only the data of this account. */
export type WipeKind = 'wipe' | 'accountWipe';

/** The answer to a Provision request of a phone with a pending wipe. */
export interface WipeAnswer {
  readonly reply: WbxmlElement;
  /**
   * `directive`: the order was sent; `acknowledged`: the phone confirmed; `failed`: the phone reported a failure, and
   * the order was sent again.
   */
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
 * The answer to one Provision request. An empty request, a request for policies, and an acknowledgement of a directive
 * that was never sent (`told` false) all get the directive (MS-ASPROV 3.2.5.1.2). `body` null = the request had no
 * body. Returns null when the phone does not know the directive: a wipe of the account alone exists from 16.1 on
 * (MS-ASPROV 2.2.2.1). An older phone must not erase everything instead; the caller blocks it.
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

/** The phone's status for the directive that was sent. A status for the other kind of wipe is ignored. */
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

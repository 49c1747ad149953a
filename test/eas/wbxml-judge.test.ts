// Owns the comparison of the WBXML codec with an independent one, wbxml2xml of libwbxml (Debian: libwbxml2-utils).
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODE_PAGES } from '../../src/eas/wbxml/code-pages.ts';
import { decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import type { WbxmlElement } from '../../src/eas/wbxml/element.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { toXml } from '../../src/eas/wbxml/xml.ts';
import { captures } from '../support/fixtures.ts';
import { checkLeaks } from '../support/leaks.ts';
import { WBXML2XML, mayUse } from '../support/programs.ts';

checkLeaks();

const installed = mayUse(WBXML2XML);

/** What the judge makes of a document; empty when it refuses. */
function judged(bytes: Uint8Array): string {
  const { stdout } = spawnSync('wbxml2xml', ['-l', 'ACTIVESYNC', '-m', '0', '-o', '-', '-'], {
    input: bytes,
  });
  return stdout
    .toString()
    .replace(/<\?xml[^>]*>/, '')
    .replace(/<!DOCTYPE[^>]*>/, '')
    .replaceAll('\n', '')
    .trim();
}

/** Tags that libwbxml 0.11 does not have, spells in its own way at the same token, or writes as base64. */
const APART: Readonly<Record<string, readonly string[]>> = {
  Contacts: [
    'AssistantPhoneNumber',
    ...['Business', 'Home', 'Other'].flatMap((kind) =>
      ['City', 'Country', 'PostalCode', 'State', 'Street'].map((part) => `${kind}Address${part}`),
    ),
  ],
  Email: [
    'Att0id',
    'ReplyTo',
    'DtStamp',
    'Type',
    'Until',
    'Occurrences',
    'Interval',
    'DayOfWeek',
    'DayOfMonth',
  ].concat(['WeekOfMonth', 'MonthOfYear', 'Status']),
  Calendar: ['Timezone', 'Email', 'Name', 'CompressedRTF', 'DtStamp', 'Deleted', 'ExceptionStartTime']
    .concat(['OrganizerEmail', 'OrganizerName', 'Type', 'Until', 'Occurrences', 'Interval', 'DayOfWeek'])
    .concat(['DayOfMonth', 'WeekOfMonth', 'MonthOfYear', 'AttendeeStatus', 'AttendeeType', 'Attachment'])
    .concat(['Attachments', 'AttName', 'AttSize', 'AttOid', 'AttMethod', 'AttRemoved', 'DisplayName']),
  MeetingResponse: ['ProposedStartTime', 'ProposedEndTime'],
  Tasks: [
    'UtcDueDate',
    'UtcStartDate',
    'Type',
    'Start',
    'Until',
    'Occurrences',
    'Interval',
    'DayOfMonth',
  ].concat(['DayOfWeek', 'WeekOfMonth', 'MonthOfYear', 'Regenerate', 'DeadOccur']),
  ResolveRecipients: ['Data'],
  Ping: ['Version'],
  Provision: ['RequireStorageCardEncryption', 'AccountOnlyRemoteWipe'],
  Search: ['Stores', 'ConversationId'],
  Gal: ['Data'],
  AirSyncBase: ['Content'],
  Settings: ['SMTPAddress', 'RightsManagementInformation'],
  ItemOperations: ['ConversationId'],
  ComposeMail: ['Type', 'Mime', 'Name', 'Email'],
  Email2: ['ConversationId', 'ConversationIndex'],
  RightsManagement: ['Owner', 'RemoveRightsManagementProtection'],
};

const shared = CODE_PAGES.filter(({ namespace }) => namespace !== 'Find').flatMap(({ namespace, tags }) =>
  Object.values(tags)
    .filter((name) => !(APART[namespace] ?? []).includes(name))
    .map((name) => ({ namespace, name })),
);
const text = fc.stringMatching(/^[A-Za-z0-9äß€<&>.:@/-]{1,20}$/u);
const { tree } = fc.letrec<{ tree: WbxmlElement }>((tie) => ({
  tree: fc
    .tuple(
      fc.constantFrom(...shared),
      fc.oneof({ maxDepth: 5 }, fc.array(text, { maxLength: 1 }), fc.array(tie('tree'), { maxLength: 6 })),
    )
    .map(([tag, children]) => ({ ...tag, children })),
}));

describe.runIf(installed)('wbxml2xml', () => {
  it('reads every generated document as it was meant', () => {
    fc.assert(
      fc.property(tree, (root) => {
        expect(judged(encodeWbxml(root))).toBe(toXml(root));
      }),
      { numRuns: 300 },
    );
  });

  it.each(CODE_PAGES.map(({ namespace }) => namespace).filter((namespace) => namespace !== 'Find'))(
    'knows the tags of %s by the same names',
    (namespace) => {
      const children = shared
        .filter((tag) => tag.namespace === namespace)
        .map((tag) => ({ ...tag, children: ['1'] }));
      expect(children.length).toBeGreaterThan(4);
      const root = { namespace: 'AirSync', name: 'Sync', children };
      expect(judged(encodeWbxml(root))).toBe(toXml(root));
    },
  );

  it('reads the recorded requests alike', () => {
    for (const capture of captures()) {
      for (const { requestBody } of capture.exchanges) {
        const bytes = Buffer.from(requestBody, 'base64');
        // Opaque content is shown in another way.
        if (bytes.length === 0 || bytes.includes(0xc3)) continue;
        expect(judged(bytes)).toBe(toXml(decodeWbxml(bytes)));
      }
    }
  });
});

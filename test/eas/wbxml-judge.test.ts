// Owns the comparison of the WBXML codec with an independent one, wbxml2xml of libwbxml (Debian: libwbxml2-utils).
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODE_PAGES } from '../../src/eas/wbxml/code-pages.ts';
import { decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import { isElement } from '../../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../../src/eas/wbxml/element.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { toXml } from '../../src/eas/wbxml/xml.ts';
import { captures } from '../support/checks/fixtures.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { WBXML2XML, mayUse } from '../support/programs.ts';

checkLeaks();

const installed = mayUse(WBXML2XML);

/** The XML that wbxml2xml writes for a document; empty when it refuses. */
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

/** Tags that libwbxml 0.11.8 reports as unknown. */
const UNKNOWN: Readonly<Record<string, readonly string[]>> = {
  Calendar: [
    'Attachment',
    'Attachments',
    'AttName',
    'AttSize',
    'AttOid',
    'AttMethod',
    'AttRemoved',
    'DisplayName',
  ],
  MeetingResponse: ['ProposedStartTime', 'ProposedEndTime'],
  Ping: ['Version'],
  Provision: ['AccountOnlyRemoteWipe'],
  Search: ['Stores'],
  ComposeMail: ['Type'],
  Find: Object.values(CODE_PAGES.find(({ namespace }) => namespace === 'Find')?.tags ?? {}),
};

const prefixed = (prefix: string, ...names: string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, `${prefix}_${name}`]));
const RECURRENCE = prefixed(
  'Recurrence',
  'Type',
  'Until',
  'Occurrences',
  'Interval',
  'DayOfWeek',
  'DayOfMonth',
);
const LATER_RECURRENCE = prefixed('Recurrence', 'WeekOfMonth', 'MonthOfYear');
const ADDRESSES = ['Business', 'Home', 'Other'].flatMap((kind) =>
  ['City', 'Country', 'PostalCode', 'State', 'Street'].map((part) => [`${kind}Address${part}`, kind + part]),
);

/** Tags that libwbxml names differently, at the same token (libwbxml: encoder). */
const SPELLED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Contacts: { AssistantPhoneNumber: 'AssistantTelephoneNumber', ...Object.fromEntries(ADDRESSES) },
  Email: {
    Att0id: 'AttOId',
    ReplyTo: 'Reply-To',
    DtStamp: 'DTStamp',
    Status: 'FlagStatus',
    ...RECURRENCE,
    ...LATER_RECURRENCE,
  },
  Calendar: {
    Timezone: 'TimeZone',
    CompressedRTF: 'Compressed_RTF',
    DtStamp: 'DTStamp',
    ...prefixed('Attendee', 'Email', 'Name'),
    ...prefixed('Exception', 'Deleted'),
    ExceptionStartTime: 'Exception_StartTime',
    OrganizerEmail: 'Organizer_Email',
    OrganizerName: 'Organizer_Name',
    AttendeeStatus: 'Attendee_Status',
    AttendeeType: 'Attendee_Type',
    ...RECURRENCE,
    ...LATER_RECURRENCE,
  },
  Tasks: {
    UtcDueDate: 'UTCDueDate',
    UtcStartDate: 'UTCStartDate',
    ...prefixed('Recurrence', 'Start', 'Regenerate', 'DeadOccur'),
    ...RECURRENCE,
    ...LATER_RECURRENCE,
  },
  Provision: { RequireStorageCardEncryption: 'DeviceEncryptionEnabled' },
  Settings: { SMTPAddress: 'SmtpAddress', RightsManagementInformation: 'ihsManagementInformation' },
  ComposeMail: { Mime: 'MIME', Name: 'ForwardeeName', Email: 'ForwardeeEmail' },
  RightsManagement: {
    Owner: 'RMOwner',
    RemoveRightsManagementProtection: 'RemoveRightsManagementDistribution',
  },
};

/** Tags whose content libwbxml treats as bytes and writes in base64. */
const BYTES: ReadonlySet<string> = new Set([
  'ResolveRecipients:Data',
  'Search:ConversationId',
  'Gal:Data',
  'AirSyncBase:Content',
  'ItemOperations:ConversationId',
  'ComposeMail:Mime',
  'Email2:ConversationId',
  'Email2:ConversationIndex',
]);
const isBytes = ({ namespace, name }: Tag): boolean => BYTES.has(`${namespace}:${name}`);

interface Tag {
  readonly namespace: string;
  readonly name: string;
}

/** The tree in the form that wbxml2xml writes. */
function asJudged({ namespace, name, children }: WbxmlElement): WbxmlElement {
  const bytes = isBytes({ namespace, name });
  return {
    namespace,
    name: SPELLED[namespace]?.[name] ?? name,
    children: children.map((content) => {
      if (isElement(content)) return asJudged(content);
      return bytes ? Buffer.from(content).toString('base64') : content.toString();
    }),
  };
}

const known: readonly Tag[] = CODE_PAGES.flatMap(({ namespace, tags }) =>
  Object.values(tags)
    .filter((name) => !(UNKNOWN[namespace] ?? []).includes(name))
    .map((name) => ({ namespace, name })),
);
const text = fc.stringMatching(/^[A-Za-z0-9äß€<&>.:@/-]{1,20}$/u);
const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((octets) => Buffer.from(octets));
/** Text may be OPAQUE anywhere, other bytes only where libwbxml expects them. */
const leaf = fc.oneof(
  fc.tuple(fc.constantFrom(...known), text),
  fc.tuple(
    fc.constantFrom(...known),
    text.map((plain) => Buffer.from(plain)),
  ),
  fc.tuple(fc.constantFrom(...known.filter(isBytes)), bytes),
);
const { tree } = fc.letrec<{ tree: WbxmlElement }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    leaf.map(([tag, content]) => ({ ...tag, children: [content] })),
    fc
      .tuple(
        fc.constantFrom(...known.filter((tag) => !isBytes(tag))),
        fc.array(tie('tree'), { maxLength: 6 }),
      )
      .map(([tag, children]) => ({ ...tag, children })),
  ),
}));
/**
 * libwbxml treats a `Data` as an embedded SyncML document, by the name of its grandparent element, in every language (libwbxml,
 * wbxml_tree_node_get_syncml_data_type).
 */
function holdsSyncMl(root: WbxmlElement, above: readonly string[] = []): boolean {
  if (root.name === 'Data' && ['Add', 'Replace'].includes(above.at(-2) ?? '')) return true;
  return root.children.some((child) => isElement(child) && holdsSyncMl(child, [...above, root.name]));
}

const sync = (...children: WbxmlElement[]): WbxmlElement => ({
  namespace: 'AirSync',
  name: 'Sync',
  children,
});

describe.runIf(installed)('wbxml2xml', () => {
  it('reads every generated document with the same content, opaque contents too', () => {
    fc.assert(
      fc.property(tree, (root) => {
        fc.pre(!holdsSyncMl(root));
        expect(judged(encodeWbxml(root))).toBe(toXml(asJudged(root)));
      }),
      { numRuns: 300 },
    );
  });

  it.each([1, 127, 128, 16_383, 16_384, 70_000])('reads %i opaque bytes', (length) => {
    const root = sync({
      namespace: 'ComposeMail',
      name: 'Mime',
      children: [Buffer.alloc(length, 'From: a\r\n')],
    });
    expect(judged(encodeWbxml(root))).toBe(toXml(asJudged(root)));
  });

  it.each(CODE_PAGES.map(({ namespace }) => namespace).filter((namespace) => namespace !== 'Find'))(
    'knows every tag of %s at its token, but those it does not know',
    (namespace) => {
      const tags = known.filter((tag) => tag.namespace === namespace);
      const missing = (UNKNOWN[namespace] ?? []).map((name) => ({ namespace, name }));
      expect(tags.length).toBeGreaterThan(4);
      const root = sync(...tags.map((tag) => ({ ...tag, children: ['1'] })));
      expect(judged(encodeWbxml(root))).toBe(toXml(asJudged(root)));
      for (const tag of missing)
        expect(judged(encodeWbxml(sync({ ...tag, children: ['1'] })))).toContain('<unknown');
    },
  );

  it('does not know the page Find (when it does, add Find to these tests)', () => {
    const find = CODE_PAGES.find(({ namespace }) => namespace === 'Find');
    for (const name of Object.values(find?.tags ?? {}))
      expect(judged(encodeWbxml(sync({ namespace: 'Find', name, children: ['1'] })))).toContain('<unknown>');
  });

  it('reads the recorded requests with the same content', () => {
    let opaque = 0;
    for (const capture of captures()) {
      for (const { requestBody } of capture.exchanges) {
        const bytes = Buffer.from(requestBody, 'base64');
        if (bytes.length === 0) continue;
        if (bytes.includes(0xc3)) opaque++;
        expect(judged(bytes)).toBe(toXml(asJudged(decodeWbxml(bytes))));
      }
    }
    expect(opaque).toBeGreaterThan(0);
  });
});

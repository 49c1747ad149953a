// Owns the promises of the wipe exchange: which phone gets which order, and what its answer means.
import { describe, expect, it } from 'vitest';
import { decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { fromXml, toXml } from '../../src/eas/wbxml/xml.ts';
import { answerProvisionDuringWipe } from '../../src/eas/wipe-provision.ts';
import type { WipeKind } from '../../src/eas/wipe-provision.ts';
import { vectors } from '../support/checks/fixtures.ts';

const { vectors: documents } = vectors<{ vectors: { description: string; hex: string }[] }>(
  'eas-wbxml-vectors',
);
const vector = (description: string): Buffer => {
  const found = documents.find((document) => document.description.startsWith(description));
  if (found === undefined) throw new Error(`no vector ${description}`);
  return Buffer.from(found.hex, 'hex');
};

const EMPTY = '<Provision xmlns="Provision:"/>';
const provision = (inner: string): string => `<Provision xmlns="Provision:">${inner}</Provision>`;
const said = (directive: string, status: string): string =>
  provision(`<${directive}><Status>${status}</Status></${directive}>`);
const policies = (type: string): string =>
  provision(`<Policies><Policy><PolicyType>${type}</PolicyType></Policy></Policies>`);

const TOLD = provision('<Status>1</Status><RemoteWipe/>');
const TOLD_AGAIN = provision('<Status>2</Status><RemoteWipe/>');
const TOLD_ACCOUNT = provision('<Status>1</Status><AccountOnlyRemoteWipe/>');
const TOLD_ACCOUNT_AGAIN = provision('<Status>2</Status><AccountOnlyRemoteWipe/>');
const DONE = provision('<Status>1</Status>');

/** What goes over the wire in both directions. */
function answer(request: string | null, version: string | null, kind: WipeKind, told = true) {
  const body = request === null ? null : decodeWbxml(encodeWbxml(fromXml(request)));
  const found = answerProvisionDuringWipe(body, version, kind, told);
  return found === null
    ? null
    : { outcome: found.outcome, xml: toXml(decodeWbxml(encodeWbxml(found.reply))) };
}

const WBXML = 'MS-EAS-Provisioning-WBXML';
const VERSIONS = [
  ['2.5', 'MS-WAP-Provisioning-XML'],
  ['12.1', WBXML],
  ['14.1', WBXML],
  ['16.1', WBXML],
] as const;

describe.each(VERSIONS)('a full wipe of a phone that speaks %s', (version, type) => {
  it.each([
    ['an empty Provision', EMPTY, 'directive', TOLD],
    ['no body', null, 'directive', TOLD],
    ['a request for policies', policies(type), 'directive', TOLD],
    ['the order sent back without a status', provision('<RemoteWipe/>'), 'directive', TOLD],
    ['a status nobody defined', said('RemoteWipe', '3'), 'directive', TOLD],
    ['success of another kind of wipe', said('AccountOnlyRemoteWipe', '1'), 'directive', TOLD],
    ['success', said('RemoteWipe', '1'), 'acknowledged', DONE],
    ['failure', said('RemoteWipe', '2'), 'failed', TOLD_AGAIN],
  ])('answers %s', (_what, request, outcome, xml) => {
    expect(answer(request, version, 'wipe')).toEqual({ outcome, xml });
  });
});

describe('an account-only wipe', () => {
  it.each([
    ['an empty Provision', EMPTY, 'directive', TOLD_ACCOUNT],
    ['a request for policies', policies(WBXML), 'directive', TOLD_ACCOUNT],
    ['success of a full wipe', said('RemoteWipe', '1'), 'directive', TOLD_ACCOUNT],
    ['success', said('AccountOnlyRemoteWipe', '1'), 'acknowledged', DONE],
    ['failure', said('AccountOnlyRemoteWipe', '2'), 'failed', TOLD_ACCOUNT_AGAIN],
  ])('answers %s of a 16.1 phone', (_what, request, outcome, xml) => {
    expect(answer(request, '16.1', 'accountWipe')).toEqual({ outcome, xml });
  });

  it.each([null, '2.5', '12.0', '12.1', '14.0', '14.1', '16.0'])(
    'is never sent to a phone that speaks %s, whatever it sends',
    (version) => {
      for (const request of [null, EMPTY, said('RemoteWipe', '1'), said('AccountOnlyRemoteWipe', '1')])
        expect(answer(request, version, 'accountWipe')).toBeNull();
    },
  );
});

describe('on the wire', () => {
  const reply = (request: Buffer, kind: WipeKind): string | undefined => {
    const found = answerProvisionDuringWipe(decodeWbxml(request), '16.1', kind, true);
    return found === null ? undefined : encodeWbxml(found.reply).toString('hex');
  };

  it('the smallest Provision is answered with RemoteWipe', () => {
    expect(reply(Buffer.from('03016a00000e05', 'hex'), 'wipe')).toBe('03016a00000e454b033100010c01');
  });

  it('the account-only order equals its vector', () => {
    const expected = vector('Provision response: account-only wipe (16.1)').toString('hex');
    expect(reply(vector('Provision request phase 1 with DeviceInformation'), 'accountWipe')).toBe(expected);
  });

  it('an acknowledgement of a policy does not acknowledge a wipe', () => {
    expect(reply(vector('Provision acknowledgement'), 'wipe')).toBe('03016a00000e454b033100010c01');
  });

  it('a Status element of another code page is not an answer', () => {
    // RemoteWipe (page 14) with the Status of page 18.
    const foreign = Buffer.from('03016a00000e454c001246033100010101', 'hex');
    const found = answerProvisionDuringWipe(decodeWbxml(foreign), '14.1', 'wipe', true);
    expect(found?.outcome).toBe('directive');
  });
});

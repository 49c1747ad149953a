// Owns the promise that another spelling of a device id evades neither a decision on the device nor a report on it. Threat: mail
// servers write the id of a base64 query in hex and take the same digits from a plain query, so that one phone has several
// ids; a compliance report or a block of one was unknown under the others. Rule: src/identity/device.ts.
import { describe, expect, it, onTestFinished } from 'vitest';
import { ISSUED_PREFIX } from '../../src/quarantine/keys.ts';
import { deviceKey } from '../../src/identity/device.ts';
import { EasClient } from '../support/phones/eas-client.ts';
import type { EasClientOptions } from '../support/phones/eas-client.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { STORES, openOffice } from '../support/servers/office.ts';
import type { Office } from '../support/servers/office.ts';
import { until } from '../support/checks/until.ts';
import { BY_TEST, decision, deviceReport, partnershipsOf } from '../support/servers/directory-records.ts';

checkLeaks();

let office: Office;

/** 16 letters and digits: 16 bytes of a base64 query. */
const ID = 'ApplAB12CD34EF56';
const hexOf = (text: string): string => Buffer.from(text).toString('hex');
const SPELLINGS: readonly (readonly [string, Partial<EasClientOptions>])[] = [
  ['as it is', { device: ID }],
  ['in other letters', { device: ID.toUpperCase() }],
  ['in a base64 query', { device: ID, query: 'base64' }],
  ['in hex', { device: hexOf(ID) }],
  ['in hex of other letters', { device: hexOf(ID.toLowerCase()).toUpperCase() }],
];
/** Short enough to be written in hex twice. */
const SHORT = 'Sec1';
const TWICE: readonly (readonly [string, Partial<EasClientOptions>])[] = [
  ['short, as it is', { device: SHORT }],
  ['short, in a base64 query', { device: SHORT, query: 'base64' }],
  ['short, in hex', { device: hexOf(SHORT) }],
  ['short, in hex twice', { device: hexOf(hexOf(SHORT)) }],
  ['short, in hex in a base64 query', { device: hexOf(SHORT), query: 'base64' }],
];

function phone(more: Partial<EasClientOptions>): EasClient {
  const account = { port: office.gateway.port, user: 'alice', password: 'alice-pw', device: ID };
  const client = new EasClient({ ...account, ...more });
  onTestFinished(() => client.close());
  return client;
}

/** What the phone gets under each spelling: a mailbox, or a status. */
async function outcomes(
  all: readonly (readonly [string, Partial<EasClientOptions>])[],
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const [, options] of all) {
    const { easStatus, body } = await phone(options).folderSync();
    const mailbox = body.includes(ISSUED_PREFIX) ? 'quarantine mailbox' : 'mailbox';
    found.add(easStatus === '1' ? mailbox : `status ${easStatus}`);
  }
  return found;
}

describe.each(STORES)('with the %s store, an id', (kind) => {
  for (const [id, spellings] of [
    [ID, SPELLINGS],
    [SHORT, TWICE],
  ] as const) {
    it(`that is not compliant is quarantined under every spelling: ${id}`, async () => {
      office = closeAtEnd(
        await openOffice(kind, { policy: { unknownDevice: 'allow', notCompliant: 'quarantine' } }),
      );
      for (const [, { device = '' }] of spellings) {
        await office.heard(() =>
          office.operator.putDevices([deviceReport(deviceKey(device), { compliant: false })]),
        );
        expect(await outcomes(spellings)).toEqual(new Set(['quarantine mailbox']));
      }
    });

    it(`that is compliant, or allowed by hand, is in under every spelling: ${id}`, async () => {
      // Repeats are not limited: the limit has its own tests.
      const throttle = { repeats: 0 };
      office = closeAtEnd(await openOffice(kind, { policy: { unknownDevice: 'block' }, throttle }));
      expect(await outcomes(spellings)).toEqual(new Set(['status 129']));
      for (const [, { device = '' }] of spellings) {
        const key = deviceKey(device);
        await office.heard(() =>
          office.operator.decide({ user: null, device: key }, decision('allow'), BY_TEST),
        );
        expect(await outcomes(spellings)).toEqual(new Set(['mailbox']));
        await office.heard(() => office.operator.decide({ user: null, device: key }, null, BY_TEST));
        expect(await outcomes(spellings)).toEqual(new Set(['status 129']));
      }
    });

    it(`that is blocked is out under every spelling, and is one partnership: ${id}`, async () => {
      office = closeAtEnd(await openOffice(kind, { policy: { unknownDevice: 'allow' } }));
      expect(await outcomes(spellings)).toEqual(new Set(['mailbox']));
      await office.heard(() =>
        office.operator.decide({ user: null, device: deviceKey(id) }, decision('block'), BY_TEST),
      );
      expect(await outcomes(spellings)).toEqual(new Set(['status 129']));
      await until(async () => {
        const [first, second] = await partnershipsOf(office.operator);
        return second === undefined && (first?.spellings.length ?? 0) >= 2;
      }, 'one partnership with its spellings');
    });
  }
});

describe('a device id', () => {
  it('is one key as text and as hex, in any case of its letters', () => {
    const id = 'ApplDNPHG6NVDT9V';
    const text = deviceKey(id);
    const hex = deviceKey(Buffer.from(id).toString('hex'));
    expect(hex).toBe(text);
    expect(deviceKey(Buffer.from(id.toLowerCase()).toString('hex'))).toBe(text);
  });
});

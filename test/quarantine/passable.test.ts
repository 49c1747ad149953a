// Owns the promises of the requests that a quarantined phone may send to the mail server: a closed grammar, re-encoded.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewritePassable } from '../../src/quarantine/passable.ts';
import { decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import { element, isElement } from '../../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../../src/eas/wbxml/element.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { fromXml, toXml } from '../../src/eas/wbxml/xml.ts';
import { anyRequest } from '../support/phones/mailbox.ts';

type Command = 'Provision' | 'Settings';

/** Null = refused. */
function rewritten(command: Command, xml: string): string | null {
  const anew = rewritePassable(command, decodeWbxml(encodeWbxml(fromXml(xml))));
  return anew === null ? null : toXml(anew);
}

const settings = (inner: string): string => `<Settings xmlns="Settings:">${inner}</Settings>`;
const provision = (inner: string): string => `<Provision xmlns="Provision:">${inner}</Provision>`;
const policy = (inner: string): string => provision(`<Policies><Policy>${inner}</Policy></Policies>`);
const TYPE = '<PolicyType>MS-EAS-Provisioning-WBXML</PolicyType>';
const INFORMATION =
  '<DeviceInformation xmlns="Settings:"><Set><Model>iPhone15C2</Model><IMEI>350000000000006</IMEI>' +
  '<FriendlyName>Jürgen’s iPhone</FriendlyName><OS>iOS 17.5</OS><OSLanguage>en</OSLanguage>' +
  '<PhoneNumber/><UserAgent>Apple-iPhone15C2/2105.123</UserAgent><EnableOutboundSMS>0</EnableOutboundSMS>' +
  '<MobileOperator>x</MobileOperator></Set></DeviceInformation>';

describe('a request of a quarantined phone', () => {
  it.each([
    ['an empty Provision', 'Provision', '<Provision xmlns="Provision:"/>'],
    ['a Provision of 2.5', 'Provision', policy('<PolicyType>MS-WAP-Provisioning-XML</PolicyType>')],
    ['one that asks for the policy', 'Provision', policy(TYPE)],
    ['one that tells of the device first', 'Provision', provision(INFORMATION + policy(TYPE).slice(30, -12))],
    [
      'one that acknowledges',
      'Provision',
      policy(`${TYPE}<PolicyKey>4294967295</PolicyKey><Status>1</Status>`),
    ],
    ['the word on a wipe', 'Provision', provision('<RemoteWipe><Status>1</Status></RemoteWipe>')],
    [
      'the word on a wipe of the account',
      'Provision',
      provision('<AccountOnlyRemoteWipe><Status>2</Status></AccountOnlyRemoteWipe>'),
    ],
    ['Settings that tell of the device', 'Settings', settings(INFORMATION.replace(' xmlns="Settings:"', ''))],
    [
      'Settings that tell nothing of it',
      'Settings',
      settings('<DeviceInformation><Set/></DeviceInformation>'),
    ],
  ] as const)('%s is written as it came', (_, command, xml) => {
    expect(rewritten(command, xml)).toBe(xml);
  });

  it('is re-encoded in one order, whatever its original order', () => {
    expect(
      rewritten(
        'Settings',
        settings('<DeviceInformation><Set><OS>b</OS><Model>a</Model></Set></DeviceInformation>'),
      ),
    ).toBe(settings('<DeviceInformation><Set><Model>a</Model><OS>b</OS></Set></DeviceInformation>'));
  });

  it('loses control characters, and its text is joined', () => {
    const model = element('Settings', 'Model', 'i\u0007P', Buffer.from('höne\0', 'utf8'));
    const told = element('Settings', 'DeviceInformation', element('Settings', 'Set', model));
    const anew = rewritePassable('Settings', element('Settings', 'Settings', told));
    expect(toXml(anew as WbxmlElement)).toContain('<Model>iPhöne</Model>');
  });

  const information = (inner: string): string => settings(`<DeviceInformation>${inner}</DeviceInformation>`);
  const long = 'x'.repeat(1_025);

  it.each([
    ['asks for the user’s addresses', 'Settings', settings('<UserInformation><Get/></UserInformation>')],
    [
      'asks for them beside the device',
      'Settings',
      settings('<DeviceInformation><Set/></DeviceInformation><UserInformation><Get/></UserInformation>'),
    ],
    ['asks for them inside', 'Settings', information('<UserInformation><Get/></UserInformation>')],
    ['asks for them behind Set', 'Settings', information('<Set/><UserInformation><Get/></UserInformation>')],
    ['asks for them in Set', 'Settings', information('<Set><UserInformation><Get/></UserInformation></Set>')],
    ['asks for them in a text', 'Settings', information('<Set><Model>x<Get/></Model></Set>')],
    ['reads the device', 'Settings', information('<Get/>')],
    ['asks for nothing', 'Settings', settings('')],
    ['tells twice', 'Settings', information('<Set/><Set/>')],
    ['tells a detail twice', 'Settings', information('<Set><Model>a</Model><Model>b</Model></Set>')],
    ['has text between elements', 'Settings', information('<Set>x<Model>a</Model></Set>')],
    ['tells too much', 'Settings', information(`<Set><Model>${long}</Model></Set>`)],
    ['has an absence note', 'Settings', settings('<Oof><Get><BodyType>Text</BodyType></Get></Oof>')],
    ['names another root', 'Provision', '<Sync xmlns="AirSync:"/>'],
    ['names the root of Settings', 'Provision', settings('')],
    ['has a policy without a type', 'Provision', policy('<PolicyKey>1</PolicyKey>')],
    ['has an odd type', 'Provision', policy('<PolicyType>a b</PolicyType>')],
    ['has an odd key', 'Provision', policy(`${TYPE}<PolicyKey>-1</PolicyKey>`)],
    ['has an odd status', 'Provision', policy(`${TYPE}<Status>9</Status>`)],
    ['has two policies', 'Provision', policy(`${TYPE}</Policy><Policy>${TYPE}`)],
    ['has the reply in it', 'Provision', policy(`${TYPE}<Data><EASProvisionDoc/></Data>`)],
    ['says nothing of a wipe', 'Provision', provision('<RemoteWipe/>')],
    ['has a Sync in it', 'Provision', provision('<Sync xmlns="AirSync:"/>')],
    ['has the status of a reply', 'Provision', provision('<Status>1</Status>')],
  ] as const)('that %s is refused', (_, command, xml) => {
    expect(rewritten(command, xml)).toBeNull();
  });

  it('with bytes that are not UTF-8 is refused', () => {
    const model = element('Settings', 'Model', Buffer.from([0xff]));
    const told = element('Settings', 'DeviceInformation', element('Settings', 'Set', model));
    expect(rewritePassable('Settings', element('Settings', 'Settings', told))).toBeNull();
  });
});

/** Every path of elements that may reach the mail server, written by hand. */
const DETAILS =
  'Model|IMEI|FriendlyName|OS|OSLanguage|PhoneNumber|UserAgent|EnableOutboundSMS|MobileOperator';
const PATHS = new RegExp(
  `^(?:Settings|Provision)(?:/DeviceInformation(?:/Set(?:/(?:${DETAILS}))?)?)?$|` +
    '^Provision/Policies(?:/Policy(?:/(?:PolicyType|PolicyKey|Status))?)?$|' +
    '^Provision/(?:AccountOnly)?RemoteWipe(?:/Status)?$',
);

function pathsOf(tree: WbxmlElement, above = ''): string[] {
  const path = above + tree.name;
  return [path, ...tree.children.filter(isElement).flatMap((one) => pathsOf(one, `${path}/`))];
}

describe('any request of a quarantined phone', () => {
  it.each(['Settings', 'Provision'] as const)(
    'is re-encoded within the grammar of %s, each element at most once',
    (command) => {
      const others =
        'DeviceInformation|Set|Get|UserInformation|Oof|Policies|Policy|PolicyType|PolicyKey|Status|RemoteWipe|' +
        'AccountOnlyRemoteWipe|Data|Sync|Search|Settings';
      const names = [...DETAILS.split('|'), ...others.split('|')];
      let written = 0;
      fc.assert(
        fc.property(anyRequest({ namespace: command, name: command }, names), (tree) => {
          const anew = rewritePassable(command, tree);
          if (anew === null) return;
          written++;
          const paths = pathsOf(anew);
          expect(paths.filter((path) => !PATHS.test(path))).toEqual([]);
          expect(new Set(paths).size).toBe(paths.length);
          expect(rewritePassable(command, decodeWbxml(encodeWbxml(anew)))).toEqual(anew);
        }),
        { numRuns: 2_000 },
      );
      if (command === 'Provision') expect(written).toBeGreaterThan(0);
    },
  );
});

// Owns the promises of Settings and Provision as the gateway answers them, and of the device information a phone sends.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviceInformationOf, provision, settings } from '../../src/quarantine/provision.ts';
import { KEYS, NOTICE, OTHER_KEYS, VERSIONS } from '../support/phones/mailbox.ts';
import { anyRequest, answeredXml, mailboxRequest } from '../support/phones/mailbox.ts';

const WBXML = 'MS-EAS-Provisioning-WBXML';
const WAP = 'MS-WAP-Provisioning-XML';
const typeOf = (version: string) => (version === '2.5' ? WAP : WBXML);

const askSettings = (version: string, parts: string): string =>
  answeredXml(
    settings(mailboxRequest('Settings', version, `<Settings xmlns="Settings:">${parts}</Settings>`)),
  );
const askProvision = (version: string, inner: string): string =>
  answeredXml(
    provision(mailboxRequest('Provision', version, `<Provision xmlns="Provision:">${inner}</Provision>`)),
  );
const policies = (inner: string): string => `<Policies><Policy>${inner}</Policy></Policies>`;

describe('Settings', () => {
  const answer = (parts: string): string =>
    `<Settings xmlns="Settings:"><Status>1</Status>${parts}</Settings>`;

  it.each([
    [
      'takes the description of the phone',
      '<DeviceInformation><Set><Model>X</Model></Set></DeviceInformation>',
      '<DeviceInformation><Status>1</Status></DeviceInformation>',
    ],
    [
      'has no absence note',
      '<Oof><Get><BodyType>Text</BodyType></Get></Oof>',
      '<Oof><Status>1</Status><Get><OofState>0</OofState></Get></Oof>',
    ],
    [
      'takes no absence note, and says so',
      '<Oof><Set><OofState>1</OofState></Set></Oof>',
      '<Oof><Status>5</Status></Oof>',
    ],
    [
      'keeps no recovery password, and says so',
      '<DevicePassword><Set><Password>1234</Password></Set></DevicePassword>',
      '<DevicePassword><Status>7</Status></DevicePassword>',
    ],
    [
      'has no rights templates',
      '<RightsManagementInformation><Get/></RightsManagementInformation>',
      '<RightsManagementInformation><Status>1</Status><Get><RightsManagementTemplates xmlns="RightsManagement:"/></Get></RightsManagementInformation>',
    ],
  ])('%s', (_, asked, answered) => {
    for (const version of VERSIONS) expect(askSettings(version, asked)).toBe(answer(answered));
  });

  it.each([
    ['12.1', '<EmailAddresses/>'],
    ['14.0', '<EmailAddresses/>'],
    ['14.1', '<Accounts><Account><EmailAddresses/></Account></Accounts>'],
    ['16.1', '<Accounts><Account><EmailAddresses/></Account></Accounts>'],
  ])('returns no address of the user in the form of %s', (version, told) => {
    expect(askSettings(version, '<UserInformation><Get/></UserInformation>')).toBe(
      answer(`<UserInformation><Status>1</Status><Get>${told}</Get></UserInformation>`),
    );
  });

  it('answers every part of one request', () => {
    const asked = '<UserInformation><Get/></UserInformation><Oof><Get/></Oof>';
    const answered = askSettings('14.1', asked);
    expect(answered).toContain('<OofState>0</OofState>');
    expect(answered).toContain('<UserInformation><Status>1</Status>');
  });

  it('reports a part that is neither Get nor Set as malformed', () => {
    for (const part of ['Oof', 'DeviceInformation', 'UserInformation']) {
      expect(askSettings('14.1', `<${part}/>`)).toBe(answer(`<${part}><Status>2</Status></${part}>`));
    }
  });

  it('reports an empty request as malformed', () => {
    expect(askSettings('14.1', '')).toBe('<Settings xmlns="Settings:"><Status>2</Status></Settings>');
    expect(answeredXml(settings(mailboxRequest('Settings', '14.1')))).toContain('<Status>2</Status>');
  });
});

describe('Provision', () => {
  const keyOf = (xml: string): string => /<PolicyKey>(\d+)<\/PolicyKey>/.exec(xml)?.[1] ?? 'none';
  const document: Readonly<Record<string, string>> = {
    [WBXML]: '<EASProvisionDoc><DevicePasswordEnabled>0</DevicePasswordEnabled></EASProvisionDoc>',
    [WAP]:
      '&lt;wap-provisioningdoc&gt;&lt;characteristic type="SecurityPolicy"&gt;&lt;parm name="4131" value="1"/&gt;&lt;/characteristic&gt;&lt;/wap-provisioningdoc&gt;',
  };

  for (const version of VERSIONS) {
    const type = typeOf(version);

    it(`sends a policy without requirements, then its final key, in ${version}`, () => {
      const first = askProvision(version, policies(`<PolicyType>${type}</PolicyType>`));
      const temporary = keyOf(first);
      expect(first).toBe(
        '<Provision xmlns="Provision:"><Status>1</Status>' +
          policies(
            `<PolicyType>${type}</PolicyType><Status>1</Status><PolicyKey>${temporary}</PolicyKey><Data>${document[type]}</Data>`,
          ) +
          '</Provision>',
      );
      const second = askProvision(
        version,
        policies(`<PolicyType>${type}</PolicyType><PolicyKey>${temporary}</PolicyKey><Status>1</Status>`),
      );
      const final = keyOf(second);
      expect(second).toBe(
        '<Provision xmlns="Provision:"><Status>1</Status>' +
          policies(`<PolicyType>${type}</PolicyType><Status>1</Status><PolicyKey>${final}</PolicyKey>`) +
          '</Provision>',
      );
      expect(final).toMatch(/^[1-9]\d*$/);
      expect(final).not.toBe(temporary);
    });

    it(`accepts only the temporary key of this phone, in ${version}`, () => {
      const wrong = [
        '1',
        '',
        String(OTHER_KEYS.policyKey('temporary')),
        String(KEYS.policyKey('final')),
        `0${KEYS.policyKey('temporary')}`,
      ];
      for (const key of wrong) {
        const acknowledged = `<PolicyType>${type}</PolicyType><PolicyKey>${key}</PolicyKey><Status>1</Status>`;
        expect(askProvision(version, policies(acknowledged))).toBe(
          `<Provision xmlns="Provision:"><Status>1</Status>${policies(`<PolicyType>${type}</PolicyType><Status>5</Status>`)}</Provision>`,
        );
      }
    });
  }

  it('treats an acknowledgement without a key as one with a wrong key', () => {
    const answer = askProvision('14.1', policies(`<PolicyType>${WBXML}</PolicyType><Status>1</Status>`));
    expect(answer).toContain('<Status>5</Status>');
    expect(keyOf(answer)).toBe('none');
  });

  it('starts again for a phone whose key is 0', () => {
    const answer = askProvision(
      '14.1',
      policies(`<PolicyType>${WBXML}</PolicyType><PolicyKey>0</PolicyKey>`),
    );
    expect(keyOf(answer)).toBe(String(KEYS.policyKey('temporary')));
  });

  it('sends no policy of an unknown type', () => {
    expect(askProvision('14.1', policies('<PolicyType>Other</PolicyType>'))).toBe(
      `<Provision xmlns="Provision:"><Status>1</Status>${policies('<PolicyType>Other</PolicyType><Status>3</Status>')}</Provision>`,
    );
  });

  const told =
    '<DeviceInformation xmlns="Settings:"><Set><Model>X</Model></Set></DeviceInformation>' +
    policies(`<PolicyType>${WBXML}</PolicyType>`);
  const taken = '<DeviceInformation xmlns="Settings:"><Status>1</Status></DeviceInformation>';

  it('accepts device information from 14.1 on, and answers it first', () => {
    for (const version of ['14.1', '16.0', '16.1']) {
      expect(askProvision(version, told)).toContain(
        `<Provision xmlns="Provision:">${taken}<Status>1</Status><Policies>`,
      );
    }
    for (const version of ['12.1', '14.0']) {
      expect(askProvision(version, told)).not.toContain('DeviceInformation');
    }
  });

  it('never orders a wipe', () => {
    const wiped = '<RemoteWipe><Status>1</Status></RemoteWipe>';
    expect(askProvision('14.1', wiped)).toBe('<Provision xmlns="Provision:"><Status>1</Status></Provision>');
    expect(askProvision('14.1', '')).toBe('<Provision xmlns="Provision:"><Status>2</Status></Provision>');
  });
});

describe('device information', () => {
  const details =
    '<Set><Model>iPhone15C2</Model><IMEI>350000000000000</IMEI><FriendlyName>Jürgen’s iPhone</FriendlyName>' +
    '<OS>iOS 17.5</OS><OSLanguage>en</OSLanguage><PhoneNumber>+49 1</PhoneNumber>' +
    '<UserAgent>Apple-iPhone15C2/2105.123</UserAgent><MobileOperator>Op</MobileOperator></Set>';
  const of = (root: 'Settings' | 'Provision', inner: string): ReturnType<typeof deviceInformationOf> =>
    deviceInformationOf(
      mailboxRequest(
        root,
        '14.1',
        `<${root} xmlns="${root}:"><DeviceInformation xmlns="Settings:">${inner}</DeviceInformation></${root}>`,
      ).body,
    );

  it('is read from Settings and from Provision', () => {
    for (const root of ['Settings', 'Provision'] as const) {
      expect(of(root, details)).toEqual({
        model: 'iPhone15C2',
        imei: '350000000000000',
        friendlyName: 'Jürgen’s iPhone',
        os: 'iOS 17.5',
        osLanguage: 'en',
        phoneNumber: '+49 1',
        userAgent: 'Apple-iPhone15C2/2105.123',
        mobileOperator: 'Op',
      });
    }
  });

  it('is null where it is missing or empty', () => {
    const said = of('Settings', '<Set><Model> </Model><OS>X</OS></Set>');
    expect(said).toMatchObject({ model: null, imei: null, os: 'X' });
  });

  it('is absent in a request without it, and in other commands', () => {
    expect(deviceInformationOf(null)).toBeNull();
    expect(of('Settings', '')).toBeNull();
    expect(
      deviceInformationOf(mailboxRequest('Settings', '14.1', '<Settings xmlns="Settings:"/>').body),
    ).toBeNull();
    const other = `<Sync xmlns="AirSync:"><DeviceInformation xmlns="Settings:">${details}</DeviceInformation></Sync>`;
    expect(deviceInformationOf(mailboxRequest('Sync', '14.1', other).body)).toBeNull();
  });

  it('is cut after 256 characters, never inside a character', () => {
    expect(of('Settings', `<Set><Model>${'x'.repeat(9000)}</Model></Set>`)?.model).toBe('x'.repeat(256));
    expect(of('Settings', `<Set><Model>x${'🔒'.repeat(500)}</Model></Set>`)?.model).toBe(
      `x${'🔒'.repeat(127)}`,
    );
  });

  it('has no control characters and no bidirectional overrides', () => {
    const hidden = '<Set><Model>a\u0001\u001b\n\u007f\u0085b\u202ec\u2066d</Model></Set>';
    expect(of('Settings', hidden)?.model).toBe('abcd');
  });
});

const NAMES =
  'DeviceInformation Set Get Oof OofState DevicePassword UserInformation RightsManagementInformation Model IMEI OS ' +
  'Policies Policy PolicyType PolicyKey Status RemoteWipe AccountOnlyRemoteWipe Data';

describe('any request', () => {
  for (const [command, handler] of [
    ['Settings', settings],
    ['Provision', provision],
  ] as const) {
    it(`is answered with what can be encoded: ${command}`, () => {
      fc.assert(
        fc.property(
          anyRequest({ namespace: command, name: command }, NAMES.split(' ')),
          fc.constantFrom(...VERSIONS),
          (body, version) => {
            const answer = handler({ command, version, body, notice: NOTICE, keys: KEYS });
            expect(answeredXml(answer, version)).toMatch(new RegExp(`^<${command} .*<Status>[12]</Status>`));
          },
        ),
      );
    });

    it(`returns texts of bounded length: ${command}`, () => {
      fc.assert(
        fc.property(anyRequest({ namespace: command, name: command }, NAMES.split(' ')), (body) => {
          for (const text of Object.values(deviceInformationOf(body) ?? {})) {
            if (text !== null) expect(text).toMatch(/^\P{Cc}{1,256}$/u);
          }
        }),
      );
    });
  }
});

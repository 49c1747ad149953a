// Owns the promises about XML of products: answers of Workspace ONE in XML, its default, and property lists of Apple devices.
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent } from '../read-lines.ts';

const NAMESPACE =
  'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns="http://www.air-watch.com/servicemodel/resources"';
const DEVICE = `<EasIds><EasId>EAS1</EasId></EasIds><Id>1234</Id><SerialNumber>EXAMPLE0001</SerialNumber><LocationGroupId id="570" title="x">570</LocationGroupId>
<UserId id="9" title="ida"/><UserEmailAddress>ida@example.com</UserEmailAddress><Ownership>C</Ownership><Platform>Apple</Platform><Model>iPhone 15</Model><OperatingSystem>18.1</OperatingSystem><LastSeen>2026-11-28T06:07:08.123</LastSeen><EnrollmentStatus>Enrolled</EnrollmentStatus><ComplianceStatus>Compliant</ComplianceStatus><CompromisedStatus>false</CompromisedStatus>`;
const LEFT =
  '<EasIds/><SerialNumber>EXAMPLE0002</SerialNumber><LocationGroupName>x</LocationGroupName><EnrollmentStatus>Unenrolled</EnrollmentStatus><ComplianceStatus i:nil="true"/>';
const EXPECTED = { id: 'eas1', managed: true, compliant: true, compromised: false, platform: 'ios', osVersion: '18.1', owner: 'ida@example.com', ownership: 'company', lastCheckIn: '2026-11-28T06:07:08.123Z', serialNumber: 'EXAMPLE0001' }; // prettier-ignore

describe('XML of Workspace ONE', () => {
  it.each([
    ['an element "Devices" for each device', `<DeviceSearchResult ${NAMESPACE}><Page>0</Page><Devices>${DEVICE}</Devices><Devices>${LEFT}</Devices></DeviceSearchResult>`],
    ['elements "Device" in "Devices"', `<?xml version="1.0"?><DeviceSearchResult ${NAMESPACE}><Devices><Device>${DEVICE}</Device><Device>${LEFT}</Device></Devices><Total>2</Total></DeviceSearchResult>`],
    ['a prefix for each name', `<a:DeviceSearchResult ${NAMESPACE.replace('xmlns=', 'xmlns:a=')}>${`<Devices>${DEVICE}</Devices><Devices>${LEFT}</Devices>`.replaceAll(/<(\/?)(?=[A-Z])/g, '<$1a:')}</a:DeviceSearchResult>`],
  ])('with %s is read', async (_form, xml) => {
    const { format, devices, refused } = await readContent(xml);
    expect([format, devices.length, refused]).toEqual(['workspace-one', 2, []]);
    expect(devices[0]).toMatchObject(EXPECTED);
    expect(devices[1]).toMatchObject({ id: null, managed: false, removed: true, compliant: null, serialNumber: 'EXAMPLE0002' });
  }); // prettier-ignore

  it('may be a single device', async () => {
    expect(await onlyDevice(readContent(`<Device ${NAMESPACE}>${DEVICE}</Device>`))).toMatchObject(EXPECTED);
  });

  it('is read up to its last whole device if it is cut off', async () => {
    const { devices, refused } = await readContent(`<DeviceSearchResult ${NAMESPACE}><Devices>${DEVICE}</Devices><Devices>${DEVICE.slice(0, 90)}`); // prettier-ignore
    expect([devices.length, refused.length]).toEqual([1, 1]);
  });

  it('gives no state if a record has two different ones', async () => {
    const twice = DEVICE.replace('</ComplianceStatus>', '</ComplianceStatus><ComplianceStatus>NonCompliant</ComplianceStatus>');
    expect((await onlyDevice(readContent(`<Device ${NAMESPACE}>${twice}</Device>`))).compliant).toBeNull();
  }); // prettier-ignore
});

const plist = (body: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n<plist version="1.0">\n${body}\n</plist>\n`;
const answer = (id: string): string =>
  plist(`<dict><key>QueryResponses</key><dict><key>EASDeviceIdentifier</key><string>${id}</string><key>OSVersion</key><string>18.1</string><key>SerialNumber</key><string>EXAMPLE0001</string><key>ProductName</key><string>iPhone16,1</string></dict><key>UDID</key><string>00008101-0011223344556677</string></dict>`); // prettier-ignore

describe('a file of property lists', () => {
  it('gives a device for each answer, without saying whether it is managed', async () => {
    const { format, devices } = await readContent(`${answer('EAS1')}2026/11/28 level=debug\n${answer('EAS2')}`);
    expect(format).toBe('micromdm');
    expect(devices.map(({ line, id, managed, osVersion }) => [line, id, managed, osVersion])).toEqual([[1, 'eas1', null, '18.1'], [7, 'eas2', null, '18.1']]);
  }); // prettier-ignore

  it('may have all answers in one list', async () => {
    const inner = [answer('EAS1'), answer('EAS2')].map((one) => /<dict>.*<\/dict>/s.exec(one)?.[0] ?? '');
    const { devices } = await readContent(plist(`<array>${inner.join('')}</array>`));
    expect(devices.map(({ id }) => id)).toEqual(['eas1', 'eas2']);
  });

  it('gives a device that left for a check-out', async () => {
    const out = plist('<dict><key>MessageType</key><string>CheckOut</string><key>UDID</key><string>00008101-0011223344556677</string></dict>'); // prettier-ignore
    const { managed, removed } = await onlyDevice(readContent(out));
    expect([managed, removed]).toEqual([false, true]);
  });

  it('is read except for a damaged list, which is refused with its line', async () => {
    const { devices, refused } = await readContent(`${answer('EAS1')}${answer('EAS2').replace('<dict>', '<dict')}${answer('EAS3').slice(0, -20)}`); // prettier-ignore
    expect([devices.map(({ id }) => id), refused.map(({ line }) => line)]).toEqual([['eas1'], [6, 11]]);
  });
});

// Owns the promises about unusual files: transcripts of a shell, web pages, tables printed by command lines, DOS end marks, and lists in
// the wrappers that several kinds of interfaces put around them.
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent, readJson } from './read-lines.ts';

describe('a file', () => {
  it('that begins with the prompt of the Exchange Management Shell is not taken for JSON', async () => {
    const list =
      'DeviceId          : ABC123\r\nDeviceType        : iPhone\r\nDeviceAccessState : Blocked\r\n\r\n';
    const { devices, refused } = await readContent(`[PS] C:\\>Get-MobileDevice | fl\r\n\r\n${list}`);
    expect([devices.map(({ id }) => id), refused.map(({ line }) => line)]).toEqual([['abc123'], [1]]);
  });

  it.each([
    '<head><meta charset="utf-8"></head><body>Please sign in</body>',
    '<?xml version="1.0"?><!DOCTYPE html PUBLIC "x" "y"><html xmlns="http://www.w3.org/1999/xhtml"></html>',
    '<!-- proxy -->\n<html><body>Error 502</body></html>',
    '<table><tr><th>EAS ID</th></tr><tr><td>BB22</td></tr></table>',
  ])('that is a web page, or a part of one, is called so: %s', async (page) => {
    await expect(readContent(page)).rejects.toThrow(/web page/);
  });

  it('that is a workbook in XML is refused with that name', async () => {
    const book = '<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>';
    await expect(readContent(book)).rejects.toThrow(/Excel workbook in XML: save the sheet as CSV/);
  }); // prettier-ignore

  it('whose columns are separated by spaces is refused, and the error says why', async () => {
    const table = 'UDID                       SerialNumber  EnrollmentStatus  LastSeen\n00008101-0011223344556677  EXAMPLE0001   true              2026-11-28\n'; // prettier-ignore
    await expect(readContent(table)).rejects.toThrow(/separated by spaces/);
  });

  it.each(['', '\r\n'])('may end with the end mark of DOS, behind "%j"', async (end) => {
    const { devices, refused } = await readContent(`EAS ID,Managed,Compliant\nBB22,Yes,Yes${end}\u001a`);
    expect([devices.map(({ id, compliant }) => [id, compliant]), refused]).toEqual([[['bb22', true]], []]);
  });
});

describe('a list of devices', () => {
  const device = { type: 'device', id: 'BB22', managed: true, compliant: true };

  it.each([
    ['of OData 2', { d: { results: [device] } }],
    ['of OData 1', { d: [device] }],
    [
      'of HAL',
      { _embedded: { mobileDeviceList: [device] }, _links: { self: { href: 'x' } }, page: { size: 1 } },
    ],
  ])('in the wrapper %s is found', async (_kind, page) => {
    expect((await onlyDevice(readJson(page))).id).toBe('bb22');
  });
});

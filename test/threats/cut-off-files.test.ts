// Threat: a file that was cut off, by a full disk or a broken copy, is taken for the whole set: what is missing would be removed, and
// phones would lose their mail. Rule: a feed fails, and an import with --replace ends, before anything is written.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyImport } from '../../src/app/import-file.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { FilesAdapter } from '../../src/feeds/files/files-adapter.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { BY_TEST, UNAUDITED } from '../support/servers/directory-records.ts';

checkLeaks();

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-cut-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const IDS = ['ApplA', 'ApplB', 'ApplC'];
const json = (id: string): string =>
  JSON.stringify({ id: `1${id}`, easDeviceId: id, managementAgent: 'mdm', complianceState: 'compliant' });
const xml = (id: string): string =>
  `<mobile_device><exchange_device_id>${id}</exchange_device_id><managed>true</managed></mobile_device>`;
const clixml = (id: string): string =>
  `<Obj RefId="1"><MS><S N="DeviceId">${id}</S><S N="DeviceAccessState">Allowed</S></MS></Obj>`;

/** Files of three devices, the text that they are cut off behind, and whether a table ends so. */
const FILES = [
  ['JSON, between two records', `{"value":[${IDS.map(json).join(',')}]}`, `${json('ApplB')},`],
  ['JSON, in a record', `[${IDS.map(json).join(',')}]`, '"easDeviceId":"ApplC"'],
  ['JSON lines', `${IDS.map(json).join('\n')}\n`, '"easDeviceId":"ApplC"'],
  ['XML', `<mobile_devices>${IDS.map(xml).join('')}</mobile_devices>`, xml('ApplB')],
  [
    'CliXml',
    `<Objs Version="1.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">${IDS.map(clixml).join('')}</Objs>`,
    clixml('ApplB'),
  ],
  [
    'Format-List',
    IDS.map((id) => `DeviceId          : ${id}\nDeviceAccessState : Allowed\nDeviceUserAgent   : x\n\n`).join(
      '',
    ),
    'ApplC\nDeviceAccessState : Allowed\n',
  ],
  [
    'a quoted table',
    `DeviceId,DeviceAccessState,DeviceUserAgent\n${IDS.map((id) => `"${id}","Allowed","x"`).join('\n')}\n`,
    '"ApplC","Allo',
  ],
  [
    'a table',
    `DeviceId,DeviceAccessState,DeviceUserAgent\n${IDS.map((id) => `${id},Allowed,x`).join('\n')}\n`,
    'ApplC,Allo',
  ],
] as const;

async function feedDevices(path: string): Promise<number> {
  const adapter = new FilesAdapter({
    path,
    source: 'mdm',
    format: null,
    newest: null,
    zone: 'UTC',
    order: null,
  });
  let devices = 0;
  for await (const { lines } of adapter.run(null, new AbortController().signal))
    devices += lines.filter(({ type }) => type === 'device').length;
  return devices;
}

describe.each(FILES)('%s', (_, whole, end) => {
  const path = (): string => join(folder, 'file');

  it('that is whole is read', async () => {
    writeFileSync(path(), whole);
    expect(await feedDevices(path())).toBe(3);
  });

  it('that is cut off fails the run of its feed', async () => {
    writeFileSync(path(), whole.slice(0, whole.indexOf(end) + end.length));
    await expect(feedDevices(path())).rejects.toMatchObject({
      code: 'EASGATE_FEED_ANSWER',
      message: expect.stringContaining('is cut off'),
    });
  });

  it('that is cut off replaces nothing', async () => {
    writeFileSync(path(), whole.slice(0, whole.indexOf(end) + end.length));
    const store = new EmbeddedStore(':memory:');
    try {
      const request = { input: path(), format: null, source: 'mdm', zone: 'UTC', order: null };
      const options = { now: Date.now(), dryRun: false, confirmed: true, allowDecisions: false };
      const operator = { ...BY_TEST, audit: UNAUDITED };
      const replacing = applyImport(store, request, () => undefined, { ...options, replace: true }, operator);
      await expect(replacing).rejects.toMatchObject({ code: 'EASGATE_FILE' });
      let devices = 0;
      for await (const part of store.scanDevices()) devices += part.length;
      expect(devices).toBe(0);
    } finally {
      await store.close();
    }
  });
});

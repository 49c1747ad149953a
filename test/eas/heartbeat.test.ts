// Owns the promises about the heartbeat of a request.
import { describe, expect, it } from 'vitest';
import { heartbeatOf } from '../../src/eas/heartbeat.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { fromXml } from '../../src/eas/wbxml/xml.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const wbxml = (xml: string): Buffer => encodeWbxml(fromXml(xml));

describe('heartbeatOf', () => {
  it.each([
    ['Ping', '<Ping xmlns="Ping:"><HeartbeatInterval>480</HeartbeatInterval></Ping>', 480],
    ['Ping', '<Ping xmlns="Ping:"><Folders><Folder><Id>5</Id></Folder></Folders></Ping>', -1],
    ['Sync', '<Sync xmlns="AirSync:"><Wait>5</Wait></Sync>', 300],
    [
      'Sync',
      '<Sync xmlns="AirSync:"><Collections><Collection><SyncKey>1</SyncKey></Collection></Collections><HeartbeatInterval>900</HeartbeatInterval></Sync>',
      900,
    ],
    [
      'Sync',
      '<Sync xmlns="AirSync:"><Collections><Collection><SyncKey>1</SyncKey></Collection></Collections></Sync>',
      0,
    ],
    ['FolderSync', '<FolderSync xmlns="FolderHierarchy:"><SyncKey>0</SyncKey></FolderSync>', 0],
    // Partial repeats the last Sync with the changes that it names (MS-ASCMD 2.2.3.131), so also its wait time.
    ['Sync', '<Sync xmlns="AirSync:"><WindowSize>25</WindowSize><Partial/></Sync>', -1],
    [
      'Sync',
      '<Sync xmlns="AirSync:"><Partial/><Collections><Collection><SyncKey>2</SyncKey></Collection></Collections></Sync>',
      -1,
    ],
    ['Sync', '<Sync xmlns="AirSync:"><Wait>2</Wait><Partial/></Sync>', 120],
    ['Sync', '<Sync xmlns="AirSync:"><Partial/><HeartbeatInterval>90</HeartbeatInterval></Sync>', 90],
    [
      'Sync',
      '<Sync xmlns="AirSync:"><Collections><Collection><Partial/></Collection></Collections></Sync>',
      0,
    ],
  ] as const)('%s of %s is %i seconds', (command, xml, seconds) => {
    expect(heartbeatOf('wbxml', command, wbxml(xml))).toBe(seconds);
  });

  it('is unknown for a Partial with the content bit', () => {
    expect(heartbeatOf('wbxml', 'Sync', hex('03016a0045660101'))).toBe(-1);
  });

  it('is unknown for cached, coded and truncated requests', () => {
    expect(heartbeatOf('empty', 'Ping', null)).toBe(-1);
    expect(heartbeatOf('empty', 'Sync', null)).toBe(-1);
    expect(heartbeatOf('gzip-wbxml', 'Sync', hex('1f8b'))).toBe(-1);
    expect(heartbeatOf('wbxml', 'Sync', hex('03016a00455c'))).toBe(-1);
  });
});

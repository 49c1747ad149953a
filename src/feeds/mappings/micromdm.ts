// Owns the mappings of MicroMDM and NanoMDM: webhook events with messages of the device, such messages without an event, and the list of devices. Pure.
// These servers have no compliance policies: compliant stays unknown.
// @see https://github.com/micromdm/micromdm/blob/main/workflow/webhook/webhook.go (topic, acknowledge_event, checkin_event)
// @see https://github.com/micromdm/micromdm/blob/main/platform/device/device.go (list of devices)
// @see https://developer.apple.com/documentation/devicemanagement/deviceinformationresponse/queryresponses (EASDeviceIdentifier)
import { checkedLine } from '../denials.ts';
import { RecordReader, deviceLine } from '../mapping.ts';
import type { Mapping } from '../mapping.ts';
import type { DeviceLine, FeedLine, RefusedLine } from '../record.ts';
import { MAX_PROPERTY_LIST, readPropertyList } from '../files/property-list.ts';
import type { PropertyValue } from '../files/property-list.ts';
import { ObjectRow } from '../row.ts';
import { names } from '../word-lists.ts';

export const microMdmEvents: Mapping = {
  format: 'micromdm',
  kind: 'webhook events of MicroMDM',
  sure: ['acknowledgeevent', 'checkinevent'],
  typical: ['topic', 'eventid', 'createdat'],
  times: [],
  map: mapEvent,
};

/** Whether the event shows that the device is enrolled; null = it does not. */
const ENROLLED: Readonly<Record<string, boolean | null>> = {
  'mdm.Authenticate': null,
  'mdm.TokenUpdate': true,
  'mdm.Connect': true,
  'mdm.CheckOut': false,
  'mdm.DeviceEnrolled': true,
};

function mapEvent(reader: RecordReader): FeedLine[] {
  const topic = reader.text('topic') ?? '';
  const enrolled = ENROLLED[topic];
  if (enrolled === undefined) return [reader.refused(`the topic "${topic.slice(0, 60)}" names no device`)];
  const encoded: unknown =
    reader.row.get('acknowledgeeventrawpayload') ?? reader.row.get('checkineventrawpayload');
  const message = payloadOf(encoded);
  if (encoded !== undefined && encoded !== null && message === null)
    reader.problems.push('raw_payload is not understood: it is base64 of an XML property list');
  const at = reader.time('createdat');
  const udid = reader.text('acknowledgeeventudid', 'checkineventudid');
  return [messageLine(reader, message ?? {}, { enrolled, at, udid, topic })];
}

function payloadOf(encoded: unknown): object | null {
  if (typeof encoded !== 'string' || encoded.length > MAX_PROPERTY_LIST * 1.4) return null;
  const xml = Buffer.from(encoded, 'base64').toString('utf8');
  const message: PropertyValue | null = xml.includes('<plist') ? readPropertyList(xml) : null;
  return typeof message === 'object' && message !== null && !Array.isArray(message) ? message : null;
}

interface Event {
  readonly enrolled: boolean | null;
  readonly at: string | null;
  readonly udid: string | null;
  readonly topic: string;
}

/** Answers of devices without a webhook event around them, as servers log them. */
export const appleAnswers: Mapping = {
  format: 'micromdm',
  kind: 'answers of Apple devices to their management',
  sure: names(`
  queryresponseseasdeviceidentifier queryresponsesserialnumber queryresponsesudid queryresponsesosversion
  securityinfohardwareencryptioncaps
`),
  typical: names('messagetype enrollmentid commanduuid'),
  times: [],
  map: mapAnswer,
};

/** An answer has no time, so the device may have left since: whether it is managed stays unknown. */
function mapAnswer(reader: RecordReader): FeedLine[] {
  const type = reader.text('messagetype');
  const isOut = type === 'CheckOut';
  const event = { enrolled: isOut ? false : null, at: null, udid: null, topic: type ?? '' };
  return [messageLine(reader, reader.row.record, event)];
}

/** Maps the device's own message: a check-in, or an answer to DeviceInformation or SecurityInfo. */
function messageLine(reader: RecordReader, message: object, event: Event): DeviceLine | RefusedLine {
  const said = new RecordReader(new ObjectRow(reader.row.line, message), reader.options);
  const text = (name: string): string | null => said.text(`queryresponses${name}`, name);
  const hasLeft = event.enrolled === false;
  const line = deviceLine(reader, {
    easIds: [text('easdeviceidentifier')],
    serial: text('serialnumber'),
    udid: event.udid ?? said.text('udid', 'enrollmentid'),
    imei: text('imei'),
    managed: event.enrolled,
    hasLeft,
    encrypted: encryptedBy(said),
    systems: [text('productname'), text('modelname'), text('model')],
    osVersion: text('osversion'),
    model: text('modelname') ?? text('productname') ?? text('model'),
    manufacturer: 'Apple',
    lastCheckIn: hasLeft ? null : event.at,
    observedAt: event.at,
    attributes: reader.attributes({
      deviceName: text('devicename'),
      modelIdentifier: text('productname'),
      supervised: said.flag('queryresponsesissupervised'),
      event: event.topic,
    }),
  });
  // An Apple device with an unknown product name is taken for iOS.
  return line.type === 'device' && line.platform === null && line.id !== null
    ? { ...line, platform: 'ios' }
    : line;
}

/** HardwareEncryptionCaps 3 = blocks and files; both take effect with a passcode (SecurityInfo of Apple's MDM protocol). */
function encryptedBy(said: RecordReader): boolean | null {
  const caps = said.text('securityinfohardwareencryptioncaps');
  const passcode = said.flag('securityinfopasscodepresent');
  if (caps === null || passcode === null) return said.flag('securityinfofdeenabled');
  return caps === '3' && passcode;
}

export const microMdmDevices: Mapping = {
  format: 'micromdm',
  kind: 'list of devices of MicroMDM',
  sure: ['depprofilestatus', 'depprofileuuid', 'awaitingconfiguration', 'pushmagic'],
  typical: names(`
  udid serialnumber enrolled enrollmentstatus lastseen buildversion productname uuid osversion modelname
  assettag
`),
  times: ['lastseen'],
  map: mapListed,
};

function mapListed(reader: RecordReader): FeedLine[] {
  const managed = reader.managed('enrolled', 'enrollmentstatus');
  return [
    checkedLine(reader, {
      easIds: [reader.text('easdeviceidentifier')],
      sourceId: reader.text('uuid'),
      serial: reader.text('serialnumber'),
      udid: reader.text('udid'),
      imei: reader.text('imei'),
      managed,
      hasLeft: managed === false || reader.isOfThePast,
      systems: [reader.text('productname'), reader.text('modelname'), reader.text('model')],
      osVersion: reader.text('osversion'),
      model: reader.text('modelname', 'productname', 'model'),
      manufacturer: 'Apple',
      lastCheckIn: reader.time('lastseen'),
      attributes: reader.attributes({
        deviceName: reader.text('devicename'),
        modelIdentifier: reader.text('productname'),
      }),
    }),
  ];
}

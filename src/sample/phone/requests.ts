// Owns the request bodies of the sample phone, by protocol version.
import { element } from '../../eas/wbxml/element.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import type { FamilyRules } from './families.ts';

const WINDOW = '25';
const HTML = '2';
const MAX_TEXT = '4096';

/**
 * First phase: requests the policy (MS-ASPROV 3.1.5.1). From 14.1 on it includes the device information (MS-ASCMD
 * 2.2.3.47).
 */
export function provisionRequest(version: string, rules: FamilyRules): WbxmlElement {
  const policy = element('Provision', 'Policy', element('Provision', 'PolicyType', policyType(version)));
  const information = Number(version) >= 14.1 ? [deviceInformation(rules)] : [];
  return element('Provision', 'Provision', ...information, element('Provision', 'Policies', policy));
}

/** Second phase: acknowledges the policy. */
export function provisionAcknowledgement(version: string, policyKey: string): WbxmlElement {
  const policy = element(
    'Provision',
    'Policy',
    element('Provision', 'PolicyType', policyType(version)),
    element('Provision', 'PolicyKey', policyKey),
    element('Provision', 'Status', '1'),
  );
  return element('Provision', 'Provision', element('Provision', 'Policies', policy));
}

/** Asks for a wipe order (MS-ASPROV 3.1.5.1.2.1). */
export function wipeQuestion(): WbxmlElement {
  return element('Provision', 'Provision');
}

/** Acknowledges a wipe, or reports a failure (MS-ASPROV 2.2.2.54.3). */
export function wipeAcknowledgement(
  kind: 'RemoteWipe' | 'AccountOnlyRemoteWipe',
  done: boolean,
): WbxmlElement {
  const status = element('Provision', 'Status', done ? '1' : '2');
  return element('Provision', 'Provision', element('Provision', kind, status));
}

/** Device information in a Settings command (12.0 to 14.0). */
export function settingsRequest(rules: FamilyRules): WbxmlElement {
  return element('Settings', 'Settings', deviceInformation(rules));
}

export function folderSyncRequest(key: string): WbxmlElement {
  return element('FolderHierarchy', 'FolderSync', element('FolderHierarchy', 'SyncKey', key));
}

/** One collection; `wait` = seconds the answer may be held, 0 = none. */
export function syncRequest(version: string, folder: string, key: string, wait = 0): WbxmlElement {
  const first = key === '0';
  // AOSP: Class only before 12.1.
  const parts = Number(version) < 12.1 ? [element('AirSync', 'Class', 'Email')] : [];
  parts.push(element('AirSync', 'SyncKey', key), element('AirSync', 'CollectionId', folder));
  if (!first) {
    parts.push(
      element('AirSync', 'GetChanges'),
      element('AirSync', 'WindowSize', WINDOW),
      element('AirSync', 'Options', ...bodyOptions(version)),
    );
  }
  const collections = element('AirSync', 'Collections', element('AirSync', 'Collection', ...parts));
  return element('AirSync', 'Sync', collections, ...(wait === 0 ? [] : [waitOf(version, wait)]));
}

/** A change of a message by the user, with the folder's key. */
export function changeRequest(
  version: string,
  folder: string,
  key: string,
  message: string,
  what: 'read' | 'delete',
): WbxmlElement {
  const id = element('AirSync', 'ServerId', message);
  const read = element('AirSync', 'ApplicationData', element('Email', 'Read', '1'));
  const change =
    what === 'delete' ? element('AirSync', 'Delete', id) : element('AirSync', 'Change', id, read);
  const parts = Number(version) < 12.1 ? [element('AirSync', 'Class', 'Email')] : [];
  parts.push(
    element('AirSync', 'SyncKey', key),
    element('AirSync', 'CollectionId', folder),
    element('AirSync', 'DeletesAsMoves'),
    element('AirSync', 'GetChanges'),
    element('AirSync', 'WindowSize', WINDOW),
    element('AirSync', 'Options', ...bodyOptions(version)),
    element('AirSync', 'Commands', change),
  );
  return element(
    'AirSync',
    'Sync',
    element('AirSync', 'Collections', element('AirSync', 'Collection', ...parts)),
  );
}

/** The body of SendMail: a tree from 14.0 on, before that the message itself (MS-ASCMD 2.2.1.17). */
export function sendMailRequest(version: string, clientId: string, mime: string): WbxmlElement | string {
  if (Number(version) < 14) return mime;
  return element(
    'ComposeMail',
    'SendMail',
    element('ComposeMail', 'ClientId', clientId),
    element('ComposeMail', 'SaveInSentItems'),
    element('ComposeMail', 'Mime', Buffer.from(mime)),
  );
}

/** A small message in plain text. */
export function composeMail(from: string, to: string, subject: string, text: string): string {
  return (
    `From: ${from}\r\nTo: ${to}\r\nSubject: ${subject}\r\nMIME-Version: 1.0\r\n` +
    `Content-Type: text/plain; charset=utf-8\r\n\r\n${text}\r\n`
  );
}

/** Minutes before 14.0, seconds since (MS-ASCMD 2.2.3.197, 2.2.3.82.2). */
function waitOf(version: string, seconds: number): WbxmlElement {
  return Number(version) < 14
    ? element('AirSync', 'Wait', String(Math.ceil(seconds / 60)))
    : element('AirSync', 'HeartbeatInterval', String(seconds));
}

export function pingRequest(seconds: number, folders: readonly string[]): WbxmlElement {
  return element(
    'Ping',
    'Ping',
    element('Ping', 'HeartbeatInterval', String(seconds)),
    element(
      'Ping',
      'Folders',
      ...folders.map((id) =>
        element('Ping', 'Folder', element('Ping', 'Id', id), element('Ping', 'Class', 'Email')),
      ),
    ),
  );
}

function policyType(version: string): string {
  return Number(version) < 12 ? 'MS-WAP-Provisioning-XML' : 'MS-EAS-Provisioning-WBXML';
}

function deviceInformation({ model, os, userAgent }: FamilyRules): WbxmlElement {
  return element(
    'Settings',
    'DeviceInformation',
    element(
      'Settings',
      'Set',
      element('Settings', 'Model', model),
      element('Settings', 'OS', os),
      element('Settings', 'UserAgent', userAgent),
    ),
  );
}

function bodyOptions(version: string): WbxmlElement[] {
  if (Number(version) < 12) return [element('AirSync', 'Truncation', '4')];
  return [
    element(
      'AirSyncBase',
      'BodyPreference',
      element('AirSyncBase', 'Type', HTML),
      element('AirSyncBase', 'TruncationSize', MAX_TEXT),
    ),
  ];
}

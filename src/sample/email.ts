// Owns the EAS properties of the sample server's messages.
import type { Namespace, TagName } from '../eas/wbxml/code-pages.ts';
import { element } from '../eas/wbxml/element.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import type { SampleMessage } from './mailbox.ts';

function node<N extends Namespace>(namespace: N, name: TagName<N>, text: string | number): WbxmlElement {
  return element(namespace, name, String(text));
}

/** Header properties, body as plain text, and the attachment by its reference. */
export function properties(message: SampleMessage): WbxmlElement[] {
  const body = element(
    'AirSyncBase',
    'Body',
    node('AirSyncBase', 'Type', 1),
    node('AirSyncBase', 'EstimatedDataSize', message.text.length),
    node('AirSyncBase', 'Data', message.text),
  );
  const { attachment } = message;
  const attachments =
    attachment === null
      ? []
      : [
          element(
            'AirSyncBase',
            'Attachments',
            element(
              'AirSyncBase',
              'Attachment',
              node('AirSyncBase', 'DisplayName', attachment.name),
              node('AirSyncBase', 'FileReference', message.id),
              node('AirSyncBase', 'Method', 1),
              node('AirSyncBase', 'EstimatedDataSize', attachment.data.length),
            ),
          ),
        ];
  return [
    node('Email', 'To', message.to),
    node('Email', 'From', message.from),
    node('Email', 'Subject', message.subject),
    node('Email', 'DateReceived', message.received.toISOString()),
    node('Email', 'Read', message.read ? 1 : 0),
    ...attachments,
    body,
    node('Email', 'MessageClass', 'IPM.Note'),
  ];
}

// Owns the decision of the Node.js rivals: the same as easgate's, in the simplest form.
import type { IncomingMessage } from 'node:http';
import { BLOCKED_DEVICE, DEVICES, POLL_DEVICES, pollDevice } from '../core/traffic.ts';

const verdicts = new Map<string, boolean>();
for (const device of DEVICES) verdicts.set(`alice\0${device.toLowerCase()}`, true);
for (let index = 0; index < POLL_DEVICES; index++)
  verdicts.set(`alice\0${pollDevice(index).toLowerCase()}`, true);
verdicts.set(`alice\0${BLOCKED_DEVICE.toLowerCase()}`, false);

/** Identifies user and device of a request and looks the pair up. */
export function isAllowed(request: IncomingMessage): boolean {
  const url = request.url ?? '';
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1));
  const credentials = Buffer.from((request.headers.authorization ?? '').slice(6), 'base64').toString();
  const user = credentials.slice(0, credentials.indexOf(':')).toLowerCase();
  return verdicts.get(`${user}\0${(query.get('DeviceId') ?? '').toLowerCase()}`) === true;
}

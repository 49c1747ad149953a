// Owns the requests every rival is measured with: a Sync of 64 bytes with the headers an iPhone sends.

/** The path of Exchange ActiveSync. */
export const PATH = '/Microsoft-Server-ActiveSync';
export const CONNECTIONS = 64;
const USER = 'alice';

/** The device ids in use, one per connection, so that several cache entries are used. */
export const DEVICES = Array.from(
  { length: CONNECTIONS },
  (_, index) => `BENCHPHONE${String(index).padStart(4, '0')}`,
);
export const BLOCKED_DEVICE = 'BLOCKEDPHONE1';

/** `<Sync><Collections><Collection><SyncKey/><CollectionId/>…`, filled up to 64 bytes with a long sync key. */
export const SYNC_BODY = syncBody(64);

function syncBody(size: number): Buffer {
  const before = Buffer.from('03016a00455c4f4b03', 'hex');
  const after = Buffer.from('000152033100010101 01'.replace(' ', ''), 'hex');
  return Buffer.concat([before, Buffer.alloc(size - before.length - after.length, '7'), after]);
}

/** A Ping with a heartbeat of 3540 seconds over folder 5 of class Email. */
export const PING_BODY = Buffer.from(
  '03016a00000d454803333534300001494a4b033500014c03456d61696c0001010101',
  'hex',
);

/** The target of one command of one device. */
export function target(command: string, device: string, user = USER): string {
  return `${PATH}?Cmd=${command}&User=${user}&DeviceId=${device}&DeviceType=iPhone`;
}

/** Ten headers, as recorded from phones. */
export function headers(user = USER): Record<string, string> {
  const credentials = Buffer.from(`${user}:secret-of-${user}`).toString('base64');
  return {
    Host: 'mail.example.com',
    'User-Agent': 'Apple-iPhone15C2/2107.102',
    Authorization: `Basic ${credentials}`,
    'Content-Type': 'application/vnd.ms-sync.wbxml',
    'MS-ASProtocolVersion': '16.1',
    'X-MS-PolicyKey': '3942919513',
    Accept: '*/*',
    'Accept-Language': 'en-us',
    'Accept-Encoding': 'gzip, deflate, br',
    Connection: 'keep-alive',
  };
}

/** Device ids of held polls: each device has one poll. */
export const POLL_DEVICES = 9_000;
export function pollDevice(index: number): string {
  return `POLLPHONE${String(index).padStart(6, '0')}`;
}

/** The user of such a device, where each has one. */
export function pollUser(index: number): string {
  return `polluser${String(index).padStart(6, '0')}`;
}

/** Device ids that no worker has cached. */
export const COLD_DEVICES = 12_800;
export function coldDevice(index: number): string {
  return `COLDPHONE${String(index % COLD_DEVICES).padStart(6, '0')}`;
}
/** The user of such a device: each has one, as in a company. */
export function coldUser(index: number): string {
  return `user${String(index % COLD_DEVICES).padStart(6, '0')}`;
}

/** Octets of a large attachment. */
export const LARGE_BYTES = 100 * 1024 * 1024;
/** A body that only begins to fetch: the backend answers `Cmd=ItemOperations` with {@link LARGE_BYTES}. */
export const FETCH_BODY = Buffer.from('03016a00001445464e033100010101', 'hex');
/** The beginning of a SendMail of 14.1, up to the OPAQUE of its Mime. */
export const SEND_MAIL_START = Buffer.from('03016a00001545510331000150c3', 'hex');

/** A request as bytes. */
export function rawRequest(command: string, device: string, body: Buffer, user = USER): Buffer {
  const lines = Object.entries(headers(user)).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST ${target(command, device, user)} HTTP/1.1\r\n${lines.join('')}Content-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

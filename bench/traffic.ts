// Owns the requests every rival is measured with: a Sync of 64 bytes with the headers an iPhone sends.

/** Where Exchange ActiveSync lives. */
export const PATH = '/Microsoft-Server-ActiveSync';
export const CONNECTIONS = 64;
const CREDENTIALS = `Basic ${Buffer.from('alice:secret-of-alice').toString('base64')}`;

/** The device ids in use; one per connection, so that nothing is measured on one entry only. */
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

/** A Ping with a heartbeat of 3540 seconds. */
export const PING_BODY = Buffer.from('03016a00000d45480333353430000101', 'hex');

/** The target of one command of one device. */
export function target(command: string, device: string): string {
  return `${PATH}?Cmd=${command}&User=alice&DeviceId=${device}&DeviceType=iPhone`;
}

/** Ten headers, as recorded from phones. */
export function headers(): Record<string, string> {
  return {
    Host: 'mail.example.com',
    'User-Agent': 'Apple-iPhone15C2/2107.102',
    Authorization: CREDENTIALS,
    'Content-Type': 'application/vnd.ms-sync.wbxml',
    'MS-ASProtocolVersion': '16.1',
    'X-MS-PolicyKey': '3942919513',
    Accept: '*/*',
    'Accept-Language': 'en-us',
    'Accept-Encoding': 'gzip, deflate, br',
    Connection: 'keep-alive',
  };
}

/** A request as bytes. */
export function rawRequest(command: string, device: string, body: Buffer): Buffer {
  const lines = Object.entries(headers()).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST ${target(command, device)} HTTP/1.1\r\n${lines.join('')}Content-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

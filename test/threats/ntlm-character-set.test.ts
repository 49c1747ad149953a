// Owns the promise that the gateway and the mail server read one name in the last message of NTLM: in the character set that the
// server's challenge chose (MS-NLMP 2.2.1.2, 2.2.2.5).
// Threat: the client offers OEM text alone, and then flags its last message as UTF-16. Samba reads the name by the flags that were
// negotiated, other servers by those of the message. Read as UTF-16 the bytes of `mallorys` are Chinese letters: a user whom
// no decision names.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { authenticateMessage, credentials, spnegoResponse } from '../support/phones/ntlm-tokens.ts';
import { challengeMessage, negotiateMessage, spnegoNegotiate } from '../support/phones/ntlm-tokens.ts';
import { backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';
import { ok } from '../support/servers/raw-backend.ts';
import type { BackendRequest, RawBackend } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC } from '../support/servers/test-gateway.ts';
import type { TestGateway } from '../support/servers/test-gateway.ts';

checkLeaks();

type Charset = 'unicode' | 'oem';
const UNICODE = 0x1;
const OEM = 0x2;

/** A server that chooses this character set, and accepts any last message. */
function serverOf(charset: Charset, offer: (challenge: string) => string): (request: BackendRequest) => void {
  return (request) => {
    const { socket } = request.connection;
    const token = Buffer.from(request.header('authorization')?.split(' ')[1] ?? '', 'base64');
    const at = token.indexOf('NTLMSSP\0', 0, 'latin1');
    if (at !== -1 && token.readUInt32LE(at + 8) === 3) {
      socket.write(ok());
      return;
    }
    const message = challengeMessage(Buffer.alloc(8, 7));
    message.writeUInt32LE((charset === 'unicode' ? UNICODE : OEM) | 0x200, 20);
    socket.write(
      `HTTP/1.1 401 Unauthorized\r\n${offer(message.toString('base64'))}\r\nContent-Length: 0\r\n\r\n`,
    );
  };
}

const SCHEMES = {
  NTLM: {
    open: negotiateMessage(),
    offer: (challenge: string) => `WWW-Authenticate: NTLM ${challenge}`,
    close: (message: Buffer) => message,
  },
  Negotiate: {
    open: spnegoNegotiate(),
    offer: (challenge: string) =>
      `WWW-Authenticate: Basic realm="a, NTLM b"\r\nWWW-Authenticate: Negotiate ${spnegoResponse(
        Buffer.from(challenge, 'base64'),
        null,
      ).toString('base64')}`,
    close: (message: Buffer) => spnegoResponse(message),
  },
} as const;

interface World {
  readonly backend: RawBackend;
  readonly gateway: TestGateway;
  /** The status of the request with the last message. */
  readonly status: number;
  /** Commands that reached the mail server. */
  readonly commands: number;
}

async function signIn(
  scheme: keyof typeof SCHEMES,
  server: Charset,
  flagged: Charset,
  bytes: string,
  offer = SCHEMES[scheme].offer,
): Promise<World> {
  const backend = await backendOf(serverOf(server, offer));
  const gateway = await gatewayOf(backend);
  const phone = await phoneOf(gateway);
  const ask = async (token: Buffer): Promise<number> => {
    phone.send(
      `POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&DeviceId=PHONE1&DeviceType=Test HTTP/1.1\r\nHost: m\r\n` +
        `Authorization: ${credentials(scheme, token)}\r\nContent-Type: application/vnd.ms-sync.wbxml\r\n` +
        `MS-ASProtocolVersion: 14.1\r\nContent-Length: ${FOLDER_SYNC.length}\r\n\r\n${FOLDER_SYNC.toString('latin1')}`,
    );
    return (await phone.response()).status;
  };
  expect(await ask(SCHEMES[scheme].open)).toBe(401);
  // The text as it stands, with either flag.
  const message = authenticateMessage({ user: bytes, domain: '', charset: 'oem' });
  message.writeUInt32LE((flagged === 'unicode' ? UNICODE : OEM) | 0x200, 60);
  const status = await ask(SCHEMES[scheme].close(message));
  const commands = backend.requests.filter(({ method }) => method === 'POST').length;
  return { backend, gateway, status, commands };
}

const wide = (name: string): string => Buffer.from(name, 'utf16le').toString('latin1');

describe.each(['NTLM', 'Negotiate'] as const)('a last message of %s', (scheme) => {
  it('is refused as UTF-16 where the server chose OEM', async () => {
    const { status, commands, gateway } = await signIn(scheme, 'oem', 'unicode', 'mallorys');
    expect([status, commands]).toEqual([401, 0]);
    expect(gateway.finished.at(-1)?.error).toBe('EASGATE_AUTHORIZATION');
  });

  it('is refused as OEM where the server chose UTF-16', async () => {
    const { status, commands } = await signIn(scheme, 'unicode', 'oem', 'mallory1');
    expect([status, commands]).toEqual([401, 0]);
  });

  it.each([
    ['oem', 'mallory'],
    ['unicode', wide('mallory')],
  ] as const)('names its user in the character set of the challenge (%s)', async (charset, bytes) => {
    const { status, commands, gateway } = await signIn(scheme, charset, charset, bytes);
    expect([status, commands]).toEqual([200, 1]);
    expect(gateway.finished.at(-1)?.user).toBe('mallory');
  });

  it('is refused where two challenges chose different character sets', async () => {
    const two = (challenge: string): string => {
      const other = Buffer.from(challenge, 'base64');
      other.writeUInt32LE(other.readUInt32LE(20) ^ UNICODE, 20);
      return `${SCHEMES[scheme].offer(challenge)}\r\nWWW-Authenticate: NTLM ${other.toString('base64')}`;
    };
    const { status, commands } = await signIn(scheme, 'unicode', 'unicode', wide('mallory'), two);
    expect([status, commands]).toEqual([401, 0]);
  });

  it('is read beside other offers in one line', async () => {
    const line = (challenge: string): string =>
      `${SCHEMES[scheme].offer(challenge)}, Basic realm="mail"\r\nWWW-Authenticate: Bearer, Digest realm="x"`;
    const { status } = await signIn(scheme, 'unicode', 'unicode', wide('mallory'), line);
    expect(status).toBe(200);
  });
});

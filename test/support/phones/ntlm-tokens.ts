// Owns NTLM and SPNEGO tokens for tests, built field by field (MS-NLMP 2.2.1, RFC 4178 4.2).

const SIGNATURE = Buffer.from('NTLMSSP\0', 'latin1');
const UNICODE = 0x1;
const OEM = 0x2;

/** Fields of an AUTHENTICATE_MESSAGE. */
export interface AuthenticateFields {
  readonly user: string;
  readonly domain?: string;
  /** Encoding of the text, default UTF-16. */
  readonly charset?: 'unicode' | 'oem';
}

/** NEGOTIATE_MESSAGE (MS-NLMP 2.2.1.1) without payload. */
export function negotiateMessage(): Buffer {
  const message = Buffer.alloc(32);
  SIGNATURE.copy(message);
  message.writeUInt32LE(1, 8);
  message.writeUInt32LE(UNICODE | OEM | 0x200, 12);
  return message;
}

/** CHALLENGE_MESSAGE (MS-NLMP 2.2.1.2) with an 8 byte server challenge. */
export function challengeMessage(challenge: Buffer): Buffer {
  const message = Buffer.alloc(48);
  SIGNATURE.copy(message);
  message.writeUInt32LE(2, 8);
  message.writeUInt32LE(48, 16);
  message.writeUInt32LE(UNICODE | 0x200, 20);
  challenge.copy(message, 24, 0, 8);
  message.writeUInt32LE(48, 44);
  return message;
}

/** AUTHENTICATE_MESSAGE (MS-NLMP 2.2.1.3); `response` stands for the proof, here as NtChallengeResponse. */
export function authenticateMessage(fields: AuthenticateFields, response: Buffer = Buffer.alloc(24)): Buffer {
  const unicode = fields.charset !== 'oem';
  const text = (value: string): Buffer => Buffer.from(value, unicode ? 'utf16le' : 'latin1');
  const payload: Buffer[] = [];
  const fixed = Buffer.alloc(64);
  let offset = fixed.length;
  const put = (at: number, bytes: Buffer): void => {
    fixed.writeUInt16LE(bytes.length, at);
    fixed.writeUInt16LE(bytes.length, at + 2);
    fixed.writeUInt32LE(offset, at + 4);
    offset += bytes.length;
    payload.push(bytes);
  };
  SIGNATURE.copy(fixed);
  fixed.writeUInt32LE(3, 8);
  put(28, text(fields.domain ?? 'CONTOSO'));
  put(36, text(fields.user));
  put(44, text('PHONE'));
  put(12, Buffer.alloc(24));
  put(20, response);
  put(52, Buffer.alloc(0));
  fixed.writeUInt32LE((unicode ? UNICODE : OEM) | 0x200, 60);
  return Buffer.concat([fixed, ...payload]);
}

/** One DER element with the shortest length (X.690 10.1). */
export function der(tag: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  let length = [body.length];
  if (body.length > 0xff) length = [0x82, body.length >> 8, body.length & 0xff];
  else if (body.length > 0x7f) length = [0x81, body.length];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

/** 1.3.6.1.4.1.311.2.2.10, NTLM as a mechanism. */
const NTLM_OID = der(0x06, Buffer.from('2b06010401823702020a', 'hex'));
/** 1.3.6.1.5.5.2, SPNEGO. */
const SPNEGO_OID = der(0x06, Buffer.from('2b0601050502', 'hex'));
/** 1.2.840.113554.1.2.2, Kerberos 5. */
const KERBEROS_OID = der(0x06, Buffer.from('2a864886f712010202', 'hex'));

/** NegTokenInit (RFC 4178 4.2.1) that offers one mechanism with its first token. */
function negTokenInit(mechanism: Buffer, token: Buffer): Buffer {
  const init = der(0x30, der(0xa0, der(0x30, mechanism)), der(0xa2, der(0x04, token)));
  return der(0x60, SPNEGO_OID, der(0xa0, init));
}

/** NTLM type 1 as browsers and phones wrap it. */
export function spnegoNegotiate(): Buffer {
  return negTokenInit(NTLM_OID, negotiateMessage());
}

/** A Kerberos service ticket: opaque behind its mechanism. */
export function kerberosToken(ticket: Buffer = Buffer.alloc(300, 0x5a)): Buffer {
  return negTokenInit(KERBEROS_OID, der(0x60, KERBEROS_OID, Buffer.from([1, 0]), ticket));
}

/** NegTokenResp (RFC 4178 4.2.2) around a mechanism's token, with a MIC as Windows adds it. */
export function spnegoResponse(token: Buffer, mic: Buffer | null = Buffer.alloc(16)): Buffer {
  const state = der(0xa0, der(0x0a, Buffer.from([1])));
  const parts = [state, der(0xa2, der(0x04, token))];
  if (mic !== null) parts.push(der(0xa3, der(0x04, mic)));
  return der(0xa1, der(0x30, ...parts));
}

/** An Authorization value. */
export function credentials(scheme: string, token: Buffer): string {
  return `${scheme} ${token.toString('base64')}`;
}

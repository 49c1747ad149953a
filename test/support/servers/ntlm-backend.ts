// Owns a mail server double that authenticates connections as IIS does: after the handshake every request on the connection belongs
// to that user, with or without credentials (MS-NTHT 1.3, RFC 4559 6).
import { createHash, randomBytes } from 'node:crypto';
import { challengeMessage } from '../phones/ntlm-tokens.ts';
import { ok, startRawBackend } from './raw-backend.ts';
import type { BackendConnection, BackendRequest, RawBackend } from './raw-backend.ts';

/** A request, and its user for the server; null = none, answered 401. */
export interface ServedRequest {
  readonly user: string | null;
  readonly connection: BackendConnection;
  readonly request: BackendRequest;
}

/** Handling of credentials. */
export interface NtlmBackendOptions {
  /** Credentials on an authenticated connection are ignored. */
  readonly keepsFirstUser?: boolean;
  /** The user of every Kerberos token. */
  readonly kerberosUser?: string;
  /** Answers an accepted request; default 200 with the name of the user as body. */
  readonly answer?: (served: ServedRequest) => void;
}

/** The double and its served requests. */
export interface NtlmBackend extends RawBackend {
  readonly served: ServedRequest[];
  /** Names served on each connection, in order, without repetition. */
  usersOf(connection: BackendConnection): string[];
}

interface Session {
  user: string | null;
  challenge: Buffer | null;
}

const OFFERS =
  'WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nWWW-Authenticate: Basic realm="mail"\r\n';
/** Every user's password. */
export const PASSWORD = 'secret';

/** Replaces the NTLM response: only a client with password and challenge can compute it. */
export function proof(challenge: Buffer): Buffer {
  return createHash('sha256').update(challenge).update(PASSWORD).digest().subarray(0, 24);
}

/** Starts the double. */
export async function startNtlmBackend(options: NtlmBackendOptions = {}): Promise<NtlmBackend> {
  const served: ServedRequest[] = [];
  const sessions = new WeakMap<BackendConnection, Session>();

  const onRequest = (request: BackendRequest): void => {
    const { connection } = request;
    let session = sessions.get(connection);
    if (session === undefined) {
      session = { user: null, challenge: null };
      sessions.set(connection, session);
    }
    const offer = authenticate(session, request.header('authorization'), options);
    const entry = { user: offer === null ? session.user : null, connection, request };
    served.push(entry);
    if (offer !== null) {
      connection.socket.write(`HTTP/1.1 401 Unauthorized\r\n${offer}Content-Length: 0\r\n\r\n`);
    } else if (options.answer !== undefined) {
      options.answer(entry);
    } else {
      connection.socket.write(ok(session.user ?? ''));
    }
  };

  const backend = await startRawBackend(onRequest);
  const usersOf = (connection: BackendConnection): string[] => {
    const users = served.filter((entry) => entry.connection === connection).map(({ user }) => user);
    return [...new Set(users)].filter((user) => user !== null);
  };
  return { ...backend, served, usersOf };
}

/** Updates the session; returns the challenge to send, or null when the request belongs to the user of the session. */
function authenticate(
  session: Session,
  authorization: string | undefined,
  options: NtlmBackendOptions,
): string | null {
  if (authorization === undefined || (options.keepsFirstUser === true && session.user !== null))
    return session.user === null ? OFFERS : null;
  const [scheme = '', text = ''] = authorization.split(' ');
  session.user = null;
  const token = Buffer.from(text, 'base64');
  if (scheme.toLowerCase() === 'basic') {
    const [user = '', password = ''] = token.toString().split(':');
    session.user = password === PASSWORD ? user : null;
    return session.user === null ? OFFERS : null;
  }
  const message = token.subarray(Math.max(0, token.indexOf('NTLMSSP\0', 0, 'latin1')));
  if (!token.includes('NTLMSSP\0', 0, 'latin1')) {
    session.user = options.kerberosUser ?? null;
    return session.user === null ? OFFERS : null;
  }
  if (message.readUInt32LE(8) === 1) {
    session.challenge = randomBytes(8);
    const answer = challengeMessage(session.challenge).toString('base64');
    return `WWW-Authenticate: ${scheme} ${answer}\r\n`;
  }
  const { challenge } = session;
  session.challenge = null;
  if (challenge === null || !payload(message, 20).equals(proof(challenge))) return OFFERS;
  session.user = payload(message, 36).toString('utf16le').toLowerCase();
  return null;
}

function payload(message: Buffer, at: number): Buffer {
  const offset = message.readUInt32LE(at + 4);
  return message.subarray(offset, offset + message.readUInt16LE(at));
}

// Owns signing in and out: which secret is whose, how long a session lasts, and the limit on wrong tries.
import type { Role } from '../contract/paths.ts';
import { ApiError } from '../problems.ts';
import type { StoredSession, StoredToken } from './admin-rows.ts';
import type { AdminStore } from './admin-store.ts';
import { FleetAccounts } from './fleet-accounts.ts';
import { lowerRole } from './principal.ts';
import type { Principal } from './principal.ts';
import { hashOf, newId, newSecret } from './secrets.ts';
import { TryLimiter } from './try-limiter.ts';

/** How long sessions last, milliseconds. */
export interface SessionLimits {
  readonly idleMs: number;
  readonly longestMs: number;
}

/** A session that was started; the secret is for the cookie. */
export interface Started {
  readonly secret: string;
  readonly principal: Principal;
}

/** Called with each refused secret; `tries`: of that address within the last minutes. */
export type OnRefused = (address: string, tries: number, now: number) => void;

/** Set-up links hold so long. */
export const SET_UP_MS = 15 * 60_000;
/** The time of the last use is stored at most this often. */
const NOTED_MS = 60_000;
/**
 * Sign-ins with one token, or of one person at the provider, in a minute: each is an entry in the audit, and somebody who may only look must not
 * push out the entries about others (CWE-779).
 */
const MAX_STARTS = 30;
const MINUTE_MS = 60_000;
/** A clock may be set back by this much. */
const CLOCK_MS = 60_000;

/** Checks secrets, and starts sessions. Times: milliseconds since the epoch. */
export class SignIn {
  private readonly store: AdminStore;
  private readonly accounts: FleetAccounts;
  private readonly limits: SessionLimits;
  private readonly tries = new TryLimiter();
  private readonly starts = new TryLimiter(MAX_STARTS, MINUTE_MS);
  private readonly onRefused: OnRefused;
  /** Prefix of the subjects of the configured provider; null = there is none. */
  private readonly realm: string | null;

  /** `accounts`: of the fleet; absent = the gateway is alone. */
  constructor(
    store: AdminStore,
    limits: SessionLimits,
    onRefused: OnRefused,
    realm: string | null = null,
    accounts: FleetAccounts = new FleetAccounts(store, null),
  ) {
    this.store = store;
    this.accounts = accounts;
    this.limits = limits;
    this.realm = realm;
    this.onRefused = onRefused;
  }

  /**
   * How long an address that sent too many wrong secrets must wait, milliseconds; 0 = not at all. Right ones never wait: they
   * cannot be guessed.
   */
  waitOf(address: string, now: number): number {
    return this.tries.waitOf(address, now);
  }

  /** The owner of a token in a request; null = there is no such token, or it ended. `isUse`: false = it is only looked at. */
  bearer(secret: string, now: number, isUse = true): Principal | null {
    const token = this.tokenOf(secret, now);
    if (token === null) return null;
    const { id, name, role, expiresAt } = token;
    if (isUse) this.noteUse(token, now);
    return { id: ofToken(id), name, role, by: 'bearer', session: null, expiresAt, idleUntil: null };
  }

  /** Without it a token with which somebody signs in every day would look like one that nobody needs. */
  private noteUse(token: StoredToken, now: number): void {
    if (Math.abs(now - (token.lastUsedAt ?? 0)) > NOTED_MS)
      this.note(() => this.accounts.useToken(token, now));
  }

  /** The owner of a session; null = it ended, or its token did. `isUse`: false = it is only looked at, which makes it no less idle. */
  session(secret: string, now: number, isUse = true): Principal | null {
    const hash = hashOf('session', secret);
    const session = hash === null ? null : this.store.session(hash);
    if (session === null || session.expiresAt <= now) return null;
    // A clock that was set back by more than a minute ends sessions that would begin in the future: none lasts longer than allowed.
    if (now - session.lastUsedAt > this.limits.idleMs || now < session.createdAt - CLOCK_MS) return null;
    // It began with a provider that is no longer configured.
    if (session.by === 'provider' && !session.principal.startsWith(`provider:${this.realm}:`)) return null;
    const token = session.token === null ? null : this.store.tokenById(session.token);
    if (session.token !== null && (token === null || !isInForce(token, now))) return null;
    // Often enough that a session in use does not seem idle.
    const notedMs = Math.min(NOTED_MS, this.limits.idleMs / 4);
    if (isUse && Math.abs(now - session.lastUsedAt) > notedMs)
      this.note(() => this.accounts.useSession(session, now));
    const role = token === null ? session.role : lowerRole(session.role, token.role);
    return this.principalOf({ ...session, role }, now);
  }

  /** Starts a session with a token. Null = wrong. Rejects with ApiError EASGATE_API_TOO_MANY. */
  async withToken(secret: string, address: string, now: number): Promise<Started | null> {
    // It may be new at another gateway.
    if (this.tokenOf(secret, now) === null) await this.accounts.lookForNews();
    const token = this.tokenOf(secret, now);
    if (token === null) {
      this.failed(address, now);
      return null;
    }
    const expiresAt = Math.min(now + this.limits.longestMs, token.expiresAt ?? Infinity);
    const { id, name, role } = token;
    const principal = ofToken(id);
    this.countStart(
      principal,
      `more than ${MAX_STARTS} sign-ins a minute with one token: use it in Authorization`,
      now,
    );
    this.noteUse(token, now);
    return this.start({ principal, name, role, by: 'token', token: id, expiresAt }, now);
  }

  /** Starts the session of the first admin with a set-up link. Null = wrong, used, or there is an admin. */
  async withSetUp(secret: string, address: string, now: number): Promise<Started | null> {
    const hash = hashOf('setUp', secret);
    await this.accounts.lookForNews();
    if (hash === null || this.store.hasAdmin(now) || !(await this.accounts.takeSetUp(hash, now))) {
      this.failed(address, now);
      return null;
    }
    const expiresAt = now + this.limits.longestMs;
    const principal = 'setUp';
    return this.start({ principal, name: 'set-up', role: 'admin', by: 'setUp', token: null, expiresAt }, now);
  }

  /** Starts the session of somebody whom an OpenID provider knows; `subject` is unique there. Rejects with ApiError EASGATE_API_TOO_MANY. */
  async withProvider(subject: string, name: string, role: Role, now: number): Promise<Started> {
    const expiresAt = now + this.limits.longestMs;
    const principal = `provider:${subject}`;
    this.countStart(principal, `${name} signed in more than ${MAX_STARTS} times within a minute: wait`, now);
    return this.start({ principal, name, role, by: 'provider', token: null, expiresAt }, now);
  }

  /** Counts a refused sign-in. */
  failed(address: string, now: number): void {
    this.onRefused(address, this.tries.count(address, now), now);
  }

  /** @throws ApiError EASGATE_API_TOO_MANY */
  private countStart(principal: string, refusal: string, now: number): void {
    const wait = this.starts.waitOf(principal, now);
    if (wait > 0) throw new ApiError('EASGATE_API_TOO_MANY', refusal, Math.ceil(wait / 1_000));
    this.starts.count(principal, now);
  }

  /** A full disk must not keep anybody out. */
  private note(write: () => void): void {
    try {
      write();
    } catch {
      // The time of the last use stays the one before; a change that matters reports the trouble.
    }
  }

  private async start(
    who: Pick<StoredSession, 'principal' | 'name' | 'role' | 'by' | 'token' | 'expiresAt'>,
    now: number,
  ): Promise<Started> {
    const secret = newSecret('session');
    const hash = hashOf('session', secret) ?? '';
    const session: StoredSession = { ...who, id: newId(), hash, createdAt: now, lastUsedAt: now };
    await this.accounts.addSession(session);
    return { secret, principal: this.principalOf(session, now) };
  }

  private tokenOf(secret: string, now: number): StoredToken | null {
    const hash = hashOf('token', secret);
    const token = hash === null ? null : this.store.token(hash);
    return token !== null && isInForce(token, now) ? token : null;
  }

  private principalOf({ id, principal, name, role, by, expiresAt }: StoredSession, now: number): Principal {
    const idleUntil = Math.min(expiresAt, now + this.limits.idleMs);
    return { id: principal, name, role, by, session: id, expiresAt, idleUntil };
  }
}

/** The principal of a token and of its sessions. */
function ofToken(id: string): string {
  return `token:${id}`;
}

function isInForce({ expiresAt }: StoredToken, now: number): boolean {
  return expiresAt === null || expiresAt > now;
}

/** Makes the secret of a set-up link. Null = there is an admin. Rejects while the directory of a fleet does not answer. */
export async function makeSetUp(
  store: AdminStore,
  now: number,
  accounts: FleetAccounts = new FleetAccounts(store, null),
): Promise<string | null> {
  if (store.hasAdmin(now)) return null;
  const secret = newSecret('setUp');
  await accounts.addSetUp(hashOf('setUp', secret) ?? '', now + SET_UP_MS);
  return secret;
}

/** A token to make. */
export interface TokenRequest {
  readonly name: string;
  readonly role: Role;
  readonly createdBy: string;
  /** Milliseconds since the epoch; null = it does not end. */
  readonly expiresAt: number | null;
}

/** A token, and its secret, of which only the hash is stored. */
export interface MadeToken {
  readonly token: StoredToken;
  readonly secret: string;
}

/** Makes a token that is not stored yet. */
export function newToken(request: TokenRequest, now: number): MadeToken {
  const secret = newSecret('token');
  const hash = hashOf('token', secret) ?? '';
  return { token: { ...request, id: newId(), hash, createdAt: now, lastUsedAt: null }, secret };
}

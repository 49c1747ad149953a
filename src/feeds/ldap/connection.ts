// Owns one signed-in connection to a directory: TLS, the order of servers, time-outs, paging. It never reconnects by itself: a new
// connection would be anonymous, and its short answers would look like removals.
import { readFileSync } from 'node:fs';
import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import {
  BusyError,
  Client,
  Control,
  InvalidCredentialsError,
  NoSuchObjectError,
  ResultCodeError,
  UnavailableError,
} from 'ldapts';
import type { Entry } from 'ldapts';
import { FeedError } from '../contract.ts';
import { DirectoryEntry } from './entry.ts';
import type { LdapSettings } from './settings.ts';

/** What is searched. */
export interface Search {
  readonly base: string;
  readonly scope: 'base' | 'sub';
  readonly filter: string;
  readonly attributes: readonly string[];
  /** Adds deleted objects (LDAP_SERVER_SHOW_DELETED_OID, MS-ADTS 3.1.1.3.4.1.14). */
  readonly deleted?: boolean;
}

const SHOW_DELETED = '1.2.840.113556.1.4.417';
/** Attributes of Active Directory that are bytes. */
const BINARY = ['objectGUID', 'objectSid', 'invocationId'];

/** What to do about an answer of the directory, by the library's name for its code (RFC 4511 4.1.9). */
const ADVICE: ReadonlyMap<string, string> = new Map([
  [
    'SizeLimitExceeded',
    'the server gives this account fewer entries than there are, even page by page; OpenLDAP: size.prtotal=unlimited in the limits of bindDn',
  ],
  ['AdminLimitExceeded', 'the server looks through fewer entries than there are: raise its limit for bindDn'],
  [
    'TimeLimitExceeded',
    'the server needs longer than it allows: index what is searched, or raise its limit for bindDn',
  ],
  ['NoSuchObject', 'there is no entry baseDn or groupBaseDn, or bindDn may not read it'],
  ['InsufficientAccess', 'bindDn may not read what is asked for'],
]);

/** A connection that is signed in. */
export class DirectoryConnection {
  /** The server, as in the settings. */
  readonly url: string;
  private readonly client: Client;
  private readonly settings: LdapSettings;
  private readonly close: () => void;

  private constructor(url: string, client: Client, settings: LdapSettings, close: () => void) {
    this.url = url;
    this.client = client;
    this.settings = settings;
    this.close = close;
  }

  /** Connects to the first server that answers. @throws FeedError */
  static async open(settings: LdapSettings, signal: AbortSignal): Promise<DirectoryConnection> {
    const failures: string[] = [];
    const tls = tlsOptions(settings);
    for (const url of settings.urls) {
      try {
        return await DirectoryConnection.openOne(url, tls, settings, signal);
      } catch (error) {
        signal.throwIfAborted();
        // The next server would refuse the password too, and count towards a lock-out.
        if (error instanceof InvalidCredentialsError)
          throw new FeedError(
            'EASGATE_FEED_CREDENTIALS',
            `${url} refuses the sign-in: check bindDn and password, and that the account is not locked`,
          );
        if (error instanceof FeedError) throw error;
        failures.push(`${url}: ${reason(error)}`);
        if (
          error instanceof ResultCodeError &&
          !(error instanceof BusyError || error instanceof UnavailableError)
        )
          throw new FeedError('EASGATE_FEED_SOURCE', failures.join('; '));
      }
    }
    throw new FeedError('EASGATE_FEED_SOURCE', `no directory server answers: ${failures.join('; ')}`);
  }

  private static async openOne(
    url: string,
    tls: ConnectionOptions,
    settings: LdapSettings,
    signal: AbortSignal,
  ): Promise<DirectoryConnection> {
    const sockets: Socket[] = [];
    const once = <Made extends Socket>(socket: Made): Made => {
      sockets.push(socket);
      return socket;
    };
    const { hostname, protocol } = new URL(url);
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const secure: ConnectionOptions = { ...tls, host, ...(isIP(host) === 0 && { servername: host }) };
    const isTls = protocol === 'ldaps:';
    const client = new Client({
      url,
      timeout: settings.timeoutSeconds * 1_000,
      connectTimeout: settings.connectTimeoutSeconds * 1_000,
      // With tlsOptions, an ldap:// client would begin with TLS in place of StartTLS.
      ...(isTls && { tlsOptions: secure }),
      createConnection: ((port: number, name: string) => once(connect(port, name))) as typeof connect,
      createSecureConnection: (...given: unknown[]) =>
        once(
          typeof given[0] === 'number'
            ? connectTls(given[0], host, secure)
            : connectTls(given[0] as ConnectionOptions),
        ),
    });
    const close = (): void => {
      signal.removeEventListener('abort', close);
      for (const socket of sockets) {
        socket.on('error', () => undefined);
        socket.destroy();
      }
    };
    signal.addEventListener('abort', close, { once: true });
    try {
      await within(
        settings.connectTimeoutSeconds * 1_000,
        (async () => {
          signal.throwIfAborted();
          if (!isTls && settings.security === 'tls') await client.startTLS({ ...secure });
          await client.bind(settings.bindDn, settings.password);
        })(),
        signal,
      );
    } catch (error) {
      close();
      throw error;
    }
    return new DirectoryConnection(url, client, settings, close);
  }

  /** All entries, page by page. Referrals to other servers are not followed. @throws FeedError */
  async *search(search: Search): AsyncGenerator<DirectoryEntry> {
    const { pageSize } = this.settings;
    let count = 0;
    let isLastEmpty = false;
    try {
      this.mustBeOpen();
      const pages = this.client.searchPaginated(
        search.base,
        {
          ...this.options(search),
          paged: { pageSize },
        },
        controls(search),
      );
      for await (const { searchEntries, searchReferences } of pages) {
        isLastEmpty = searchEntries.length === 0 && searchReferences.length === 0;
        count += searchEntries.length;
        for (const entry of searchEntries) yield this.entry(entry);
      }
    } catch (error) {
      throw this.failure(error);
    }
    // The library takes an empty page for the last one. It may not be (RFC 2696 3), and servers end no list of several pages so.
    if (isLastEmpty && count > 0)
      throw new FeedError(
        'EASGATE_FEED_SOURCE',
        `${this.url} ended a list with an empty page: the list may be incomplete`,
      );
  }

  /** One entry by its DN, without paging; null = there is none. @throws FeedError */
  async read(base: string, attributes: readonly string[]): Promise<DirectoryEntry | null> {
    try {
      this.mustBeOpen();
      const search: Search = { base, scope: 'base', filter: '(objectClass=*)', attributes };
      const { searchEntries } = await this.client.search(base, this.options(search));
      const [entry] = searchEntries;
      return entry === undefined ? null : this.entry(entry);
    } catch (error) {
      if (error instanceof NoSuchObjectError) return null;
      throw this.failure(error);
    }
  }

  /** Ends the connection at once. */
  end(): void {
    this.close();
  }

  private options({ scope, filter, attributes }: Search): {
    scope: 'base' | 'sub';
    filter: string;
    attributes: string[];
    explicitBufferAttributes: string[];
    timeLimit: number;
  } {
    return {
      scope,
      filter,
      attributes: [...attributes],
      explicitBufferAttributes: BINARY,
      timeLimit: Math.ceil(this.settings.timeoutSeconds),
    };
  }

  private entry(entry: Entry): DirectoryEntry {
    return new DirectoryEntry(entry);
  }

  private mustBeOpen(): void {
    if (!this.client.isBound) throw new Error('the connection was closed');
  }

  private failure(error: unknown): FeedError {
    if (error instanceof FeedError) return error;
    // The cause tells callers which code the directory answered with.
    const cause = error instanceof ResultCodeError ? error : undefined;
    return new FeedError('EASGATE_FEED_SOURCE', `${this.url}: ${reason(error)}`, { cause });
  }
}

function controls({ deleted }: Search): Control[] {
  return deleted === true ? [new Control(SHOW_DELETED, { critical: true })] : [];
}

function tlsOptions({ ca }: LdapSettings): ConnectionOptions {
  try {
    return ca === undefined ? {} : { ca: readFileSync(ca) };
  } catch {
    throw new FeedError('EASGATE_FEED_SOURCE', `the file ${ca ?? ''} (ca) cannot be read`);
  }
}

/** Waits for work, but not longer than `ms` and not beyond the abort. */
async function within(ms: number, work: Promise<void>, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
  await Promise.race([
    work,
    new Promise<never>((_, reject) => {
      const stop = (): void => reject(new Error('no answer in time'));
      if (late.aborted) stop();
      else late.addEventListener('abort', stop, { once: true });
    }),
  ]);
}

/** The cause, for people: the library's texts name the operation, never its contents. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  const name = error instanceof ResultCodeError ? error.name.replace(/Error$/, '') : '';
  const code: unknown = Reflect.get(error, 'code');
  const text = name !== '' ? name : typeof code === 'string' ? code : error.message.replaceAll(/\s+/g, ' ');
  const advice = ADVICE.get(name);
  return advice === undefined ? text.slice(0, 200) : `${text} (${advice})`;
}

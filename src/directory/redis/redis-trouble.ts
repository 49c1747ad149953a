// Owns the diagnosis of why Redis cannot be used: no answer, wrong password, TLS mismatch, not Redis.
import { connect } from 'node:net';
import { codeOf, messageOf } from '../../caught-error.ts';
import { withRemedy } from '../failure.ts';

/** In place of a name of a primary. */
export const ON_CLUSTER = 'Redis Cluster';

/** Redis cannot be used. The message has the URL without its password. */
class RedisError extends Error {
  readonly code = 'EASGATE_REDIS';
}

/**
 * The cause and the remedy; `error` is that of the connection or of its first command. `behindSentinel`: the name of the primary
 * there, or {@link ON_CLUSTER}.
 */
export function redisTrouble(error: unknown, url: string, behindSentinel?: string): RedisError {
  const setting = behindSentinel === ON_CLUSTER ? 'store.cluster' : 'store.sentinels';
  const place = behindSentinel === undefined ? `${bare(url)} (store.url)` : `${behindSentinel} (${setting})`;
  const why = (behindSentinel === ON_CLUSTER ? reasonOnCluster(error) : null) ?? reason(error, url);
  return new RedisError(`${place}: ${why}`, { cause: error });
}

/** Why a command failed at a node of a Cluster; null = the reason is the same as for a single server. */
function reasonOnCluster(error: unknown): string | null {
  const message = messageOf(error);
  const look = 'look at `redis-cli --cluster check HOST:PORT`';
  if (message.startsWith('Connection is closed'))
    return `a node that has a part of the directory cannot be reached, or closes the connection (does it require TLS?): ${look}`;
  if (/CLUSTERDOWN/.test(message)) return `it is down, since some slots have no node: ${look}`;
  if (/TRYAGAIN|redirections/.test(message))
    return `a slot is being moved, or has no node: try again, or ${look}`;
  return null;
}

/** Differs each time, so that the log would take each attempt for another reason. */
const PAUSE_OF_LIBRARY = / Retrying from scratch after \d+ms\./;

function reason(error: unknown, url: string): string {
  const code = codeOf(error, '');
  const message = messageOf(error);
  const text = `${code} ${message} ${causesOf(error)}`;
  const secure = url.startsWith('rediss:');
  if (/All sentinels are unreachable/.test(text))
    return `no Sentinel answers, or none knows this name: ${message.replace(PAUSE_OF_LIBRARY, '')}`;
  if (/WRONGPASS|invalid password|invalid username-password/i.test(text))
    return 'Redis refuses the user or the password: check both, and that they are percent-encoded in the URL';
  if (/NOAUTH/.test(text)) return 'Redis requires a password: redis://:PASSWORD@… or redis://USER:PASSWORD@…';
  if (/NOPERM/.test(text)) return `the Redis user lacks permissions (ACL): ${message}`;
  if (/DB index is out of range/.test(text))
    return 'Redis has no database of this number (the end of the URL)';
  if (/ECONNREFUSED/.test(text)) return 'nothing listens there: check that Redis runs, and host and port';
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return 'the host name has no address: check the name, and DNS';
  if (/EHOSTUNREACH|ENETUNREACH/.test(text)) return 'there is no network route to this host';
  if (/ETIMEDOUT|timed out/i.test(text))
    return 'no answer: check host and port, that it is Redis, that it is not stuck, and firewalls';
  if (/Unknown RESP type 21\b/.test(text)) return 'the server requires TLS: use rediss://';
  if (/PLAIN/.test(code)) return 'the server does not use TLS: use redis:// for a Redis without TLS';
  if (/LOADING/.test(text)) return 'Redis is still loading its data: try again later';
  if (
    /wrong version number|packet length too long|EPROTO|unexpected message|tlsv1|ssl3_|http request/i.test(
      text,
    )
  )
    return secure
      ? 'the server does not use TLS: use redis:// for a Redis without TLS'
      : `TLS failed: ${message}`;
  if (/certificate|CERT_|self.signed|altname/i.test(text))
    return `its certificate is not trusted: ${message}`;
  if (/Unknown RESP type|unknown command/i.test(text))
    return 'the server there is not Redis: check host and port';
  if (/connection to Redis is lost/.test(text))
    return 'it closed the connection: check that it runs, and look at its log';
  if (/ECONNRESET|closed|EPIPE|ended/i.test(text))
    return `it closes the connection at once: check ${secure ? 'that it uses TLS' : 'whether it requires TLS (rediss://), and that it is Redis'}`;
  return withRemedy(message);
}

function causesOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(String).join(' ');
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : '';
}

/** Whether the next attempt may succeed; other errors need a correction by the operator. */
export function mayPass(error: unknown): boolean {
  return /LOADING|ETIMEDOUT|timed out|BUSY|MASTERDOWN/i.test(String(error));
}

/** The URL without user and password. */
function bare(url: string): string {
  if (!URL.canParse(url)) return 'Redis';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}

/** Whether the host of a `rediss://` URL answers in plain Redis: TLS would wait for it forever. */
export function speaksPlainRedis(url: string, timeoutMs: number): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port === '' ? '6379' : port), hostname.replace(/^\[|\]$/g, ''));
    const finish = (plain: boolean): void => {
      socket.destroy();
      resolve(plain);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.on('error', () => finish(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (bytes) =>
      finish(/^(\+PONG|-(NOAUTH|DENIED|ERR|LOADING))/.test(bytes.toString('latin1'))),
    );
    socket.once('end', () => finish(false));
  });
}

// Owns requests of quarantined phones with credentials of a test's choice, and the count of what reached the mail server.
import { FOLDER_SYNC } from '../servers/test-gateway.ts';
import type { SettingsOverrides } from '../servers/test-gateway.ts';
import { phoneOf } from '../servers/openings.ts';
import { openQuarantine } from '../servers/quarantine.ts';
import type { Quarantine } from '../servers/quarantine.ts';
import { OFFER, ok } from '../servers/raw-backend.ts';
import type { BackendRequest } from '../servers/raw-backend.ts';
import type { RawClient, RawResponse } from './raw-client.ts';

/** One attempt; `from` = the address that a proxy in front says the phone has. */
export interface Login {
  /** `user:password`. */
  readonly login: string;
  readonly from?: string;
}

/** How often each status came. */
export type Statuses = Record<number, number>;

/** A gateway that quarantines, with phones that sign in. */
export interface Logins extends Quarantine {
  connect(): Promise<RawClient>;
  /** One FolderSync on a connection of its own; `authorization` null = without credentials. */
  ask(authorization: string | null, device?: string, from?: string, host?: string): Promise<RawResponse>;
  /** One request after the other on one connection. */
  askAll(logins: readonly Login[]): Promise<Statuses>;
  /** As {@link askAll}, on sixteen connections at a time. */
  askTogether(logins: readonly Login[]): Promise<Statuses>;
  /** Requests to the mail server that carried credentials. */
  questions(): BackendRequest[];
  /** All that reached the mail server: how much of it with credentials, how much without. */
  asked(): { with: number; without: number };
}

/** Opens it as {@link openQuarantine} does. */
export async function openLogins(...options: Parameters<typeof openQuarantine>): Promise<Logins> {
  const quarantine = await openQuarantine(...options);
  const { backend, gateway } = quarantine;
  const connect = (): Promise<RawClient> => phoneOf(gateway);
  const askAll = async (logins: readonly Login[]): Promise<Statuses> => {
    const client = await connect();
    const statuses: Statuses = {};
    for (const { login, from } of logins) {
      client.send(folderSync(basic(login), 'PHONE1', from));
      const { status } = await client.response();
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    return statuses;
  };
  const questions = (): BackendRequest[] =>
    backend.requests.filter((request) => request.header('authorization') !== undefined);
  return {
    ...quarantine,
    connect,
    ask: async (authorization, device, from, host) => {
      const client = await connect();
      client.send(folderSync(authorization, device, from, host));
      return client.response();
    },
    askAll,
    askTogether: async (logins) => {
      const all: Statuses = {};
      const share = Math.ceil(logins.length / 16);
      const parts = times(16, (index) => logins.slice(index * share, (index + 1) * share));
      for (const statuses of await Promise.all(parts.map(askAll))) {
        for (const [status, count] of Object.entries(statuses))
          all[Number(status)] = (all[Number(status)] ?? 0) + count;
      }
      return all;
    },
    questions,
    asked: () => ({ with: questions().length, without: backend.requests.length - questions().length }),
  };
}

/** Basic credentials of `user:password`. */
export function basic(login: string): string {
  return `Basic ${Buffer.from(login).toString('base64')}`;
}

/** A FolderSync; see {@link Logins.ask}. */
export function folderSync(
  authorization: string | null,
  device = 'PHONE1',
  from?: string,
  host = 'm',
): string {
  return (
    `POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&DeviceId=${device}&DeviceType=iPhone HTTP/1.1\r\nHost: ${host}\r\n` +
    (from === undefined ? '' : `X-Forwarded-For: ${from}\r\n`) +
    (authorization === null ? '' : `Authorization: ${authorization}\r\n`) +
    'Content-Type: application/vnd.ms-sync.wbxml\r\nMS-ASProtocolVersion: 14.1\r\n' +
    `Content-Length: ${FOLDER_SYNC.length}\r\n\r\n${FOLDER_SYNC.toString('latin1')}`
  );
}

/** So many values. */
export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Phones whose addresses a proxy tells. */
export const proxied: SettingsOverrides = { identity: { trustedProxies: ['127.0.0.1'] } };

/** A mail server that takes the logins that `good` says. */
export function taking(good: (login: string) => boolean): (request: BackendRequest) => void {
  return (request) => {
    const { connection } = request;
    const login = Buffer.from(
      request.header('authorization')?.slice('Basic '.length) ?? '',
      'base64',
    ).toString();
    connection.socket.write(
      good(login)
        ? ok('ok', OFFER)
        : 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="corp"\r\nContent-Length: 0\r\n\r\n',
    );
  };
}

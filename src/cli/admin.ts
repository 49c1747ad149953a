// Owns the work of `easgate admin` and `easgate tokens`, on `admin.file` of this machine.
import type { Command } from 'commander';
import { AdminStore } from '../api/auth/admin-store.ts';
import type { StoredToken } from '../api/auth/admin-rows.ts';
import { FleetAccounts, recordsOf } from '../api/auth/fleet-accounts.ts';
import { makeSetUp, newToken, SET_UP_MS } from '../api/auth/sign-in.ts';
import type { Role } from '../api/contract/paths.ts';
import { exactIsoTime, isoTime, parseMomentToCome } from '../app/times.ts';
import { timeOrNever } from './time-text.ts';
import { adminUrl } from '../config/admin-url.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import { plain } from '../plain-text.ts';
import { configPath } from './config-path.ts';
import { loginName, withAudit, withStore } from './context.ts';
import { print, printJson, printable, remark } from './output.ts';
import { ask } from './remote/client.ts';
import { contextOf } from './remote/contexts.ts';
import type { Context } from './remote/contexts.ts';
import type { ShownToken } from './remote/documents.ts';
import { fitTable, terminalWidth } from './table.ts';
import type { Column } from './table.ts';

/** Options of `tokens create`. */
export interface TokenOptions {
  readonly role: Role;
  readonly expires: string;
  readonly json?: true;
}

interface JsonOption {
  readonly json?: true;
}

const MAX_NAME = 100;

/** The link that signs the first admin in. The secret is in the fragment, which browsers send to no server (RFC 9110 4.2.4). */
function setUpLink(url: string, secret: string): string {
  return `${url}/setup#${secret}`;
}

/**
 * Where the dashboard is. With the sample mail server, for trying, it is the link that signs the first admin in; with a real one
 * never: standard output may be a log that others read.
 */
export async function dashboardText(config: Config, isSample: boolean): Promise<string | null> {
  const { admin, store: directory } = config;
  const url = adminUrl(admin);
  // The accounts of a fleet are in the directory, which the workers open.
  if (url === null || !isSample || directory.kind === 'redis') return url;
  try {
    const store = AdminStore.open(admin.file ?? '');
    try {
      const secret = await makeSetUp(store, Date.now());
      return secret === null ? url : `${setUpLink(url, secret)} (signs you in, once, within 15 minutes)`;
    } finally {
      store.close();
    }
  } catch {
    // The control process logs why the file cannot be used.
    return url;
  }
}

/** `admin setup`. */
export function setUp({ json }: JsonOption, command: Command): Promise<void> {
  return withAdmin(command, async ({ store, accounts, config, audit }) => {
    const url = adminUrl(config.admin);
    if (url === null)
      throw new ProgramError(
        'EASGATE_ADMIN_OFF',
        'admin.listen is not set: there is no dashboard to sign in to',
      );
    const now = Date.now();
    const secret = await makeSetUp(store, now, accounts);
    if (secret === null)
      throw new ProgramError(
        'EASGATE_ADMIN_EXISTS',
        'somebody is an admin already, who can create a token for you; so can this machine: easgate tokens create NAME --role admin',
      );
    const expiresAt = now + SET_UP_MS;
    await audit.record({
      by: loginName(),
      via: 'cli',
      at: now,
      operation: 'admin_setup',
      after: { expiresAt },
    });
    const link = setUpLink(url, secret);
    if (json) printJson({ link, expiresAt });
    else {
      print(`${link}\n`);
      remark('It signs you in as an admin, once, within 15 minutes. Then create a token for yourself.');
    }
  });
}

/** `tokens create`. */
export async function createToken(
  text: string,
  { role, expires, json }: TokenOptions,
  command: Command,
): Promise<void> {
  const name = text.trim();
  if (name === '' || name.length > MAX_NAME || plain(name, MAX_NAME) !== name)
    throw new ProgramError('EASGATE_ADMIN_NAME', `the name needs 1 to ${MAX_NAME} printable characters`);
  const now = Date.now();
  const expiresAt = expires === 'never' ? null : parseMomentToCome(expires, '--expires', now);
  const { secret, ...token } = await withTokens<ShownToken & { readonly secret: string }>(
    command,
    (context) => {
      const end = exactIsoTime(expiresAt);
      return ask(context, 'createToken', { body: { name, role, expiresAt: end } });
    },
    async ({ accounts, audit }) => {
      const by = loginName();
      const made = newToken({ name, role, createdBy: by, expiresAt }, now);
      await accounts.addToken(made.token);
      const after = { id: made.token.id, role, expiresAt };
      await audit.record({ by, via: 'cli', at: now, operation: 'token_create', subject: name, after });
      return { ...shown(made.token), secret: made.secret };
    },
  );
  if (json) printJson({ ...token, secret });
  else {
    print(`${secret}\n`);
    remark(
      `token ${token.id} of ${printable(name)}, ${role}, ${endText(expiresAt)}; the secret is shown only now`,
    );
  }
}

/** `tokens list`. */
export async function listTokens({ json }: JsonOption, command: Command): Promise<void> {
  const { rows } = await withTokens<{ readonly rows: readonly ShownToken[] }>(
    command,
    (context) => ask(context, 'listTokens'),
    async ({ store }) => ({ rows: store.tokens().map(shown) }),
  );
  if (json) printJson({ rows });
  else if (rows.length === 0) remark('no tokens: easgate tokens create NAME --role ROLE');
  else print(fitTable(COLUMNS, rows, terminalWidth()).text);
}

/** `tokens revoke`. */
export async function revokeToken(id: string, { json }: JsonOption, command: Command): Promise<void> {
  const removed = await withTokens<ShownToken>(
    command,
    async (context) => {
      const { rows } = await ask(context, 'listTokens');
      const found = rows.find((token) => token.id === id);
      if (found === undefined) throw noToken(id);
      await ask(context, 'revokeToken', { params: { token: id } });
      return found;
    },
    async ({ accounts, audit }) => {
      const token = await accounts.removeToken(id);
      if (token === null) throw noToken(id);
      const { name, role } = token;
      const before = { id, role };
      const origin = { by: loginName(), via: 'cli', at: Date.now() };
      await audit.record({ ...origin, operation: 'token_revoke', subject: name, before });
      return shown(token);
    },
  );
  if (json) printJson(removed);
  else print(`revoked: ${printable(removed.name)} (${removed.role}); its sessions ended with it\n`);
}

function noToken(id: string): ProgramError {
  return new ProgramError(
    'EASGATE_ADMIN_TOKEN',
    `there is no token with the id ${printable(id)}: easgate tokens list`,
  );
}

/** Works through the API of the context, or on the tokens of this machine. */
async function withTokens<T>(
  command: Command,
  there: (context: Context) => Promise<T>,
  here: (work: AdminWork) => Promise<T>,
): Promise<T> {
  const context = contextOf(command);
  return context === null ? withAdmin(command, here) : there(context);
}

const COLUMNS: readonly Column<ShownToken>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'NAME', cell: ({ name }) => printable(name) },
  { title: 'ROLE', cell: ({ role }) => role },
  { title: 'ENDS', cell: ({ expiresAt }) => timeOrNever(expiresAt) },
  { title: 'LAST USED', cell: ({ lastUsedAt }) => timeOrNever(lastUsedAt) },
  { title: 'CREATED BY', cell: ({ createdBy }) => printable(createdBy), spare: 1 },
];

function shown({ hash: _hash, ...token }: StoredToken): ShownToken {
  return token;
}

function endText(expiresAt: number | null): string {
  return expiresAt === null ? 'without an end' : `until ${isoTime(expiresAt)}`;
}

/** What a command on accounts works with. */
interface AdminWork {
  readonly store: AdminStore;
  /** Of the fleet, where gateways share a directory. */
  readonly accounts: FleetAccounts;
  readonly config: Config;
  readonly audit: AuditSink;
}

async function withAdmin<T>(command: Command, work: (what: AdminWork) => Promise<T>): Promise<T> {
  const config = loadConfig(configPath(command));
  const store = AdminStore.open(config.admin.file ?? '');
  try {
    if (config.store.kind !== 'redis')
      return await withAudit(config, (audit) =>
        work({ store, accounts: new FleetAccounts(store, null), config, audit }),
      );
    return await withStore(command, async (directory, _config, audit) => {
      const accounts = new FleetAccounts(store, () => recordsOf(directory));
      await accounts.compare();
      return work({ store, accounts, config, audit });
    });
  } finally {
    store.close();
  }
}

// Owns the definitions of the commands about the admin API: the first admin, and tokens.
import { Option } from 'commander';
import type { Command } from 'commander';
import { ROLES } from '../../api/contract/paths.ts';
import type { TokenOptions } from '../admin.ts';
import { RELATIVE, addExamples } from './options.ts';

/** Registers `admin` and `tokens`. They work on the file of this machine, so that a lost token locks nobody out. */
export function registerAdmin(program: Command): void {
  const admin = program.command('admin').description('the admin API and the dashboard');
  addExamples(
    admin
      .command('setup')
      .description('print a one-time link that signs the first admin in; only while there is no admin')
      .option('--json', 'one JSON document')
      .action(async (options: { json?: true }, command: Command) =>
        (await import('../admin.ts')).setUp(options, command),
      ),
    ['admin setup', 'the link is valid for 15 minutes, and replaces the one before'],
  );
  addExamples(admin, ['admin setup', '']);

  const tokens = program.command('tokens').description('tokens of the admin API, for people and scripts');
  addExamples(
    tokens
      .command('create')
      .argument('<name>', 'who or what it is for; decisions and the audit show it')
      .description('create a token; its secret is printed once')
      .addOption(new Option('--role <role>', 'what it may do').choices([...ROLES]).makeOptionMandatory())
      .option('--expires <when>', 'when it ends: 30d, 2027-01-31, or never', '90d')
      .option('--json', 'one JSON document')
      .action(async (name: string, options: TokenOptions, command: Command) =>
        (await import('../admin.ts')).createToken(name, options, command),
      ),
    ['tokens create "Ada Example" --role admin', 'to sign in to the dashboard'],
    ['tokens create ticketing --role helpdesk --expires 2027-12-31', 'for a script'],
  );
  addExamples(
    tokens
      .command('list')
      .description('list tokens, without their secrets')
      .option('--relative', RELATIVE)
      .option('--json', 'one JSON document')
      .action(async (options: { json?: true }, command: Command) =>
        (await import('../admin.ts')).listTokens(options, command),
      ),
    ['tokens list', 'with id, role, end and last use'],
  );
  addExamples(
    tokens
      .command('revoke')
      .argument('<id>', 'id of the token, as listed')
      .description('revoke a token; its sessions end with it')
      .option('--json', 'one JSON document')
      .action(async (id: string, options: { json?: true }, command: Command) =>
        (await import('../admin.ts')).revokeToken(id, options, command),
      ),
    ['tokens revoke kX3vJq2mYw0a', ''],
  );
  addExamples(tokens, ['tokens create ticketing --role helpdesk', ''], ['tokens list', '']);
}

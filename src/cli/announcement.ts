// Owns the text that `easgate serve` prints once it serves: addresses, data, commands to try, how to stop.
import { basename, relative } from 'node:path';
import { isLoopback } from '../config/cross-checks.ts';
import { endpointText } from '../config/endpoint.ts';
import type { Config } from '../config/schema.ts';
import { defaultConfig } from './config-path.ts';
import { quoted } from './output.ts';

/** Facts about the running process. */
export interface ServingFacts {
  /** The configuration file. */
  readonly path: string;
  readonly port: number;
  readonly workers: number;
  /** Address of the built-in mail server; null = a real one is configured. */
  readonly sampleUrl: string | null;
}

/** The text. `program` is the script that this process runs. */
export function announcement(
  config: Config,
  { path, port, workers, sampleUrl }: ServingFacts,
  program = process.argv[1] ?? 'easgate',
): string {
  const scheme = config.listen.tls === undefined ? 'http' : 'https';
  const url = `${scheme}://${endpointText({ address: config.listen.address, port })}`;
  const servers = config.upstream.servers.map((server) => server.url).join(', ') || config.upstream.url;
  const lines = [
    `easgate listens on ${url} (${workers} worker${workers === 1 ? '' : 's'})`,
    `mail server: ${sampleUrl === null ? servers : `built-in sample at ${sampleUrl}`}`,
    `directory: ${config.store.kind === 'redis' ? 'Redis' : config.store.path}`,
  ];
  if (sampleUrl !== null) lines.push(...trial(config, url, commandLine(program, path)));
  return `${lines.join('\n')}\n`;
}

function trial(config: Config, url: string, command: (words: string) => string): string[] {
  const [user] = config.sample.users;
  if (user === undefined) return [];
  const { address, tls } = config.listen;
  // The password of the sample server on this host is in the configuration file and no secret; curl prompts for any other.
  const known = typeof user.password === 'string' && isLoopback(address) ? `:${user.password}` : '';
  const insecure = tls === undefined ? '' : '-k ';
  return [
    'try, in a second terminal:',
    `  curl -i ${insecure}-u ${quoted(`${user.name}${known}`)} -X OPTIONS ${url.replace('0.0.0.0', '127.0.0.1')}/Microsoft-Server-ActiveSync`,
    `  ${command('devices list')}`,
    `  ${command(`explain ${user.name} ${config.sample.devices[0]?.id ?? 'DEVICE'}`)}`,
    `Ctrl-C stops it (or: kill ${process.pid}); the directory is kept`,
  ];
}

/** The command line that started this process, relative to the current folder. */
function commandLine(program: string, path: string): (words: string) => string {
  const script = relative(process.cwd(), program);
  const start = program.endsWith('.ts')
    ? 'npm run -s easgate --'
    : basename(program) === 'easgate'
      ? 'easgate'
      : `node ${quoted(script)}`;
  const config = path === defaultConfig() ? '' : ` --config ${quoted(path)}`;
  return (words) => `${start} ${words}${config}`;
}

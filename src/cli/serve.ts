// Owns `easgate serve`: puts store, verdicts, sample server and data plane together, and takes them down in order.
import type { Command } from 'commander';
import { cacheOptions, gatewaySettings, storeOptions } from '../config/gateway-settings.ts';
import { loadConfig, readSecret } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { openStore } from '../directory/open-store.ts';
import { PartnershipRecorder } from '../directory/partnership-recorder.ts';
import { VerdictCache } from '../directory/verdict-cache.ts';
import { startGateway } from '../gateway/gateway.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { deviceAliases } from '../identity/device.ts';
import { AccessLog } from '../observe/access-log.ts';
import { openLog } from '../observe/logger.ts';
import { seedDirectory } from '../sample/seed.ts';
import { startSampleServer } from '../sample/server.ts';
import type { SampleServer } from '../sample/server.ts';
import { configPath } from './context.ts';

/** Longest wait for transfers under way when stopping. */
const DRAIN_MS = 30_000;

/** Registers `serve`. */
export function registerServe(program: Command): void {
  program
    .command('serve')
    .description('run the gateway')
    .action(async (_options, command: Command) => {
      const config = loadConfig(configPath(command));
      await serve(config);
    });
}

async function serve(config: Config): Promise<void> {
  const log = openLog(config.log.level, config.log.destination);
  const sample = config.upstream.url === 'sample' ? await startSample(config) : null;
  const store = await openStore(storeOptions(config));
  if (sample !== null) await seedDirectory(store, config.sample.devices);
  const verdicts = new VerdictCache(store, config.policy, cacheOptions(config), deviceAliases);
  await verdicts.start();
  const recorder = new PartnershipRecorder(store);
  const accessLog = config.log.access ? new AccessLog(log.logger, config.log.identities) : null;
  const settings = gatewaySettings(config, sample?.url ?? config.upstream.url);
  const gateway = await startGateway({ settings, verdicts, recorder, accessLog });
  announce(config, gateway, sample);

  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await gateway.drain(DRAIN_MS);
    await recorder.close();
    await verdicts.stop();
    await store.close();
    await sample?.close();
    accessLog?.flush();
    log.flush();
  };
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
}

function startSample(config: Config): Promise<SampleServer> {
  const users = config.sample.users.map(({ name, password }) => ({
    name,
    password: readSecret(password, `sample.users ${name}`),
  }));
  return startSampleServer({ users, address: '127.0.0.1', port: 0 });
}

/** What a person needs to know next. */
function announce(config: Config, gateway: Gateway, sample: SampleServer | null): void {
  const url = `http://${config.listen.address.includes(':') ? `[${config.listen.address}]` : config.listen.address}:${gateway.port}`;
  const lines = [
    `easgate listens on ${url}`,
    `mail server: ${sample === null ? config.upstream.url : `built-in sample at ${sample.url}`}`,
  ];
  const user = config.sample.users[0];
  if (sample !== null && user !== undefined) {
    const target = `${url}/Microsoft-Server-ActiveSync`;
    lines.push(
      'try:',
      `  curl -i -u ${user.name} -X OPTIONS ${target}`,
      '  npm run -s easgate -- devices list',
      `  npm run -s easgate -- explain ${user.name} ${config.sample.devices[0]?.id ?? 'DEVICE'}`,
    );
  }
  process.stdout.write(lines.join('\n') + '\n');
}

// Owns `easgate serve`: puts store, verdicts, sample server and data plane together, and takes them down in order.
import type { Command } from 'commander';
import type { Logger } from 'pino';
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
const WARN_AGAIN_MS = 10_000;

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
  /** Undone in reverse order, on a signal or when the start fails half-way. */
  const undo: (() => Promise<void> | void)[] = [() => log.flush()];
  const undoAll = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const sample = config.upstream.url === 'sample' ? await startSample(config) : null;
    undo.push(() => sample?.close());
    const store = await openStore(storeOptions(config));
    undo.push(() => store.close());
    if (sample !== null) await seedDirectory(store, config.sample.devices);
    const onLookupError = warnOf(log.logger);
    const verdicts = new VerdictCache(
      store,
      config.policy,
      { ...cacheOptions(config), onLookupError },
      deviceAliases,
    );
    await verdicts.start();
    undo.push(() => verdicts.stop());
    const recorder = new PartnershipRecorder(store);
    undo.push(() => recorder.close());
    const accessLog = config.log.access ? new AccessLog(log.logger, config.log.identities) : null;
    undo.push(() => accessLog?.flush());
    const settings = gatewaySettings(config, sample?.url ?? null);
    const gateway = await startGateway({ settings, verdicts, recorder, accessLog });
    undo.push(() => gateway.drain(DRAIN_MS));
    announce(config, gateway, sample);
  } catch (error) {
    await undoAll();
    throw error;
  }
  process.on('SIGTERM', () => void undoAll());
  process.on('SIGINT', () => void undoAll());
}

/** One line for the first of many failed look-ups, and again while they go on. */
function warnOf(logger: Logger): (error: unknown) => void {
  let last = 0;
  let unreported = 0;
  return (error) => {
    unreported++;
    if (Date.now() - last < WARN_AGAIN_MS) return;
    logger.warn(
      { code: 'EASGATE_LOOKUP_FAILED', failures: unreported, cause: String(error) },
      'the directory failed',
    );
    last = Date.now();
    unreported = 0;
  };
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

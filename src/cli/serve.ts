// Owns `easgate serve`: the primary process. Reads the configuration, starts the workers, reloads, stops.
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { gatewaySettings, readCertificates, readClientCa, storeOptions } from '../config/gateway-settings.ts';
import { parseConfig, readConfigSource, readSecret } from '../config/load.ts';
import type { ConfigSource } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { CertificateWatch } from '../control/certificate-watch.ts';
import { killStopped, startBeside } from '../control/orphans.ts';
import { PidFileHeldError, recordWorkers, removePidFile, writePidFile } from '../control/pid-file.ts';
import { identityOf } from '../control/process-identity.ts';
import type { ProcessIdentity } from '../control/process-identity.ts';
import type { OnEvent } from '../control/slot.ts';
import { startSupervisor } from '../control/supervisor.ts';
import type { Supervisor, WorkerPlan } from '../control/supervisor.ts';
import { openStore } from '../directory/open-store.ts';
import { openLog } from '../observe/logger.ts';
import type { ProcessLog } from '../observe/logger.ts';
import { seedDirectory } from '../sample/seed.ts';
import { startSampleServer } from '../sample/server.ts';
import type { SampleServer } from '../sample/server.ts';
import { configPath } from './context.ts';

/** Registers `serve`. */
export function registerServe(program: Command): void {
  program
    .command('serve')
    .description('run the gateway')
    .action(async (_options, command: Command) => {
      await new Primary(configPath(command)).run();
    });
}

class Primary {
  private readonly path: string;
  private readonly source: ConfigSource;
  private config: Config;
  private readonly log: ProcessLog;
  private sample: SampleServer | null = null;
  private supervisor: Supervisor | null = null;
  private watch: CertificateWatch | null = null;
  private reloading: Promise<void> = Promise.resolve();
  private workers: readonly ProcessIdentity[] = [];
  private stopping = false;

  constructor(path: string) {
    this.path = path;
    this.source = readConfigSource(path);
    this.config = parseConfig(this.source.text, path);
    this.log = openLog(this.config.log.level, this.config.log.destination);
  }

  async run(): Promise<void> {
    const { config } = this;
    // Reads every file the configuration names: what cannot work is said before anything starts.
    gatewaySettings(config, null);
    try {
      const orphans = await killStopped(this.writePid(config.workers.pidFile), this.onEvent);
      this.sample = await startSample(config);
      const plan = this.plan(config, this.source);
      this.supervisor = await startBeside(orphans, this.onEvent, () =>
        startSupervisor({
          plan,
          entry: process.argv[1] ?? '',
          args: ['worker'],
          onEvent: this.onEvent,
          onWorkers: (pids) => this.recordWorkers(pids),
        }),
      );
      this.watchCertificates();
      announce(config, this.supervisor.port, plan.count, this.sample);
    } catch (error) {
      await this.stop();
      throw error;
    }
    process.on('SIGTERM', () => void this.stop());
    process.on('SIGINT', () => void this.stop());
    process.on('SIGHUP', () => {
      // One after the other, however often it is asked for.
      this.reloading = this.reloading.then(() => this.reload());
    });
  }

  private readonly onEvent: OnEvent = (level, facts, text) => this.log.logger[level](facts, text);

  /** Returns what a gateway before left running. @throws PidFileHeldError when another one runs with the file */
  private writePid(pidFile: string): readonly ProcessIdentity[] {
    try {
      return writePidFile(pidFile);
    } catch (error) {
      if (error instanceof PidFileHeldError) throw error;
      this.log.logger.warn(
        { code: 'EASGATE_PID_FILE', path: pidFile, cause: String(error) },
        '`easgate reload` will not find this gateway: send SIGHUP instead, or set workers.pidFile',
      );
      return [];
    }
  }

  /** For the gateway after this one, if this one is killed. */
  private recordWorkers(pids: readonly number[]): void {
    this.workers = pids.map((pid) => this.workers.find((known) => known.pid === pid) ?? identityOf(pid));
    try {
      recordWorkers(this.config.workers.pidFile, this.workers);
    } catch {
      // The file beside it could not be written either, and the log says so.
    }
  }

  private plan(config: Config, source: ConfigSource): WorkerPlan {
    const { count } = config.workers;
    return {
      config,
      source,
      count: count === 'auto' ? availableParallelism() : count,
      sampleUrl: this.sample?.url ?? null,
    };
  }

  /** New workers with the file's configuration, one by one; the old ones stay when it cannot be used. */
  private async reload(): Promise<void> {
    // A drain takes its time: new workers would outlive it.
    if (this.stopping) return;
    const { logger } = this.log;
    try {
      const source = readConfigSource(this.path);
      const config = parseConfig(source.text, this.path);
      gatewaySettings(config, null);
      this.sample ??= await startSample(config);
      // Another gateway may run with the new file.
      this.writePid(config.workers.pidFile);
      await this.supervisor?.reload(this.plan(config, source)).catch((error: unknown) => {
        if (config.workers.pidFile !== this.config.workers.pidFile) removePidFile(config.workers.pidFile);
        throw error;
      });
      if (config.workers.pidFile !== this.config.workers.pidFile) removePidFile(this.config.workers.pidFile);
      this.config = config;
      this.recordWorkers(this.workers.map(({ pid }) => pid));
      this.watchCertificates();
      logger.info({ code: 'EASGATE_RELOADED' }, 'all workers are replaced');
    } catch (error) {
      logger.error(
        { code: 'EASGATE_RELOAD_FAILED', cause: String(error) },
        'the configuration in use stays: correct the file and reload again',
      );
    }
  }

  private watchCertificates(): void {
    this.watch?.close();
    const { tls } = this.config.listen;
    this.watch = null;
    if (tls === undefined) return;
    const files = tls.certificates.flatMap(({ certificate, key }) => [certificate, key]);
    if (tls.clientCertificate !== undefined) files.push(tls.clientCertificate.ca);
    this.watch = new CertificateWatch(files, () => this.onCertificates());
  }

  private onCertificates(): void {
    const { logger } = this.log;
    try {
      readCertificates(this.config);
      readClientCa(this.config);
      this.supervisor?.reloadCertificates();
      logger.info({ code: 'EASGATE_CERTIFICATES' }, 'certificates changed on disk are in use');
    } catch (error) {
      logger.error({ code: 'EASGATE_CERTIFICATES', cause: String(error) }, 'the old certificates stay');
    }
  }

  private async stop(): Promise<void> {
    this.stopping = true;
    await this.reloading;
    this.watch?.close();
    await this.supervisor?.stop();
    removePidFile(this.config.workers.pidFile);
    this.supervisor = null;
    await this.sample?.close();
    this.sample = null;
    this.log.flush();
  }
}

/** The built-in mail server with its devices in the directory; null when the configuration names a real one. */
async function startSample(config: Config): Promise<SampleServer | null> {
  const { url, servers } = config.upstream;
  if (servers.length > 0 ? servers.every((server) => server.url !== 'sample') : url !== 'sample') return null;
  const users = config.sample.users.map(({ name, password }) => ({
    name,
    password: readSecret(password, `sample.users ${name}`),
  }));
  const store = await openStore(storeOptions(config));
  try {
    await seedDirectory(store, config.sample.devices);
  } finally {
    await store.close();
  }
  return startSampleServer({ users, address: '127.0.0.1', port: 0 });
}

/** What a person needs to know next. */
function announce(config: Config, port: number, workers: number, sample: SampleServer | null): void {
  const scheme = config.listen.tls === undefined ? 'http' : 'https';
  const { address } = config.listen;
  const url = `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`;
  const servers = config.upstream.servers.map((server) => server.url).join(', ') || config.upstream.url;
  const lines = [
    `easgate listens on ${url} (${workers} worker${workers === 1 ? '' : 's'})`,
    `mail server: ${sample === null ? servers : `built-in sample at ${sample.url}`}`,
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

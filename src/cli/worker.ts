// Owns a worker process: puts store, verdicts and data plane together as the supervisor says, and takes them down.
import { cacheOptions, gatewaySettings, readCertificates, storeOptions } from '../config/gateway-settings.ts';
import type { Config } from '../config/schema.ts';
import type { FromWorker, StartMessage, ToWorker } from '../control/messages.ts';
import { openStore } from '../directory/open-store.ts';
import { PartnershipRecorder } from '../directory/partnership-recorder.ts';
import { VerdictCache } from '../directory/verdict-cache.ts';
import { startGateway } from '../gateway/gateway.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { deviceAliases } from '../identity/device.ts';
import { AccessLog } from '../observe/access-log.ts';
import { openLog } from '../observe/logger.ts';
import type { ProcessLog } from '../observe/logger.ts';

const WARN_AGAIN_MS = 10_000;
/** When the supervisor is gone: serve what is under way, then go too. */
const ORPHAN_DRAIN_MS = 30_000;

interface Running {
  readonly config: Config;
  readonly gateway: Gateway;
  readonly log: ProcessLog;
  /** Undone in reverse order. */
  readonly undo: (() => Promise<void> | void)[];
}

/** Serves until told to drain. */
export function runWorker(): void {
  let running: Running | null = null;
  let stopping = false;
  const stop = async (timeoutMs: number, pollWindowMs: number): Promise<void> => {
    if (stopping) return;
    stopping = true;
    if (running !== null) {
      await running.gateway.drain(timeoutMs, pollWindowMs);
      await undoAll(running.undo);
    }
    process.exit(0);
  };
  process.on('message', (message: ToWorker) => {
    switch (message.type) {
      case 'start':
        start(message).then(
          (started) => {
            running = started;
            tell({ type: 'ready' });
          },
          (error: unknown) => {
            const code = error instanceof Error && 'code' in error ? String(error.code) : 'EASGATE_FAILED';
            tell({ type: 'failed', code, message: error instanceof Error ? error.message : String(error) });
          },
        );
        break;
      case 'drain':
        void stop(message.timeoutMs, message.pollWindowMs);
        break;
      case 'certificates':
        if (running !== null) reloadCertificates(running);
        break;
    }
  });
  process.on('disconnect', () => void stop(ORPHAN_DRAIN_MS, 0));
  // The supervisor decides when a worker ends; a signal to the whole group (Ctrl-C) reaches both.
  process.on('SIGINT', ignore);
  process.on('SIGTERM', ignore);
  process.on('SIGHUP', ignore);
}

function ignore(): void {
  // the supervisor's message follows
}

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

async function start(message: StartMessage): Promise<Running> {
  const { config, sampleUrl, ticketSecret, fd } = message;
  const log = openLog(config.log.level, config.log.destination);
  const undo: Running['undo'] = [() => log.flush()];
  try {
    const store = await openStore(storeOptions(config));
    undo.push(() => store.close());
    const options = { ...cacheOptions(config), onLookupError: warnOf(log) };
    const verdicts = new VerdictCache(store, config.policy, options, deviceAliases);
    await verdicts.start();
    undo.push(() => verdicts.stop());
    const recorder = new PartnershipRecorder(store);
    undo.push(() => recorder.close());
    const accessLog = config.log.access ? new AccessLog(log.logger, config.log.identities) : null;
    undo.push(() => accessLog?.flush());
    const settings = gatewaySettings(config, sampleUrl, ticketSecret, await store.sharedSecret());
    const gateway = await startGateway({
      settings: { ...settings, listen: { ...settings.listen, fd } },
      verdicts,
      recorder,
      accessLog,
      onTrouble: (code, facts) => log.logger.warn({ code, ...facts }),
    });
    return { config, gateway, log, undo };
  } catch (error) {
    await undoAll(undo);
    throw error;
  }
}

async function undoAll(undo: Running['undo']): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}

function reloadCertificates({ config, gateway, log }: Running): void {
  try {
    gateway.reloadCertificates(readCertificates(config));
  } catch (error) {
    log.logger.error({ code: 'EASGATE_CERTIFICATES', cause: String(error) }, 'the old certificates stay');
  }
}

/** One line for the first of many failed look-ups, and again while they go on. */
function warnOf({ logger }: ProcessLog): (error: unknown) => void {
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

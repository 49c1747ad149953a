// Owns a worker process: it serves under the control of the supervisor.
import { codeOf, messageOf } from '../caught-error.ts';
import { fileTrouble } from '../file-words.ts';
import { readCertificates, readClientCa } from '../config/tls-files.ts';
import { parseConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { workerPolicy } from '../config/served-policy.ts';
import type { PolicySource } from '../config/served-policy.ts';
import { forEverybody } from '../policy/active-policies.ts';
import type { FromWorker, QuestionMessage, StartMessage, ToWorker } from '../supervisor/messages.ts';
import { tellSupervisor } from '../supervisor/tell-supervisor.ts';
import { inTurns } from '../in-turns.ts';
import { startServing } from './runtime.ts';
import type { Serving } from './runtime.ts';

/**
 * What is loaded with its first use is loaded so long after the start in any case, milliseconds: at its first use years later, the files
 * of another version may stand in their place.
 */
const LOAD_REST_MS = 5_000;
/** Time for a worker to finish after its supervisor died. */
const ORPHAN_DRAIN_MS = 30_000;

interface Running {
  readonly config: Config;
  readonly serving: Serving;
}

/** Serves until a drain message. */
export function runWorker(): void {
  let running: Running | null = null;
  let stopping = false;
  const stop = async (timeoutMs: number, pollWindowMs: number): Promise<void> => {
    if (stopping) return;
    stopping = true;
    if (running !== null) {
      await running.serving.gateway.drain(timeoutMs, pollWindowMs);
      await tellMetrics(running.serving);
      await running.serving.close();
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
            setTimeout(() => void loadRest(started), LOAD_REST_MS).unref();
          },
          (error: unknown) => {
            const code = codeOf(error, 'EASGATE_FAILED');
            tell({ type: 'failed', code, message: messageOf(error) });
          },
        );
        break;
      case 'drain':
        void stop(message.timeoutMs, message.pollWindowMs);
        break;
      case 'certificates':
        if (running !== null) reloadCertificates(running);
        break;
      case 'policy':
        if (running !== null) takePolicySource(running, message.policy);
        break;
      case 'question':
        if (running !== null) void answer(running, message);
        break;
      case 'reopen':
        if (running !== null) reopenLog(running);
        break;
    }
  });
  process.on('disconnect', () => void stop(ORPHAN_DRAIN_MS, 0));
  // The supervisor decides when a worker ends; Ctrl-C reaches the whole process group.
  process.on('SIGINT', ignore);
  process.on('SIGTERM', ignore);
  process.on('SIGHUP', ignore);
  // Node.js would open its debugger.
  process.on('SIGUSR1', ignore);
}

async function answer({ serving }: Running, { id, question }: QuestionMessage): Promise<void> {
  if (question === 'metrics') tell({ type: 'answer', id, answer: serving.metrics() });
  else
    tell({ type: 'answer', id, answer: question === 'health' ? serving.health() : await serving.status() });
}

/** The counters of an ended worker still count. Resolves when they were handed over, or cannot be. */
function tellMetrics(serving: Serving): Promise<void> {
  return new Promise((resolve) => {
    const message: FromWorker = { type: 'metrics', cells: serving.metrics() };
    if (!process.connected || process.send === undefined) resolve();
    else process.send(message, undefined, {}, () => resolve());
  });
}

function ignore(): void {
  // the supervisor sends the next message
}

function tell(message: FromWorker): void {
  tellSupervisor(message);
}

function onOutdated(): void {
  tell({ type: 'outdated' });
}

async function start({ source, policy, sampleUrl, fd, recordsForGateway }: StartMessage): Promise<Running> {
  const config = parseConfig(source.text, source.path);
  return {
    config,
    serving: await startServing(config, { sampleUrl, fd, policy, recordsForGateway, onOutdated }),
  };
}

async function loadRest({ serving }: Running): Promise<void> {
  try {
    await import('../gateway/upstream/subrequest-pool.ts');
  } catch (error) {
    serving.log.logger.error(
      { code: 'EASGATE_PROGRAM_FILES', cause: messageOf(error) },
      'a part of the program cannot be loaded: its files were replaced, or cannot be read; restart the gateway',
    );
  }
}

function reopenLog({ config, serving }: Running): void {
  const { destination } = config.log;
  try {
    serving.reopenLogs();
  } catch (error) {
    serving.log.logger.error(
      { code: 'EASGATE_LOG_REOPEN', cause: fileTrouble(error, pathIn(error) ?? destination) },
      'the log file could not be reopened: the old one is still used',
    );
  }
}

/** The file that an error of the file system names. */
function pathIn(error: unknown): string | null {
  return error instanceof Error && 'path' in error ? String(error.path) : null;
}

/** The policies that arrived are compiled one after the other: the last one holds in the end. */
let policyTurn = Promise.resolve();

function takePolicySource({ config, serving }: Running, source: PolicySource): void {
  policyTurn = policyTurn.then(async () => {
    try {
      serving.verdicts.usePolicies(forEverybody(await inTurns(workerPolicy(config, source))));
    } catch (error) {
      // A worker of another version than the primary.
      serving.log.logger.error(
        { code: 'EASGATE_POLICY_REJECTED', cause: String(error) },
        'the policy is invalid: the old one is still used',
      );
    }
  });
}

function reloadCertificates({ config, serving }: Running): void {
  const { gateway, log } = serving;
  try {
    gateway.reloadCertificates(readCertificates(config), readClientCa(config));
  } catch (error) {
    log.logger.error(
      { code: 'EASGATE_CERTIFICATES', cause: String(error) },
      'the certificates could not be loaded: the old ones are still used',
    );
  }
}

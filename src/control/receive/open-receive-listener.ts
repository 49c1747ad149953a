// Owns the listener for deliveries of a control process, as the configuration says, and its lines in the log.
import { isReceived } from '../../app/received/received-feeds.ts';
import { messageOf } from '../../caught-error.ts';
import { monotonicNow } from '../../clock.ts';
import { parseEndpoint } from '../../config/endpoint.ts';
import { ConfigError } from '../../config/problems.ts';
import type { Config } from '../../config/schema.ts';
import { readPair } from '../../config/tls-files.ts';
import type { ProcessLog } from '../../telemetry/logger.ts';
import type { DeliverySummaries } from '../delivery-summaries.ts';
import { FileWatch } from '../../supervisor/file-watch.ts';
import { ReceiveListener } from './listener.ts';
import type { Pair } from './listener.ts';
import type { Receivers } from './receivers.ts';
import { receiveHandler } from './routes.ts';

const PLACE = 'receive.tls';

/** A listener for deliveries. */
export interface OpenReceiveListener {
  /** Null = it does not listen yet. */
  readonly port: number | null;
  close(): Promise<void>;
}

/** Refusals of one kind are logged once in this time: anybody can cause them. */
const LOG_MS = 60_000;

/** Null = no feed is sent its records. `summaries`: where deliveries are summed up; null = not yet. @throws ConfigError */
export function openReceiveListener(
  config: Config,
  logger: ProcessLog['logger'],
  current: () => Receivers | null,
  summaries: () => DeliverySummaries | null,
): OpenReceiveListener | null {
  if (!config.feeds.some(isReceived)) return null;
  const { listen, tls, maxConnections } = config.receive;
  const endpoint = parseEndpoint(listen);
  if (endpoint === null) throw new ConfigError('receive.listen', ['must be ADDRESS:PORT']);
  const pair = tls === undefined ? null : readPair(tls, PLACE);
  const refused = new Map<string, { readonly at: number; count: number }>();
  const handler = receiveHandler(current, {
    onDelivery: (feed, outcome, sums) => {
      // A dry run writes nothing, the journal neither.
      if (outcome !== 'dryRun') summaries()?.done(feed, outcome, sums);
      logger.info({ code: 'EASGATE_FEED', feed, outcome, ...sums }, 'the feed got a delivery');
    },
    onRefused: (feed, code, text) => {
      if (feed !== null) summaries()?.refused(feed, code === 'EASGATE_HELD' ? 'held' : code, text);
      const kind = `${feed ?? ''} ${code}`;
      const before = refused.get(kind);
      const now = monotonicNow();
      if (before !== undefined && now - before.at < LOG_MS) {
        before.count++;
        return;
      }
      refused.set(kind, { at: now, count: 0 });
      logger.warn({ code, feed, cause: text, others: before?.count ?? 0 }, 'a delivery was refused');
    },
    onFailure: (feed, error, code) => {
      summaries()?.refused(feed, code, messageOf(error));
      logger.warn({ code: 'EASGATE_FEED_FAILED', feed, cause: messageOf(error) }, 'a delivery failed');
    },
  });
  const listener = new ReceiveListener({ endpoint, tls: pair, maxConnections }, handler, (error) =>
    logger.warn(
      { code: 'EASGATE_RECEIVE_FAILED', listen, cause: messageOf(error) },
      'the listener for deliveries could not be opened: it is tried again',
    ),
  );
  void listener
    .ready()
    .then(() =>
      logger.info({ code: 'EASGATE_RECEIVE', listen, port: listener.port }, 'deliveries are taken here'),
    );
  const watch = tls === undefined ? null : watchPair(tls, listener, logger);
  return {
    get port() {
      return listener.port;
    },
    close: () => {
      watch?.close();
      return listener.close();
    },
  };
}

/** Certificates are renewed without a reload. */
function watchPair(tls: Pair, listener: ReceiveListener, logger: ProcessLog['logger']): FileWatch {
  return new FileWatch([tls.certificate, tls.key], () => {
    try {
      listener.renew(readPair(tls, PLACE));
      logger.info({ code: 'EASGATE_CERTIFICATES' }, 'a new certificate for senders was loaded from disk');
    } catch (error) {
      logger.error(
        { code: 'EASGATE_CERTIFICATES', cause: messageOf(error) },
        'the certificate for senders could not be loaded: the old one is still used',
      );
    }
  });
}

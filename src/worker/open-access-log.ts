// Owns which form the lines of finished requests have, and where they go.
import type { Config } from '../config/schema.ts';
import { JsonLines } from '../telemetry/access-json.ts';
import { AccessLog } from '../telemetry/access-log.ts';
import { W3C_HEADER, W3cLines } from '../telemetry/access-w3c.ts';
import { openLineFile } from '../telemetry/logger.ts';
import type { ProcessLog } from '../telemetry/logger.ts';

/** The access log of a worker. */
export interface OpenAccessLog {
  readonly log: AccessLog;
  /** Lines that were lost, but for those that the log of the process counts. */
  dropped(): number;
  /** Opens a file of its own again. Throws, without a change, when it cannot be opened. */
  reopen(): void;
  /** Writes pending lines in their order. Never rejects. */
  drain(): Promise<void>;
}

/** Null = the configuration wants none. Throws when its file cannot be opened. */
export function openAccessLog(settings: Config['log'], shared: ProcessLog): OpenAccessLog | null {
  const { access, accessFormat, accessDestination, identities } = settings;
  if (!access) return null;
  const isW3c = accessFormat === 'w3c';
  const file =
    accessDestination === undefined ? null : openLineFile(accessDestination, isW3c ? W3C_HEADER : '');
  const log = new AccessLog(file ?? shared, isW3c ? new W3cLines(identities) : new JsonLines(identities));
  return {
    log,
    dropped: () => log.dropped + (file?.dropped() ?? 0),
    reopen: () => file?.reopen(),
    drain: async () => {
      log.flush();
      await file?.drain();
    },
  };
}

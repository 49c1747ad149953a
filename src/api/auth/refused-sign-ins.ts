// Owns the record of refused sign-ins: in the log and in the audit, a bounded number of them.
import type { AuditSink } from '../../journal/audit-log.ts';
import type { ProcessLog } from '../../telemetry/logger.ts';
import type { OnRefused } from './sign-in.ts';

const HOUR_MS = 3_600_000;
/** Recorded in an hour, of all addresses. */
const MAX_IN_HOUR = 100;
/** Of one address within the window of the limit: its first tries. */
const MAX_OF_ADDRESS = 5;

/** Records refusals: nobody can fill the audit with them. */
export function refusedSignIns(audit: AuditSink, { logger }: ProcessLog): OnRefused {
  let since = -Infinity;
  let count = 0;
  return (address, tries, now) => {
    if (Math.abs(now - since) >= HOUR_MS) {
      since = now;
      count = 0;
    }
    if (tries > MAX_OF_ADDRESS || count >= MAX_IN_HOUR) return;
    count += 1;
    logger.warn({ code: 'EASGATE_API_UNAUTHENTICATED', address, tries }, 'a sign-in was refused');
    void audit.record({
      at: now,
      by: 'nobody',
      via: 'api',
      operation: 'sign_in_refused',
      subject: address,
      ...(count === MAX_IN_HOUR && { comment: 'further ones within the hour are not recorded' }),
    });
  };
}

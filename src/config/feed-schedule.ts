// Owns the check of a feed's schedule. Apart from the schema, so that commands that never run a feed load no scheduler.
import { Cron } from 'croner';

/** What is wrong with a schedule that {@link isSchedule} refuses. */
export const NO_SCHEDULE = 'must be a schedule that comes to pass, such as "*/15 * * * *"';

/** Whether a schedule is understood, and comes to pass. */
export function isSchedule(text: string): boolean {
  try {
    return new Cron(text).nextRun(new Date(0)) !== null;
  } catch {
    return false;
  }
}

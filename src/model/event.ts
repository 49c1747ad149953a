// Owns the names of the events of the decision journal.
import type { z } from 'zod';
import { word } from './fields.ts';

/** Names of events; stable, because operators search for them. */
export const journalEventSchema = word(
  {
    device_throttled: 'the battery guard paused a device (503)',
    device_busy: 'a device had too many concurrent requests',
    device_refused: 'a device was refused whose credentials the mail server accepted',
    ping_superseded: 'Pings of one device repeatedly replace each other',
    poll_ended: 'a changed decision ended a held poll',
    request_ended: 'a changed decision ended another request',
    wipe_told: 'a wipe order was sent to a device',
    wipe_acknowledged: 'a device acknowledged a wipe',
    wipe_failed: 'a device reported that a wipe failed',
    device_respelled:
      'a known phone used another spelling of its device id, which may be another client in its name',
  },
  'What happened',
);

/** Names of events. */
export type JournalEvent = z.infer<typeof journalEventSchema>;

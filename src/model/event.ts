// Owns the names of the events of the decision journal.
import type { z } from 'zod';
import { word } from './fields.ts';

/** Names of events; stable, because operators search for them. */
export const journalEventSchema = word(
  {
    device_throttled: 'the throttle told a device to wait',
    device_busy: 'a device had too many requests under way',
    device_refused: 'a device whose user the mail server knows may not pass',
    ping_superseded: 'Pings of one device keep ending each other',
    poll_ended: 'a change of a decision ended a held poll',
    request_ended: 'a change of a decision ended another request',
    wipe_told: 'a device was ordered to wipe',
    wipe_acknowledged: 'a device said that it wipes itself',
    wipe_failed: 'a device said that it cannot',
    device_respelled:
      'a phone that was known comes under another spelling of its device id: a sign of somebody in its place',
  },
  'What happened',
);

/** Names of events. */
export type JournalEvent = z.infer<typeof journalEventSchema>;

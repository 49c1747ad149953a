// Owns the names of events.
import type { z } from 'zod';
import { word } from './fields.ts';

/** Names of events; stable, as operators search for them. */
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
    verdict_changed: 'the verdict on a known phone is another one than when it was last seen',
    device_shared: 'a device id that was known is used by a further user: a new owner, or a made-up id',
    agent_changed:
      'a known phone changes its User-Agent again and again within a day: two clients under one id',
    many_devices: 'a user who has many devices came with a further one',
    feed_run: 'a feed was read',
    outage: 'the directory did not answer for a while',
    policy_changed: 'another version of the policy decides, or runs in the shadow',
    journal_overflow:
      'events are missing before this one: there were too many, or the journal could not be written for too long',
  },
  'What happened',
);

/** Names of events. */
export type JournalEvent = z.infer<typeof journalEventSchema>;

/** Events of the gateway as a whole: they concern no phone, and are not counted by device. */
export type GatewayEvent = 'feed_run' | 'outage' | 'policy_changed' | 'journal_overflow';

/** Events of a phone or a user. */
export type DeviceEvent = Exclude<JournalEvent, GatewayEvent>;

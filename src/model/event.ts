// Owns the types of events of the decision journal: of phones, of the gateway, of operators. Their names and meanings: event-names.ts.
import type { z } from 'zod';
import { EVENT_MEANINGS } from './event-names.ts';
import { word } from './fields.ts';

/** Names of events; stable, because operators search for them. */
export const journalEventSchema = word(EVENT_MEANINGS, 'What happened');

/** Names of events. */
export type JournalEvent = z.infer<typeof journalEventSchema>;

/** Events of the gateway as a whole: they concern no phone, and are not counted by device. */
export type GatewayEvent = 'feed_run' | 'outage' | 'policy_changed' | 'journal_overflow';

/** Events that an operator caused: each is written by itself. */
export type OperatorEvent = 'successor_accepted';

/** Events of a phone or a user. */
export type DeviceEvent = Exclude<JournalEvent, GatewayEvent | OperatorEvent>;

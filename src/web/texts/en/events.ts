// Owns the English words for events of the journal, by their names.

export const events: Readonly<Record<string, string>> = {
  device_throttled: 'Paused: too many requests',
  device_busy: 'Too many requests at once',
  device_refused: 'Refused',
  ping_superseded: 'Pings replace each other',
  poll_ended: 'A decision ended the held poll',
  request_ended: 'A decision ended a request',
  wipe_told: 'The wipe was sent to the phone',
  wipe_acknowledged: 'The phone confirmed the wipe',
  wipe_failed: 'The phone could not be wiped',
  device_respelled: 'Another spelling of the device id',
  verdict_changed: 'The verdict changed',
  device_shared: 'The device id came with another user',
  agent_changed: 'The mail app changes often: two clients may use one id',
  many_devices: 'A user with many devices came with another one',
  successor_accepted: 'Decisions were copied to the device after its reset',
  feed_run: 'A feed was read, or got deliveries',
  outage: 'The directory did not answer',
  policy_changed: 'A gateway took another version of the policy',
  journal_overflow: 'Events are missing',
};

/** Runs of a feed, and its deliveries. */
export const feedEvents = {
  feed: (name: string) => `Feed ${name}`,
  nothing: 'nothing changed',
  held: 'held by a brake',
  failed: 'failed',
  outcomes: {
    repeated: 'delivered before, nothing changed',
    triggered: 'started another feed',
  } as Readonly<Record<string, string>>,
  deliveries: (shown: string) => `${shown} deliveries`,
  counts: {
    devices: (shown: string) => `devices changed: ${shown}`,
    devicesRemoved: (shown: string) => `devices removed: ${shown}`,
    users: (shown: string) => `users changed: ${shown}`,
    usersRemoved: (shown: string) => `users removed: ${shown}`,
    decisions: (shown: string) => `decisions: ${shown}`,
    accepted: (shown: string) => `records changed: ${shown}`,
    refused: (shown: string) => `refused: ${shown}`,
  },
};

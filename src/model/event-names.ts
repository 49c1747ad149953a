// Owns the names of events of the journal with their meanings, for the definitions of commands too: it loads nothing.

/** Names of events; stable, because operators search for them. */
export const EVENT_MEANINGS = {
  device_throttled: 'the throttle paused a device (503)',
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
  verdict_changed: 'the verdict on a known phone differs from the one recorded when it was last seen',
  device_shared: 'a known device id came with another user: a new owner, or an invented id',
  agent_changed:
    'the User-Agent of a known phone changed three times or more within a day: two clients use one id',
  many_devices: 'a user with ten devices or more came with another one',
  successor_accepted: 'decisions on a phone before its reset were copied to the device it is now',
  feed_run: 'a feed was read, or got deliveries',
  outage: 'the directory did not answer for a while',
  policy_changed:
    'a gateway took another version of the policy, as the live one, for a part of the users, or in the shadow',
  journal_overflow:
    'events are missing: there were too many, or the journal could not be written for too long',
} as const;

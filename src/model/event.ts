// Owns the names of events.

/** Names of events; stable, so that operators can search for them. */
export type JournalEvent =
  /** The battery guard paused a device. */
  | 'device_throttled'
  /** A device had too many requests under way. */
  | 'device_busy'
  /** A device with valid credentials was refused. */
  | 'device_refused'
  /** Pings of one device keep ending each other. */
  | 'ping_superseded'
  /** A change of a decision ended a held poll. */
  | 'poll_ended'
  /** A change of a decision ended another request. */
  | 'request_ended'
  /** A wipe order was sent to a device. */
  | 'wipe_told'
  /** A device confirmed that it wipes itself. */
  | 'wipe_acknowledged'
  /** A device reported that it cannot wipe itself. */
  | 'wipe_failed'
  /** A known phone used another spelling of its device id: possibly somebody else. */
  | 'device_respelled';

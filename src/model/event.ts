// Owns the names of events.

/** Names of events; stable, as operators search for them. */
export type JournalEvent =
  /** The battery guard told a device to wait. */
  | 'device_throttled'
  /** A device had too many requests under way. */
  | 'device_busy'
  /** A device whose user the mail server knows may not pass. */
  | 'device_refused'
  /** Pings of one device end each other again and again. */
  | 'ping_superseded'
  /** A change of a decision ended a held poll. */
  | 'poll_ended'
  /** A change of a decision ended another request. */
  | 'request_ended'
  /** A device was ordered to wipe. */
  | 'wipe_told'
  /** A device said that it wipes itself. */
  | 'wipe_acknowledged'
  /** A device said that it cannot. */
  | 'wipe_failed'
  /** A phone that was known comes under another spelling of its device id: a sign of somebody in its place. */
  | 'device_respelled';

// Owns the names of events and of operations with their meanings, for the definitions of commands too: it loads nothing.

/** Names of events; stable, because operators search for them. */
export const EVENT_MEANINGS = {
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

/** Names of what operators change; stable likewise. */
export const OPERATION_MEANINGS = {
  decide: 'a decision by hand on a device, a user, or a user on a device',
  decision_accept: 'a decision on a phone before its reset was copied to the device it is now',
  clear: 'a decision by hand was taken back',
  wipe: 'a wipe was ordered',
  report_device: 'a report on a device was written by hand',
  report_user: 'a report on a user was written by hand',
  import: 'the records of a file were brought into the directory',
  feed_run: 'a feed was run by hand',
  feed_confirm: 'a feed was run by hand, also where a brake holds it',
  policy_publish: 'a version of the policy was added, and is live',
  policy_rollback: 'another version of the policy is live',
  policy_shadow: 'the version of the policy in the shadow is another one, or none',
  policy_promote: 'the version of the policy in the shadow is live',
  policy_rollout: 'a version of the policy was rolled out to some users, or to more of them',
  policy_rollout_finish: 'the version of the policy that was rolled out is live',
  policy_rollout_abandon:
    'the roll-out of a version of the policy was abandoned: the live one decides for everybody',
  store_init: 'the directory was made',
  store_accept: 'the directory was accepted as it is',
  store_migrate: 'the directory was brought to the current layout',
  sign_in: 'somebody signed in to the dashboard',
  sign_in_refused: 'a token, link or account was refused; at most 100 of them in an hour are recorded',
  sign_out: 'somebody signed out of the dashboard',
  session_end: 'an admin ended the session of somebody',
  token_create: 'a token of the admin API was made',
  token_revoke: 'a token of the admin API was revoked',
  admin_setup: 'a one-time link for the first admin was made',
  change_interrupted:
    'a change through the admin API was under way when its process ended: it was made or not',
} as const;

// Owns the names of operations in the audit with their meanings, for the definitions of commands too: it loads nothing.

/** Names of what operators change; stable, because operators search for them. */
export const OPERATION_MEANINGS = {
  decide: 'a manual decision on a device, a user, or a user on a device',
  decision_accept: 'a decision on a phone before its reset was copied to the device it is now',
  clear: 'a manual decision was taken back',
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

// Owns the fields by which lists of the read model can be ordered, and their columns. Loads nothing: every command defines its
// options with them.

/** Of phones. */
export const MODEL_FIELDS = {
  device: 'device',
  user: 'user',
  state: 'state',
  reason: 'reason',
  type: 'type',
  model: 'model',
  os: 'os',
  firstSeen: 'first_seen',
  lastSeen: 'last_seen',
  lastAllowed: 'last_allowed',
  managed: 'managed',
  compliant: 'compliant',
  decision: 'decision',
  decidedBy: 'decision_by',
  lastCheckIn: 'last_check_in',
  stateSince: 'state_since',
  decisionExpiresAt: 'decision_expires',
  exceptionExpiresAt: 'exception_expires',
} as const;

/** Of decisions. */
export const DECISION_FIELDS = {
  device: 'device',
  user: 'user',
  action: 'action',
  state: 'state',
  source: 'source',
  by: 'owner',
  decidedAt: 'decided_at',
  expiresAt: 'expires_at',
} as const;

/** Of users, whose name is their id. */
export const USER_FIELDS = {
  user: 'id',
  devices: 'devices',
  allowed: 'allowed',
  quarantined: 'quarantined',
  blocked: 'blocked',
  firstSeen: 'first_seen',
  lastSeen: 'last_seen',
} as const;

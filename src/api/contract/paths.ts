// Owns the list of operations of the admin API: name, method, path, the role that it needs. No code, so that the dashboard can
// import it; the schemas of each are in operations.ts.

/** What people and tokens may do; each has all of the ones before it. */
export const ROLES = ['viewer', 'helpdesk', 'operator', 'admin'] as const;

/** A role. */
export type Role = (typeof ROLES)[number];

/** One operation. */
export interface OperationPath {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below {@link BASE}; `{name}` is a parameter. */
  readonly path: string;
  /** The least role that may use it; null = without being signed in. */
  readonly role: Role | null;
  /** One line for the reference. */
  readonly summary: string;
}

/** All operations are below this path. */
export const BASE = '/api/v1';

const get = (path: string, role: Role | null, summary: string): OperationPath => ({
  method: 'GET',
  path,
  role,
  summary,
});
const post = (path: string, role: Role | null, summary: string): OperationPath => ({
  method: 'POST',
  path,
  role,
  summary,
});
const put = (path: string, role: Role | null, summary: string): OperationPath => ({
  method: 'PUT',
  path,
  role,
  summary,
});
const remove = (path: string, role: Role | null, summary: string): OperationPath => ({
  method: 'DELETE',
  path,
  role,
  summary,
});

/** Every operation, by its name in OpenAPI. */
export const OPERATIONS = {
  signInWays: get('/sign-in', null, 'how one can sign in here'),
  signIn: post(
    '/session',
    null,
    'sign in with a token or the one-time set-up link; sets the cookie of a session',
  ),
  showSession: get('/session', 'viewer', 'who is signed in, with which role, until when'),
  signOut: remove('/session', 'viewer', 'end your own session'),

  showOverview: get('/overview', 'viewer', 'tiles with their trend, newest refusals, warnings, health'),
  showStatus: get(
    '/status',
    'viewer',
    'the running gateway: workers, directory, read model, leader, warnings',
  ),
  followCounters: get('/status/stream', 'viewer', 'counters every two seconds, as server-sent events'),

  listDevices: get('/devices', 'viewer', 'devices with their users, filtered and sorted, in pages'),
  countDevices: get('/devices/counts', 'viewer', 'how many match, by reason, model and group'),
  showDevice: get('/devices/{device}', 'viewer', 'all data about one device'),
  explainAccess: get(
    '/devices/{device}/explanation',
    'viewer',
    'why a user gets mail on the device, or does not',
  ),
  decide: put(
    '/devices/{device}/decision',
    'helpdesk',
    'allow, quarantine or block the device, or one user on it',
  ),
  clearDecision: remove(
    '/devices/{device}/decision',
    'helpdesk',
    'take a decision back; to cancel a wipe needs the role operator',
  ),
  planWipe: get(
    '/devices/{device}/wipe',
    'operator',
    'whom a wipe would concern, and why it cannot be ordered',
  ),
  orderWipe: post('/devices/{device}/wipe', 'operator', 'order the device to erase itself, or one account'),
  acceptSuccessor: post(
    '/devices/{device}/successor',
    'operator',
    'give the decisions of a reset device to its successor',
  ),
  decideMany: post('/decisions', 'operator', 'the same decision for many devices; a preview first'),
  listDecisions: get('/decisions', 'viewer', 'manual decisions and those of feeds'),

  listUsers: get('/users', 'viewer', 'users with their devices'),
  showUser: get('/users/{user}', 'viewer', 'all data about one user'),
  decideUser: put(
    '/users/{user}/decision',
    'helpdesk',
    'allow, quarantine or block a user with every device',
  ),
  clearUserDecision: remove('/users/{user}/decision', 'helpdesk', 'take the decision on a user back'),

  showPolicy: get(
    '/policy',
    'viewer',
    'the policy in use, the one that is rolled out to a part of the users, and the one in the shadow',
  ),
  listPolicyVersions: get('/policy/versions', 'viewer', 'the latest versions, the newest first'),
  showPolicyVersion: get('/policy/versions/{version}', 'viewer', 'one version with its text'),
  checkPolicy: post('/policy/check', 'viewer', 'problems and warnings of a document, with line and column'),
  diffPolicy: post(
    '/policy/diff',
    'viewer',
    'which phones a document would decide otherwise; it runs in the background',
  ),
  showPolicyDiff: get('/policy/diff/{diff}', 'viewer', 'how far a comparison is, and what it found'),
  publishPolicy: post(
    '/policy/publish',
    'admin',
    'put a document in use, for everybody or a part of the users',
  ),
  shadowPolicy: post(
    '/policy/shadow',
    'operator',
    'evaluate a document on real traffic, beside the live policy',
  ),
  endShadow: remove('/policy/shadow', 'operator', 'end the shadow'),
  promoteShadow: post(
    '/policy/shadow/promote',
    'admin',
    'put the document in the shadow in use, for everybody or a part of the users',
  ),
  widenRollout: post('/policy/rollout/widen', 'admin', 'roll the version out to more users'),
  finishRollout: post(
    '/policy/rollout/finish',
    'admin',
    'put the version that is rolled out in use for everybody',
  ),
  abandonRollout: post(
    '/policy/rollout/abandon',
    'admin',
    'end the roll-out: the live version decides for everybody again',
  ),
  rollBackPolicy: post('/policy/rollback', 'admin', 'put the version before, or a given one, in use again'),
  simulate: post('/policy/simulate', 'viewer', 'decide made-up facts or a recorded request'),

  listFeeds: get('/feeds', 'viewer', 'the feeds with their health'),
  runFeed: post('/feeds/{feed}/run', 'operator', 'run a feed now'),
  confirmFeed: post('/feeds/{feed}/confirm', 'operator', 'write what a brake holds'),

  queryJournal: get('/journal', 'viewer', 'what happened, the newest first'),
  followJournal: get('/journal/stream', 'viewer', 'new events, as server-sent events'),
  queryAudit: get('/audit', 'operator', 'who changed what, the newest first'),

  showReport: get(
    '/reports/{report}',
    'viewer',
    'inventory, blocked, stale, exceptions, duplicates, near-misses, would-block, grandfathered; as JSON or CSV',
  ),
  importFile: post('/import', 'operator', 'import the records of a file into the directory'),
  exportRows: get('/export/{what}', 'viewer', 'exactly what a list shows, as CSV or NDJSON'),

  listTokens: get('/tokens', 'admin', 'tokens, without their secrets'),
  createToken: post('/tokens', 'admin', 'a new token; its secret is shown once'),
  revokeToken: remove('/tokens/{token}', 'admin', 'end a token and its sessions'),
  listSessions: get('/sessions', 'admin', 'who is signed in'),
  endSession: remove('/sessions/{session}', 'admin', 'end a session'),
} as const satisfies Record<string, OperationPath>;

/** The name of an operation. */
export type OperationName = keyof typeof OPERATIONS;

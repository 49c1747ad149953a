// Owns the English texts of the page of tokens and sessions.

export const access = {
  lead: 'Who may use the admin API and this dashboard',
  create: 'New token',
  tokens: {
    title: 'Tokens',
    none: 'There is no token.',
    column: { name: 'Name', role: 'Role', by: 'Made by', made: 'Made', ends: 'Ends', used: 'Last used' },
    never: 'never',
    noEnd: 'no end',
    ended: 'ended',
    revoke: 'Revoke',
    revokeFor: (name: string) => `Revoke ${name}`,
  },
  form: {
    title: 'New token',
    name: 'Name',
    nameHint: 'What it is for, such as the name of a script',
    role: 'Role',
    roles: {
      viewer: 'viewer: looks at everything but tokens, sessions and the audit',
      helpdesk: 'helpdesk: also decides about one device or user',
      operator: 'operator: also decides about many, wipes, runs feeds',
      admin: 'admin: also publishes policies and makes tokens',
    },
    ends: 'Ends',
    days: (shown: string) => `in ${shown} days`,
    noEnd: 'never',
    button: 'Make the token',
    madeTitle: 'The token is made',
    made: 'Copy it now. It is not shown again: only its hash is stored.',
  },
  revoke: {
    title: (name: string) => `Revoke ${name}`,
    lead: 'Requests with this token, and the sessions that began with it, end at once. It cannot be undone.',
    button: 'Revoke the token',
  },
  sessions: {
    title: 'Sessions',
    none: 'Nobody is signed in.',
    column: { name: 'Name', role: 'Role', by: 'By', began: 'Began', used: 'Last used', ends: 'Ends' },
    by: { token: 'token', setUp: 'one-time link', provider: 'provider' },
    own: 'this one',
    end: 'End',
    endFor: (name: string) => `End the session of ${name}`,
  },
};

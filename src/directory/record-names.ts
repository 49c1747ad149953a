// Owns the names of records in messages: of malformed ones, and in `easgate check --store`.

export const recordNames = {
  decision: (device: string | null, user: string | null): string =>
    ['decision', device, user].filter((part) => part !== null).join(' '),
  imported: (source: string, device: string | null, user: string | null): string =>
    ['imported decision', source, device, user].filter((part) => part !== null).join(' '),
  device: (device: string, source: string): string => `device ${device} ${source}`,
  user: (user: string, source: string): string => `user ${user} ${source}`,
  partnership: (user: string, device: string): string => `partnership ${user} ${device}`,
} as const;

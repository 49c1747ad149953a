// Owns the address of the page of a user.

/** Characters with a meaning in addresses are encoded. */
export function userHref(user: string): string {
  return `/users/${encodeURIComponent(user)}`;
}

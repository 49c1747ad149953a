// Owns the branded key types, so that a raw string is never mistaken for a canonical identity.

/** Canonical user: lower-case, domain prefix removed, UPN kept with its domain. */
export type UserKey = string & { readonly __brand: 'UserKey' };

/** Canonical device id: see eas-protocol facts, canonical identity. */
export type DeviceKey = string & { readonly __brand: 'DeviceKey' };

// Owns the branded key types, so that a raw string is never mistaken for a canonical identity.

/** A user name as it signs in, lower-case: `carol`, `contoso\\carol` or `carol@contoso.com` (see user-names.ts). */
export type UserKey = string & { readonly __brand: 'UserKey' };

/** A device, whatever its id is spelled as: see device.ts. */
export type DeviceKey = string & { readonly __brand: 'DeviceKey' };

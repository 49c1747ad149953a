// Owns the branded key types, so that a raw string is never mistaken for a canonical identity.

/** The lower-case login name of a user: `carol`, `contoso\\carol` or `carol@contoso.com` (see user-names.ts). */
export type UserKey = string & { readonly __brand: 'UserKey' };

/** The canonical key of a device, independent of how its id is spelled (see device.ts). */
export type DeviceKey = string & { readonly __brand: 'DeviceKey' };

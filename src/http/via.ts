// Owns the header Via: the name of this gateway in it, and the detection of loops (RFC 9110 7.6.3). Pure.

/** Written into every forwarded request. */
export const VIA_PSEUDONYM = 'easgate';

/** Whether one entry of Via (`protocol received-by comment`) is this gateway's. */
export function cameThroughHere(via: string): boolean {
  return via.split(',').some((entry) => entry.trim().split(/[ \t]+/, 2)[1] === VIA_PSEUDONYM);
}

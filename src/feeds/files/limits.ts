// Owns the limit on the size of files. No code, so that reading the configuration loads none.

/** Largest file in megabytes, unpacked, where no other limit is given: 500,000 devices with 16 KB each. */
export const MAX_MEGABYTES = 8_192;

// Owns from which age on the state of workers and of lists is shown as old. No code, so that the dashboard and commands can load it.

/** Changes reach phones and lists late when the state is older than this, milliseconds. */
export const OLD_STATE_MS = 10_000;

// Owns what a worker or the control process sends to its supervisor.

/**
 * Sends a message to the process that started this one. A failure means that it has ended: the event `disconnect` follows, and
 * stops this process.
 */
export function tellSupervisor(message: object): void {
  if (process.connected) process.send?.(message, undefined, {}, ignore);
}

function ignore(): void {
  // without a callback the failure would be an uncaught error
}

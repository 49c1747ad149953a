// Owns the messages about addresses that cannot be listened on, with advice for the operator.

/** An address that cannot be listened on. */
export class ListenError extends Error {
  readonly code = 'EASGATE_LISTEN';
}

/** The message for an error; `field` is the configuration field of the address. */
export function listenTrouble(error: unknown, address: string, port: number, field: string): ListenError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const at = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  return new ListenError(`cannot listen on ${at} (${field}): ${reason(code, message, port)}`, {
    cause: error,
  });
}

/** Whether another socket has the address. */
export function isAddressInUse(error: unknown): boolean {
  if (!(error instanceof ListenError)) return false;
  return (error.cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
}

function reason(code: string, message: string, port: number): string {
  switch (code) {
    case 'EADDRINUSE':
      return (
        `another program uses it, perhaps another easgate (EADDRINUSE). ` +
        `\`ss -ltnp 'sport = :${port}'\` shows which; stop that one, or choose another port`
      );
    case 'EACCES':
      return (
        `${port < 1_024 ? 'a port below 1024 requires a permission' : 'the system forbids it'} (EACCES). ` +
        'With systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE; else `sysctl net.ipv4.ip_unprivileged_port_start=' +
        `${port < 1_024 ? port : 1024}\`; or choose a port above 1023`
      );
    case 'EADDRNOTAVAIL':
      return 'this host does not have the address (EADDRNOTAVAIL). `ip address` shows its addresses';
    case 'ENOTFOUND':
    case 'EINVAL':
      return `not an address of this host (${code})`;
    default:
      return message;
  }
}

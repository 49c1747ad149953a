// Owns the look-up of the process that holds a connection, in the tables of Linux.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** Process id by the phone's port, for the open connections of these processes to `port`. */
export function holdersOf(port: number, pids: readonly number[]): ReadonlyMap<number, number> {
  const pidOf = new Map(pids.flatMap((pid) => socketsOf(pid).map((inode) => [inode, pid] as const)));
  const holders = new Map<number, number>();
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    // proc_net_tcp(5): number, local and remote address as HEX:PORT, state, ..., inode as the tenth.
    const fields = line.trim().split(/\s+/);
    if (portOf(fields[1]) !== port) continue;
    const pid = pidOf.get(fields[9] ?? '');
    if (pid !== undefined) holders.set(portOf(fields[2]), pid);
  }
  return holders;
}

function portOf(address = ''): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16);
}

function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1] ?? [];
    } catch {
      // Closed since it was listed.
      return [];
    }
  });
}

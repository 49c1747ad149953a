// Owns waiting until somebody listens on a port of this host.
import { connect } from 'node:net';

/** Resolves when a connection can be made; rejects after ten seconds. */
export async function untilListening(port: number): Promise<void> {
  const end = performance.now() + 10_000;
  while (performance.now() < end) {
    const listening = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      const finish = (made: boolean): void => {
        socket.destroy();
        resolve(made);
      };
      socket.once('connect', () => finish(true));
      socket.once('error', () => finish(false));
    });
    if (listening) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nobody listens on port ${port}`);
}

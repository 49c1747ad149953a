// Owns waiting until somebody listens on a port of this host.
import { connect } from 'node:net';
import { until } from './until.ts';

/** Resolves when a connection can be made. */
export async function untilListening(port: number): Promise<void> {
  await until(() => accepts(port), `somebody to listen on port ${port}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const finish = (made: boolean): void => {
      socket.destroy();
      resolve(made);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

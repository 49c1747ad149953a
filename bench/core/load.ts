// Owns one load run: a process of its own on the second core; prints autocannon's result as one JSON line.
import autocannon from 'autocannon';
import { BLOCKED_DEVICE, CONNECTIONS, DEVICES, SYNC_BODY, headers, target } from './traffic.ts';

/** The requests: of allowed devices, the same with a different head each time, or of the blocked device. */
export type LoadKind = 'forward' | 'changing' | 'block';

/** One line of JSON on the command line. */
export interface LoadOrder {
  readonly port: number;
  readonly seconds: number;
  readonly kind: LoadKind;
  readonly secure: boolean;
}

const order = JSON.parse(process.argv[2] ?? '') as LoadOrder;
let connections = 0;

const { requests, latency, errors, timeouts, non2xx } = await autocannon({
  url: `${order.secure ? 'https' : 'http'}://127.0.0.1:${order.port}`,
  connections: CONNECTIONS,
  duration: order.seconds,
  // The certificate was created for this run, so it is not verified.
  ...(order.secure ? { tlsOptions: { rejectUnauthorized: false, servername: 'mail.example.com' } } : {}),
  // One phone per connection, as in production.
  setupClient: (client) => {
    const device = order.kind === 'block' ? BLOCKED_DEVICE : (DEVICES[connections++] as string);
    const request = {
      method: 'POST',
      path: target('Sync', device),
      headers: headers(),
      body: SYNC_BODY,
    } as const;
    const other = { ...request, headers: { ...headers(), 'X-Turn': '2' } };
    client.setRequests(order.kind === 'changing' ? [request, other] : [request]);
  },
});
const result = {
  total: requests.total,
  perSecond: requests.average,
  p50: latency.p50,
  p99: latency.p99,
  errors: errors + timeouts,
  non2xx,
};
process.stdout.write(`${JSON.stringify(result)}\n`);

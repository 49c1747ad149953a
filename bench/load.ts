// Owns one load run: a process of its own on the second core; prints autocannon's result as one JSON line.
import autocannon from 'autocannon';
import { BLOCKED_DEVICE, CONNECTIONS, DEVICES, SYNC_BODY, headers, target } from './traffic.ts';

const [port, seconds, kind] = process.argv.slice(2);
const devices = kind === 'block' ? [BLOCKED_DEVICE] : DEVICES;
let connections = 0;
const { requests, latency, errors, timeouts, non2xx } = await autocannon({
  url: `http://127.0.0.1:${port}`,
  connections: CONNECTIONS,
  duration: Number(seconds),
  // One phone per connection, as in life.
  setupClient: (client) => {
    const device = devices[connections++ % devices.length] as string;
    client.setRequests([
      { method: 'POST', path: target('Sync', device), headers: headers(), body: SYNC_BODY },
    ]);
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

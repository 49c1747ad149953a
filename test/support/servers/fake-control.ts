// Owns a control process that says that it is ready, and answers no question; tests of the supervisor run it.
import type { ToControl } from '../../../src/supervisor/control-messages.ts';

process.on('message', ({ type }: ToControl) => {
  if (type === 'start') process.send?.({ type: 'ready' });
  if (type === 'stop') process.exit(0);
});
process.on('disconnect', () => process.exit(0));

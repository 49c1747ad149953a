// Owns a control process that says that it is ready, and answers the questions that its arguments name; tests of the supervisor run it.
import type { ToControl } from '../../../src/supervisor/control-messages.ts';

const answered: readonly string[] = process.argv.slice(2);

process.on('message', (message: ToControl) => {
  if (message.type === 'start') process.send?.({ type: 'ready' });
  if (message.type === 'stop') process.exit(0);
  if (message.type === 'question' && answered.includes(message.question))
    process.send?.({ type: 'answer', id: message.id, answer: { pid: process.pid } });
});
process.on('disconnect', () => process.exit(0));

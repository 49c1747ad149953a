// Owns a read model of tests that answers only what clients of the admin API ask.
import type { ModelQuestions } from '../../../src/api/questions/model-questions.ts';

/**
 * Gives what clients ask to `ask`. What the API itself asks at the end of each minute, for its trends, has no answer: it would be counted
 * among the questions of a test that is running then. Clients of such a test do not ask for the overview.
 */
export function clientQuestions(ask: ModelQuestions['ask']): ModelQuestions {
  return {
    ask: (name, question, asker) =>
      name === 'tiles' ? Promise.withResolvers<never>().promise : ask(name, question, asker),
  };
}

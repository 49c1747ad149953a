// Owns answers to questions to a read model in the calling thread: for models in memory.
import { answerQuestion } from '../../../src/api/questions/model-questions.ts';
import type {
  Asker,
  ModelAnswerOf,
  ModelQuestions,
  QuestionName,
  QuestionOf,
} from '../../../src/api/questions/model-questions.ts';
import type { ModelReader } from '../../../src/directory/read-model/model-reader.ts';

/** Answers at once. */
export class DirectQuestions implements ModelQuestions {
  private readonly reader: ModelReader;

  constructor(reader: ModelReader) {
    this.reader = reader;
  }

  async ask<Name extends QuestionName>(
    name: Name,
    question: QuestionOf<Name>,
    { signal }: Asker = {},
  ): Promise<ModelAnswerOf<Name>> {
    signal?.throwIfAborted();
    return answerQuestion(this.reader, name, question);
  }
}

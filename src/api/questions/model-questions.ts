// Owns the questions of the admin API to the read model: what each takes and answers, and how long it may take. They run in
// threads of their own (threaded-questions.ts).
import { csvParts } from '../../app/csv.ts';
import { DUPLICATE_CSV, NEAR_MISS_CSV } from '../../app/csv-columns.ts';
import { matchedDevices } from '../../app/decide-many.ts';
import type { ManyDevices, MatchedDevices } from '../../app/decide-many.ts';
import { listDecisions } from '../../app/decision-list.ts';
import type { DecisionFilter, DecisionRow } from '../../app/decision-list.ts';
import { duplicateReport, nearMissReport, phoneCounts, phoneRows } from '../../app/reports.ts';
import type { PhoneReportName, ReportCounts, ReportQuestion } from '../../app/reports.ts';
import type { Page, PageRequest } from '../../app/list-pages.ts';
import { countBy, countDevices, listDevices } from '../../app/device-list.ts';
import type { DeviceFilter } from '../../app/device-list.ts';
import { attributesIn } from '../../app/unknown-names.ts';
import type { AttributeNames } from '../../app/unknown-names.ts';
import { devicesInModel, namesInModel } from '../../app/user-search-in-model.ts';
import { listUsers } from '../../app/users.ts';
import type { UserFilter } from '../../app/users.ts';
import type { PageCursor } from '../../directory/read-model/model-page.ts';
import type { Duplicate, NearMiss } from '../../directory/read-model/similar-devices.ts';
import type {
  ModelPage,
  ModelReader,
  NamedCount,
  SeenCounts,
} from '../../directory/read-model/model-reader.ts';
import type { ModelRow } from '../../directory/read-model/model-row.ts';
import type { ModelUser } from '../../directory/read-model/model-users.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { tilesNow } from '../overview/tiles.ts';
import type { TilesNow } from '../overview/tiles.ts';

/** A page, and up to which moment the model has the changes: milliseconds since the epoch. */
export interface DatedPage<Row> extends Page<Row> {
  readonly confirmedAt: number;
}

/** Numbers of matching devices. */
export interface DeviceCounts {
  readonly total: SeenCounts;
  readonly byReason: readonly NamedCount[];
  readonly byModel: readonly NamedCount[];
  readonly byGroup: readonly NamedCount[];
}

/** A report of pairs of devices. */
export type PairReportName = 'duplicates' | 'near-misses';

/** The first pairs of a report, and the numbers of all. */
export interface PairReport {
  readonly counts: ReportCounts;
  readonly rows: readonly (Duplicate | NearMiss)[];
  /** There are more. */
  readonly isCut: boolean;
}

/** What the phone of a refusal is. */
export interface PhoneKind {
  readonly model: string | null;
  readonly os: string | null;
  /** Time of its last request if that was allowed, milliseconds since 1970; null = it was refused, or there was none. */
  readonly allowedAt: number | null;
}

/** A device with a user; `user` null = any; `device` null = none. */
export interface PhoneName {
  readonly device: string | null;
  readonly user: string | null;
}

/** Questions of a few milliseconds. Values of questions and answers can be sent to another thread. `now`: milliseconds since the epoch. */
const QUICK = {
  devices: (
    reader: ModelReader,
    { filter, request }: { readonly filter: DeviceFilter; readonly request: PageRequest },
  ): DatedPage<ModelRow> => ({ ...listDevices(reader, filter, request), confirmedAt: confirmedAt(reader) }),
  users: (
    reader: ModelReader,
    { filter, request }: { readonly filter: UserFilter; readonly request: PageRequest },
  ): DatedPage<ModelUser> => ({ ...listUsers(reader, filter, request), confirmedAt: confirmedAt(reader) }),
  decisions: (
    reader: ModelReader,
    {
      filter,
      request,
      now,
    }: { readonly filter: DecisionFilter; readonly request: PageRequest; readonly now: number },
  ): DatedPage<DecisionRow> => ({
    ...listDecisions(reader, filter, request, now),
    confirmedAt: confirmedAt(reader),
  }),
  /** Up to which moment the model has the changes: milliseconds since the epoch. */
  confirmedAt: (reader: ModelReader, _question: null): number => confirmedAt(reader),
  /** Devices that a report lists. */
  reportRows: (
    reader: ModelReader,
    question: {
      readonly name: PhoneReportName;
      readonly asked: ReportQuestion;
      readonly limit: number;
      /** Null = from the start. */
      readonly after: PageCursor | null;
    },
  ): ModelPage => phoneRows(reader, question.name, question.asked, question.limit, question.after),
  /** Attributes that were ever reported. */
  attributes: (reader: ModelReader, _question: null): AttributeNames => attributesIn(reader),
  /** How many phones were seen. */
  seenPhones: (reader: ModelReader, _question: null): number =>
    reader.stateCounts().reduce((total, { state, phones }) => total + (state === 'unseen' ? 0 : phones), 0),
  /** Of each phone; null = the model has none of this name. */
  phoneKinds: (reader: ModelReader, names: readonly PhoneName[]): readonly (PhoneKind | null)[] =>
    names.map((name) => kindOf(reader, name)),
  namesLike: (reader: ModelReader, names: readonly UserKey[]): readonly UserKey[] =>
    namesInModel(reader, names),
  devicesOf: (reader: ModelReader, names: readonly UserKey[]): readonly DeviceKey[] =>
    devicesInModel(reader, names),
};

/** Questions that may read the whole model: seconds, with a million phones. */
const SLOW = {
  deviceCounts: (
    reader: ModelReader,
    { filter, now }: { readonly filter: DeviceFilter; readonly now: number },
  ): DeviceCounts => ({
    total: countDevices(reader, filter, now),
    byReason: countBy(reader, 'reason', filter, now),
    byModel: countBy(reader, 'model', filter, now),
    byGroup: countBy(reader, 'groups', filter, now),
  }),
  tiles: (reader: ModelReader, { now }: { readonly now: number }): TilesNow => tilesNow(reader, now),
  reportCounts: (
    reader: ModelReader,
    { name, asked }: { readonly name: PhoneReportName; readonly asked: ReportQuestion },
  ): ReportCounts => phoneCounts(reader, name, asked),
  pairReport: (
    reader: ModelReader,
    { name, now, limit }: { readonly name: PairReportName; readonly now: number; readonly limit: number },
  ): PairReport => {
    const { counts, rows } =
      name === 'duplicates' ? duplicateReport(reader, now) : nearMissReport(reader, now);
    return { counts, rows: [...rows].slice(0, limit), isCut: rows.length > limit };
  },
  /** All pairs as CSV, in texts of a few hundred rows: those cost little to send to another thread. */
  pairFile: (
    reader: ModelReader,
    { name, now }: { readonly name: PairReportName; readonly now: number },
  ): readonly string[] =>
    name === 'duplicates'
      ? [...csvParts(DUPLICATE_CSV, duplicateReport(reader, now).rows)]
      : [...csvParts(NEAR_MISS_CSV, nearMissReport(reader, now).rows)],
  matchedDevices: (reader: ModelReader, many: ManyDevices): MatchedDevices => matchedDevices(reader, many),
};

const ANSWERS = { ...QUICK, ...SLOW };

/** The name of a question. */
export type QuestionName = keyof typeof ANSWERS;

/** What a question takes. */
export type QuestionOf<Name extends QuestionName> = Parameters<(typeof ANSWERS)[Name]>[1];

/** What a question answers. */
export type ModelAnswerOf<Name extends QuestionName> = ReturnType<(typeof ANSWERS)[Name]>;

/** Who asks a question. */
export interface Asker {
  /** Whom limits are about: nobody can fill a queue alone. Absent = the API itself. */
  readonly id?: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}

/** The read model, as the routes ask it. */
export interface ModelQuestions {
  /**
   * Answers a question. Rejects with the signal's reason when that comes first; with ProgramError as the use cases, and
   * EASGATE_NO_READ_MODEL; with ApiError EASGATE_API_LISTS_BUSY.
   */
  ask<Name extends QuestionName>(
    name: Name,
    question: QuestionOf<Name>,
    asker?: Asker,
  ): Promise<ModelAnswerOf<Name>>;
}

/** Whether a question may take seconds. */
export function isSlow(name: QuestionName): boolean {
  return Object.hasOwn(SLOW, name);
}

/** Answers a question at once. @throws ProgramError */
export function answerQuestion<Name extends QuestionName>(
  reader: ModelReader,
  name: Name,
  question: QuestionOf<Name>,
): ModelAnswerOf<Name> {
  const answer = ANSWERS[name] as (reader: ModelReader, question: QuestionOf<Name>) => ModelAnswerOf<Name>;
  return answer(reader, question);
}

function confirmedAt(reader: ModelReader): number {
  return reader.state().confirmedAt;
}

function kindOf(reader: ModelReader, { device, user }: PhoneName): PhoneKind | null {
  if (device === null) return null;
  const { rows } = reader.page({ device }, [{ field: 'lastSeen', descending: true }], 10);
  const row = rows.find((one) => user === null || one.user === user);
  return row === undefined
    ? null
    : { model: row.model, os: row.os, allowedAt: row.state === 'allowed' ? row.lastSeen : null };
}

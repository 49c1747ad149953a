// Owns removing malformed parts of a document, so that the rest can be checked.
import type { Problem } from './problem.ts';
import { policySchema } from './schema.ts';
import type { PolicyDocument } from './schema.ts';
import { shapeProblems } from './shape.ts';

/** Each round removes something; real documents need few. */
const MAX_ROUNDS = 20;

type Container = Record<PropertyKey, unknown>;

/** The well-formed rest of a document, with unchanged positions; null = nothing to check. */
export function pruneDocument(value: unknown, problems: readonly Problem[]): PolicyDocument | null {
  if (!isContainer(value) || Array.isArray(value)) return null;
  const left = structuredClone(value);
  let wrong = problems;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    for (const { path } of wrong) takeOut(left, path);
    const parsed = policySchema.safeParse(left);
    if (parsed.success) return parsed.data;
    wrong = shapeProblems(parsed.error.issues, left);
  }
  return null;
}

function takeOut(root: Container, path: readonly PropertyKey[]): void {
  if (path.length === 0) return;
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((found, key) => (isContainer(found) ? found[key] : undefined), root);
  const key = path.at(-1) as PropertyKey;
  const [section, name] = path;
  if (section === 'lists' && name !== undefined) {
    // The list keeps its name, so that references to it are valid.
    const lists = root['lists'];
    if (isContainer(lists) && /^[A-Za-z0-9_.-]+$/.test(String(name))) lists[name] = [];
    else delete root['lists'];
  } else if (Array.isArray(parent)) {
    // Other entries of the list keep their positions.
    if (path.length === 2 && section === 'rules') parent[Number(key)] = { action: 'allow' };
    else if (path.length === 2 && section === 'compliance') parent[Number(key)] = { require: {} };
    else takeOut(root, path.slice(0, -1));
  } else if (isContainer(parent) && Object.hasOwn(parent, key)) {
    delete parent[key];
  } else if (isContainer(parent) && (key === 'action' || key === 'require')) {
    parent[key] = key === 'action' ? 'allow' : {};
  } else {
    // A required part is missing: the whole section cannot be checked.
    takeOut(root, path.slice(0, -1));
  }
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

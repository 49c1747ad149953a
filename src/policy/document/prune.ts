// Owns taking the parts that have no right shape out of a document, so that its other parts can be checked too.
import type { Problem } from './problem.ts';
import { policySchema } from './schema.ts';
import type { PolicyDocument } from './schema.ts';
import { shapeProblems } from './shape.ts';

/** Each round takes something out; nobody's document is wrong at more levels. */
const MAX_ROUNDS = 20;

type Container = Record<PropertyKey, unknown>;

/** What is left of a document with problems, in its right shape, at the same places; null = nothing that can be checked. */
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
    // The list keeps its name: what refers to it is not wrong.
    const lists = root['lists'];
    if (isContainer(lists) && /^[A-Za-z0-9_.-]+$/.test(String(name))) lists[name] = [];
    else delete root['lists'];
  } else if (Array.isArray(parent)) {
    // Others of a list keep their places.
    if (path.length === 2 && section === 'rules') parent[Number(key)] = { action: 'allow' };
    else if (path.length === 2 && section === 'compliance') parent[Number(key)] = { require: {} };
    else takeOut(root, path.slice(0, -1));
  } else if (isContainer(parent) && Object.hasOwn(parent, key)) {
    delete parent[key];
  } else if (isContainer(parent) && (key === 'action' || key === 'require')) {
    parent[key] = key === 'action' ? 'allow' : {};
  } else {
    // Something else is missing: the whole cannot be checked.
    takeOut(root, path.slice(0, -1));
  }
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

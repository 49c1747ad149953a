// Owns the comparison of two texts line by line. Pure.

/** A line of either text, or of both; its numbers there, null = it is not in that text. */
export interface DiffLine {
  readonly kind: 'same' | 'added' | 'removed';
  readonly text: string;
  readonly before: number | null;
  readonly after: number | null;
}

/** The cost is the product of the lines that differ; larger texts are compared as a whole. */
const MAX_COST = 4_000_000;

/** The lines of both, in order: what is removed stands before what is added in its place. */
export function lineDiff(before: string, after: string): DiffLine[] {
  const [a, b] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end])
    end++;
  const lines: DiffLine[] = [];
  const same = (i: number, j: number): void => {
    lines.push({ kind: 'same', text: a[i] ?? '', before: i + 1, after: j + 1 });
  };
  for (let i = 0; i < start; i++) same(i, i);
  middle(a, b, start, end, lines, same);
  for (let i = end; i > 0; i--) same(a.length - i, b.length - i);
  return lines;
}

/** Longest common subsequence of what is between the common beginning and the common end. */
function middle(
  a: readonly string[],
  b: readonly string[],
  start: number,
  end: number,
  lines: DiffLine[],
  same: (i: number, j: number) => void,
): void {
  const [height, width] = [a.length - start - end, b.length - start - end];
  const isSmall = height * width <= MAX_COST;
  const row = width + 1;
  const longest = new Uint32Array(isSmall ? (height + 1) * row : 0);
  const at = (i: number, j: number): number => longest[i * row + j] ?? 0;
  if (isSmall)
    for (let i = height - 1; i >= 0; i--)
      for (let j = width - 1; j >= 0; j--)
        longest[i * row + j] =
          a[start + i] === b[start + j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  let [i, j] = [0, 0];
  while (i < height || j < width) {
    const [x, y] = [start + i, start + j];
    if (isSmall && i < height && j < width && a[x] === b[y]) {
      same(x, y);
      i++;
      j++;
    } else if (i < height && (j === width || !isSmall || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ kind: 'removed', text: a[x] ?? '', before: x + 1, after: null });
      i++;
    } else {
      lines.push({ kind: 'added', text: b[y] ?? '', before: null, after: y + 1 });
      j++;
    }
  }
}

/** How many lines differ: one that was replaced counts once. */
export function changedLines(lines: readonly DiffLine[]): number {
  const count = (kind: DiffLine['kind']): number => lines.filter((line) => line.kind === kind).length;
  return Math.max(count('added'), count('removed'));
}

/** Only the lines that differ, with so many around them; null stands for what is left out. */
export function nearChanges(lines: readonly DiffLine[], around = 3): (DiffLine | null)[] {
  const isNear = new Uint8Array(lines.length);
  for (const [index, { kind }] of lines.entries())
    if (kind !== 'same') isNear.fill(1, Math.max(0, index - around), index + around + 1);
  const shown: (DiffLine | null)[] = [];
  for (const [index, line] of lines.entries())
    if (isNear[index] === 1) shown.push(line);
    else if (index === 0 || isNear[index - 1] === 1) shown.push(null);
  return shown;
}

/** What a change of a node's spec means for what is there. Pure. */

type Labels = Readonly<Record<string, string>>;

/** As a merge patch has it: null for those that go. */
export function changedLabels(from: Labels, to: Labels): Record<string, string | null> {
  const gone = Object.keys(from).filter((name) => !(name in to));
  const come = Object.entries(to).filter(([name, value]) => from[name] !== value);
  return Object.fromEntries([...gone.map((name): [string, null] => [name, null]), ...come]);
}

interface Taint {
  key: string;
  value?: string;
  effect: string;
}

/** All taints that the node is to have; undefined where it has them already. Those of neither list stay. */
export function changedTaints<T extends Taint>(
  present: readonly T[],
  from: readonly T[],
  to: readonly T[],
): T[] | undefined {
  const same = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
  const equal = (a: Taint, b: Taint): boolean => same(a, b) && (a.value ?? "") === (b.value ?? "");
  const gone = from.filter((taint) => !to.some((other) => same(taint, other)));
  const come = to.filter((taint) => !from.some((other) => equal(taint, other)));
  const isGone = (taint: T): boolean => gone.some((other) => same(taint, other));
  const isMissing = (taint: T): boolean => !present.some((other) => equal(taint, other));
  if (!present.some(isGone) && !come.some(isMissing)) return undefined;
  const staying = present.filter((taint) => !isGone(taint) && !come.some((other) => same(taint, other)));
  return [...staying, ...come];
}

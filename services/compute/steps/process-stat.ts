export interface ProcessStat {
  parent: string;
  /** Neither a zombie nor on its way to be one. */
  lives: boolean;
}

/** Of `/proc/<pid>/stat`: `12 (the name) S 1 ...`, whose name may hold anything; undefined for the empty text of a process that has ended. */
export function parseStat(text: string): ProcessStat | undefined {
  const [state, parent] = text.slice(text.lastIndexOf(")") + 2).split(" ", 2);
  return state === undefined || parent === undefined ? undefined : { parent, lives: state !== "Z" && state !== "X" };
}

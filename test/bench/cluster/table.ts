/** Seconds: the median, and each round's. */
export interface Figure {
  median: number;
  all: number[];
}

/** Figures of one part, by what was done. */
export type Part = Record<string, Figure>;

const WIDTH = 26;

/** For people. The last column is the part of kind's time that it took. */
export function table(parts: Record<string, Part>): string {
  const lines = [row("part", "what", "median s", "rounds", "of kind's")];
  for (const [name, part] of Object.entries(parts)) {
    for (const [what, { median, all }] of Object.entries(part)) {
      const kind = what.startsWith("gantry") ? part[what.replace("gantry", "kind")] : undefined;
      lines.push(row(name, what, median.toFixed(2), String(all.length), kind ? (median / kind.median).toFixed(3) : ""));
    }
  }
  const { three, "two-at-once": two } = parts;
  if (three?.["gantry"] && two?.["gantry"]) {
    lines.push(`two at once: ${(two["gantry"].median / three["gantry"].median).toFixed(2)} x one`);
  }
  return `${lines.join("\n")}\n`;
}

function row(...cells: string[]): string {
  return cells
    .map((cell) => cell.padEnd(WIDTH))
    .join("")
    .trimEnd();
}

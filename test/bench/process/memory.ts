import { readFile } from "node:fs/promises";

const KIB = 1024;

/** Memory of a process as the kernel counts it: PSS shares what several processes map among them. */
export async function memoryOf(pid: number): Promise<{ pssBytes: number; privateBytes: number }> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const field = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1];
    if (found === undefined) throw new Error(`smaps_rollup of ${pid} has no ${name}`);
    return Number(found) * KIB;
  };
  return { pssBytes: field("Pss"), privateBytes: field("Private_Clean") + field("Private_Dirty") };
}

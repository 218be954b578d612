import { isMissingTool, run } from "../../common/process/run.ts";

const NVIDIA_SMI_TIMEOUT_MS = 10_000;
const QUERY = "index,name,memory.total,mig.mode.current";

export interface NvidiaGpu {
  /** `0`; `0:1` for slice 1 of GPU 0. */
  index: string;
  model: string;
  /** 0 where not known. */
  memoryBytes: number;
}

/** What nvidia-smi shows; none where the tool is missing or finds no driver. */
export async function nvidiaGpus(signal: AbortSignal): Promise<NvidiaGpu[]> {
  const limits = { signal, timeoutMs: NVIDIA_SMI_TIMEOUT_MS };
  try {
    const [table, list] = await Promise.all([
      run("nvidia-smi", [`--query-gpu=${QUERY}`, "--format=csv,noheader,nounits"], limits),
      run("nvidia-smi", ["-L"], limits),
    ]);
    return parseNvidia(table.stdout, list.stdout);
  } catch (error) {
    signal.throwIfAborted();
    if (isMissingTool(error)) return [];
    throw error;
  }
}

/** GPUs from the table (csv); where slices are on, the slices that the list shows in place of the whole. */
export function parseNvidia(table: string, list: string): NvidiaGpu[] {
  const slices = parseSlices(list);
  return table
    .trim()
    .split("\n")
    .filter((line) => line.includes(","))
    .flatMap((line) => {
      const [index = "", model = "", memoryMiB = "", mig = ""] = line.split(",").map((field) => field.trim());
      const whole = { index, model, memoryBytes: (Number(memoryMiB) || 0) * 1024 * 1024 };
      if (mig !== "Enabled") return [whole];
      return (slices.get(index) ?? []).map(({ number, profile }) => ({
        index: `${index}:${number}`,
        model: `${model} MIG ${profile}`,
        memoryBytes: sliceBytes(profile),
      }));
    });
}

/** Lines `GPU 0: ...` and below them `  MIG 1g.5gb      Device  0: (UUID: MIG-...)`. */
function parseSlices(list: string): Map<string, { number: string; profile: string }[]> {
  const found = new Map<string, { number: string; profile: string }[]>();
  let gpu = "";
  for (const line of list.split("\n")) {
    gpu = /^GPU (\d+):/.exec(line)?.[1] ?? gpu;
    const slice = /^\s+MIG (\S+)\s+Device\s+(\d+):/.exec(line);
    if (slice) found.set(gpu, [...(found.get(gpu) ?? []), { number: slice[2]!, profile: slice[1]! }]);
  }
  return found;
}

/** `1g.5gb` names its memory. */
function sliceBytes(profile: string): number {
  return Number(/\.(\d+)gb/.exec(profile)?.[1] ?? 0) * 1024 ** 3;
}

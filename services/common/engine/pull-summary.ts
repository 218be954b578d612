import type { PullProgress } from "./api/images.ts";

interface Layer {
  current: number;
  total: number;
  done: boolean;
}

const DONE = new Set(["Pull complete", "Already exists"]);
const MIB = 1024 * 1024;

/** One line and a percentage out of the many lines of a pull. The size of a layer is known when its download begins. */
export class PullSummary {
  readonly #layers = new Map<string, Layer>();

  add({ id, status = "", progressDetail }: PullProgress): void {
    const known = id === undefined ? undefined : this.#layers.get(id);
    if (
      id === undefined ||
      (known === undefined && !/^(Pulling fs layer|Waiting|Downloading|Already exists)/.test(status))
    ) {
      return;
    }
    const layer = known ?? { current: 0, total: 0, done: false };
    this.#layers.set(id, layer);
    if (DONE.has(status)) layer.done = true;
    if (layer.done || status === "Download complete") layer.current = layer.total;
    else if (status === "Downloading" && progressDetail?.total) {
      layer.current = progressDetail.current ?? 0;
      layer.total = progressDetail.total;
    }
  }

  /** Of the bytes known of so far; -1 before the first. */
  get percent(): number {
    const { current, total } = this.#bytes();
    return total === 0 ? -1 : Math.floor((100 * current) / total);
  }

  get text(): string {
    const layers = [...this.#layers.values()];
    if (layers.length === 0) return "asking the registry";
    const done = layers.filter((layer) => layer.done).length;
    const { current, total } = this.#bytes();
    return `pulling layer ${Math.min(done + 1, layers.length)} of ${layers.length} (${mib(current)} of ${mib(total)})`;
  }

  #bytes(): { current: number; total: number } {
    const sum = { current: 0, total: 0 };
    for (const layer of this.#layers.values()) {
      sum.current += layer.current;
      sum.total += layer.total;
    }
    return sum;
  }
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0)} MiB`;
}

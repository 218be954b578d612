import type { MirrorClient } from "../../../gateway/mirror/client.ts";

/** An observer that remembers all that it must not see. */
export class MirrorWatch {
  readonly name: string;
  readonly client: MirrorClient;
  readonly violations: string[] = [];
  /** Each state an origin was told to be in, `compute live`. */
  readonly origins: string[] = [];
  /** Keys that were taken out by a delta. */
  readonly deleted: string[] = [];
  resets = 0;

  constructor(name: string, client: MirrorClient) {
    this.name = name;
    this.client = client;
    client.on("mismatch", (error) => this.violations.push(`mismatch: ${error.message}`));
    client.on("failed", (error) => this.violations.push(`failed: ${error.message}`));
    client.on("frame", (frame) => {
      if (frame.t === "origin") this.origins.push(`${frame.name} ${frame.state}`);
      if (frame.t === "snapshot" && frame.part === 0) this.resets++;
      if (frame.t === "delta") for (const op of frame.ops) if (op.op === "del") this.deleted.push(op.k);
    });
  }

  /** All its origins are live and its state is whole. */
  get settled(): boolean {
    const { replica } = this.client;
    const ours = [...replica.origins.values()].filter(({ message }) => message !== "not configured");
    return replica.synced && ours.every(({ state }) => state === "live");
  }
}

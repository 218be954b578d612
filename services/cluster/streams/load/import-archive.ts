import type { Engine } from "../../../common/engine/engine.ts";
import { failedPrecondition } from "../../../common/errors/errors.ts";
import { TextTail } from "../../nodes/text-tail.ts";
import { collect, runPlain } from "../node-command.ts";
import { snapshotterOf } from "./snapshotter.ts";

const CONFIG_BYTES_MAX = 256 * 1024;
const OUTPUT_BYTES_MAX = 4 * 1024;

/** containerd's own words for what is no archive of images, or not a whole one. */
const NO_ARCHIVE = /unrecognized image format|archive\/tar:|unexpected EOF|invalid (?:tar|gzip)|no valid/i;

export interface ImportTarget {
  engine: Engine;
  /** Id of a node's container, which runs. */
  container: string;
}

/** What the import failed with. */
export class ImportFailure extends Error {
  /** The archive itself is at fault, not the node. */
  readonly ofArchive: boolean;

  constructor(output: string) {
    const line = output.trim().split("\n").at(-1) ?? "";
    super(line.replace(/^ctr: /, "") || "ctr ended without a word");
    this.ofArchive = NO_ARCHIVE.test(line);
  }
}

/** Gives a node's containerd an archive of images, where its kubelet finds them. Taken no faster than it unpacks. Throws ImportFailure. */
export async function importArchive(
  { engine, container }: ImportTarget,
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const dump = { engine, container, command: ["containerd", "config", "dump"] };
  const config = await collect(dump, CONFIG_BYTES_MAX, signal);
  const snapshotter = snapshotterOf(config);
  if (snapshotter === undefined) {
    throw failedPrecondition(
      "NODE_COMMAND_FAILED",
      "its containerd does not say which snapshotter it unpacks images with",
    );
  }
  const command = ["ctr", "--namespace=k8s.io", "images", "import", "--digests", `--snapshotter=${snapshotter}`, "-"];
  const said = new TextTail(OUTPUT_BYTES_MAX);
  const take = async (_stream: string, data: Buffer): Promise<void> => said.add(data);
  const code = await runPlain({ engine, container, command, input: archive }, take, signal);
  if (code !== 0) throw new ImportFailure(said.text);
}

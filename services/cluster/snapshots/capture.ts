import { createWriteStream } from "node:fs";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { getArchive, inspectContainer } from "../../common/engine/api/containers.ts";
import { engineInfo } from "../../common/engine/api/info.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import { archiveFolder } from "./archive.ts";
import { checkSpace, mib } from "./check-space.ts";
import { archivesOf, type NodeFolder, nodeFolder } from "./folders.ts";
import { sizeOfFolder } from "./size-of-folder.ts";
import { letRun, standStill } from "./stand-still.ts";
import { varFolderOf } from "./var-folder.ts";

const HOUR_MS = 3_600_000;
/** What a delta may take: after it the nodes must run on. */
const DELTA_TIMEOUT_MS = 60_000;
const PROGRESS_INTERVAL_MS = 500;

export interface CaptureOptions {
  engine: Engine;
  nodes: readonly Node[];
  /** Of the host; made anew. Holds keys: nobody else may look into it. */
  folder: string;
  /** The state is to be put into nodes of this engine afterwards. */
  forNodes: boolean;
  signal: AbortSignal;
  progress: (percent: number, message: string) => void;
}

export interface Captured {
  sizeBytes: number;
  /** How long the nodes stood still. */
  pausedMs: number;
}

interface Source {
  container: string;
  var: string;
  image: string;
  to: NodeFolder;
  bytes: number;
}

/** The state of all nodes at one moment: copied while they run, then what has changed since while they stand still. */
export async function capture(options: CaptureOptions): Promise<Captured> {
  const { engine, folder, nodes, forNodes, signal, progress } = options;
  await letRun(
    engine,
    nodes.map(({ meta }) => containerNameOfNode(meta!.name)),
  );
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  progress(0, "looking at the nodes");
  const sources = await Promise.all(nodes.map((node) => sourceOf(options, node)));
  const total = sources.reduce((bytes, source) => bytes + source.bytes, 0);
  const { DockerRootDir } = await engineInfo(engine, { signal });
  await checkSpace([{ folder, bytes: total }, ...(forNodes ? [{ folder: DockerRootDir, bytes: total }] : [])]);
  const stop = report(sources, total, progress);
  try {
    await Promise.all(sources.map((source) => copyRunning(engine, source, signal)));
  } finally {
    stop();
  }
  progress(-1, "the nodes stand still for what has changed meanwhile");
  const containers = sources.map(({ container }) => container);
  const pausedMs = await standStill(engine, containers, signal, async () => {
    await Promise.all(sources.map((source) => copyStill(source, signal)));
  });
  const sizes = sources.flatMap(({ to }) => archivesOf(to)).map(async (path) => (await stat(path)).size);
  return { sizeBytes: (await Promise.all(sizes)).reduce((a, b) => a + b, 0), pausedMs };
}

async function sourceOf({ engine, folder, signal }: CaptureOptions, node: Node): Promise<Source> {
  const container = containerNameOfNode(node.meta!.name);
  const found = await inspectContainer(engine, container, { signal });
  const at = await varFolderOf(found);
  return {
    container,
    var: at,
    image: found.Image,
    to: nodeFolder(folder, node),
    bytes: await sizeOfFolder(at, signal),
  };
}

async function copyRunning(engine: Engine, source: Source, signal: AbortSignal): Promise<void> {
  const { container, image, to } = source;
  await mkdir(to.folder, { mode: 0o700 });
  await writeFile(to.image, image, { mode: 0o600 });
  const { base: archive, state } = to;
  await archiveFolder({ folder: source.var, archive, state, still: false, timeoutMs: HOUR_MS, signal });
  for (const root of to.roots) await copyRoot(engine, container, root, signal);
}

async function copyRoot(engine: Engine, container: string, root: NodeFolder["roots"][number], signal: AbortSignal) {
  const file = createWriteStream(root.archive, { mode: 0o600 });
  await pipeline(await getArchive(engine, container, root.path, { signal }), file, { signal });
}

async function copyStill({ var: folder, to }: Source, signal: AbortSignal): Promise<void> {
  const { delta: archive, state } = to;
  await archiveFolder({ folder, archive, state, still: true, timeoutMs: DELTA_TIMEOUT_MS, signal });
}

/** By what has been written so far. */
function report(sources: readonly Source[], total: number, progress: CaptureOptions["progress"]): () => void {
  const look = async (): Promise<void> => {
    const sizes = await Promise.all(sources.map(({ to }) => sizeSoFar(to.base)));
    const written = sizes.reduce((a, b) => a + b, 0);
    progress(
      Math.min(99, Math.floor((100 * written) / Math.max(1, total))),
      `copying ${mib(written)} of ${mib(total)} MiB`,
    );
  };
  const timer = setInterval(() => void look(), PROGRESS_INTERVAL_MS);
  return () => clearInterval(timer);
}

async function sizeSoFar(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    // Not begun.
    return 0;
  }
}

import { createContainer, removeContainer, startContainer } from "../../common/engine/api/containers.ts";
import { statPath } from "../../common/engine/api/stat-path.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { GantryError } from "../../common/errors/errors.ts";
import { IMAGE_CONTAINER_LABELS, imageContainerName } from "../clusters/image-containers.ts";
import { LIST_IMAGES } from "../nodes/commands.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { waitUntil } from "../steps/wait-until.ts";

/** Unknown to every image, so that it is carried with the rest of `/var`. */
const ARCHIVE = "/var/gantry-images.tar";
const CTR = ["ctr", "--namespace", "k8s.io", "images"];
const LIST_BYTES_MAX = 1024 ** 2;
const TIMEOUT_MS = 60_000;
const INTERVAL_MS = 100;
/** Names of Kubernetes' own, which a new version brings in its own version, and of contents without a name. */
const OWN = /\/kube-(apiserver|controller-manager|scheduler|proxy)(-[a-z0-9]+)?:|^sha256:|@sha256:/;

interface NodeOf {
  engine: Engine;
  container: string;
  signal: AbortSignal;
}

/** What a node image ships, as its own containerd says it, in a container on the cluster's network that is gone afterwards. */
export async function shippedImages(
  { engine, host }: { engine: Engine; host: string },
  { imageId, network }: { imageId: string; network: string },
  signal: AbortSignal,
): Promise<Set<string>> {
  const container = imageContainerName(host);
  const tmpfs = { "/tmp": "", "/run": "" };
  const body = {
    Image: imageId,
    Tty: true,
    Labels: IMAGE_CONTAINER_LABELS,
    HostConfig: { Privileged: true, CgroupnsMode: "private" as const, NetworkMode: network, Tmpfs: tmpfs },
    Volumes: { "/var": {} },
  };
  try {
    await createContainer(engine, container, body, { signal });
    await startContainer(engine, container, { signal });
    return new Set(await imagesIn({ engine, container, signal }));
  } finally {
    await removeContainer(engine, container, { timeoutMs: TIMEOUT_MS });
  }
}

/** Puts aside, inside the node, what was loaded into it and is not `shipped`. */
export async function keepImages(node: NodeOf, shipped: ReadonlySet<string>): Promise<void> {
  const loaded = (await imagesIn(node)).filter((name) => !shipped.has(name) && !OWN.test(name));
  if (loaded.length > 0) await runInNode({ ...node, command: [...CTR, "export", ARCHIVE, ...loaded] });
}

/** Takes what was put aside into the runtime of the node as it is now. */
export async function takeImages(node: NodeOf): Promise<void> {
  const { engine, container, signal } = node;
  if (!(await statPath(engine, container, ARCHIVE, { signal }))) return;
  await imagesIn(node);
  await runInNode({ ...node, command: [...CTR, "import", ARCHIVE] });
  await runInNode({ ...node, command: ["rm", "--force", ARCHIVE] });
}

/** As soon as its containerd answers. */
async function imagesIn(node: NodeOf): Promise<string[]> {
  const listed = await waitUntil({
    what: `the runtime of ${node.container} answers`,
    timeoutMs: TIMEOUT_MS,
    intervalMs: INTERVAL_MS,
    signal: node.signal,
    look: () => unlessRefused(() => runInNode({ ...node, command: LIST_IMAGES, outputBytesMax: LIST_BYTES_MAX })),
  });
  return listed.split("\n").filter((name) => name !== "");
}

/** Of what is only starting. */
async function unlessRefused(work: () => Promise<string>): Promise<string | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof GantryError && error.reason === "NODE_COMMAND_FAILED") return undefined;
    throw error;
  }
}

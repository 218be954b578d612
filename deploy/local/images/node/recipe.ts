import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { openPrivateApt } from "../../packages/apt.ts";
import { readOsRelease } from "../../packages/os-release.ts";
import type { ImageRecipe, ImageWork } from "../recipe.ts";
import { layOutRootfs, packTar } from "../rootfs.ts";
import { requireFreeSpace } from "./free-space.ts";
import { packPodImages } from "./pod-images.ts";
import { kubernetesPrograms } from "./programs.ts";
import { nodeRootfs } from "./rootfs.ts";
import { runInRoot } from "./run-in-root.ts";
import { debian12Sources } from "./sources.ts";

const PRELOAD_TIMEOUT_MS = 300_000;
const MAKE_TIMEOUT_MS = 3_600_000;
const FREE_BYTES_MIN = 4 * 1024 ** 3;
const PRELOAD = join(import.meta.dirname, "preload.sh");
/** Where a node keeps what its /var only links to. */
const STORE = "/usr/share/node-images";

/** A Kubernetes node to kind's contract, of Debian's Kubernetes source under that version's name. */
export function nodeImage(version: string, official: string): ImageRecipe {
  return {
    name: `node-${version}`,
    official,
    sources: [import.meta.dirname],
    make: (work) => makeNode(version, work),
    makeTimeoutMs: MAKE_TIMEOUT_MS,
    changes: [
      "ENV container=docker",
      "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "STOPSIGNAL SIGRTMIN+3",
      'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]',
    ],
  };
}

async function makeNode(version: string, { dir, cacheDir, target, say }: ImageWork): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("making a node image needs root");
  const programs = await kubernetesPrograms(join(cacheDir, "kubernetes"), version, say);
  requireFreeSpace(dir, FREE_BYTES_MIN, "making a node image");
  say(`making the image of a Kubernetes ${version} node from packages`);
  const apt = await openPrivateApt(join(dir, "apt"), readOsRelease(), "empty", debian12Sources);
  const root = join(dir, "root");
  await layOutRootfs(apt, nodeRootfs(programs, version), root);
  const preload = join(root, "preload");
  await packPodImages(apt, version, programs, dir, join(preload, "archives"));
  await copyFile(PRELOAD, join(preload, "preload.sh"));
  await runInRoot(root, ["bash", "/preload/preload.sh", "/preload/archives", STORE], { timeoutMs: PRELOAD_TIMEOUT_MS });
  await rm(preload, { recursive: true });
  await packTar(root, target);
}

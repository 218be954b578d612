import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { PrivateApt } from "../../packages/apt.ts";
import { chooseNftables, linkApplets } from "../finish.ts";
import { layOutRootfs, type RootfsRecipe } from "../rootfs.ts";
import { type OciRunConfig, packOciArchive } from "./oci-archive.ts";
import type { PROGRAMS } from "./programs.ts";

/** An image that a node brings for its pods. */
interface PodImage {
  names: string[];
  /** From packages; without them the image has its programs alone. */
  packages?: RootfsRecipe;
  /** Programs that were built, and the folders they go to. */
  programs: [name: (typeof PROGRAMS)[number] | "pause", folder: string][];
  config: OciRunConfig;
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** The names by which kubeadm 1.20 and containerd ask, whatever version the content is of. */
const ETCD = "k8s.gcr.io/etcd:3.4.13-0";
const PAUSE = "k8s.gcr.io/pause:3.2";

export function podImages(version: string): PodImage[] {
  const static_ = (["kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const).map((name): PodImage => ({
    names: [`k8s.gcr.io/${name}:${version}`],
    programs: [[name, "usr/local/bin"]],
    config: { Entrypoint: [name], Env: [PATH] },
  }));
  return [
    ...static_,
    {
      names: [`k8s.gcr.io/kube-proxy:${version}`],
      packages: {
        packages: ["iptables", "conntrack", "busybox-static"],
        without: [/^(gcc-\d+-base|debconf|perl|libc-bin|kmod)/],
        finish: async (root) => {
          await linkApplets(root);
          await chooseNftables(root);
        },
      },
      programs: [["kube-proxy", "usr/local/bin"]],
      config: { Entrypoint: ["/usr/local/bin/kube-proxy"], Env: [PATH] },
    },
    {
      names: [ETCD],
      packages: {
        packages: ["etcd-server", "etcd-client"],
        without: [/^(?!etcd-|libc6_|libgcc-s1_)/],
        finish: () => Promise.resolve(),
      },
      programs: [],
      config: { Entrypoint: ["etcd"], Env: [PATH] },
    },
    { names: [PAUSE], programs: [["pause", "."]], config: { Entrypoint: ["/pause"], User: "65535:65535" } },
    {
      names: ["docker.io/library/busybox:latest", "docker.io/library/busybox:1.35"],
      packages: { packages: ["busybox-static"], without: [/^(?!busybox-static_)/], finish: linkApplets },
      programs: [],
      config: { Cmd: ["sh"], Env: [PATH] },
    },
  ];
}

/** Makes the archives of all of them in `folder`. */
export async function packPodImages(
  apt: PrivateApt,
  version: string,
  programs: string,
  workDir: string,
  folder: string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [index, image] of podImages(version).entries()) {
    const root = join(workDir, `pod-image-${index}`);
    if (image.packages) await layOutRootfs(apt, image.packages, root);
    for (const [name, target] of image.programs) {
      await mkdir(join(root, target), { recursive: true });
      await copyFile(join(programs, name), join(root, target, name));
    }
    await packOciArchive(root, image.names, image.config, join(folder, `${index}.tar`));
    await rm(root, { recursive: true });
  }
}

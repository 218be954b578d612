import { cp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { chooseNftables, gatherCertificates } from "../finish.ts";
import type { RootfsRecipe } from "../rootfs.ts";
import { runInRoot } from "./run-in-root.ts";
import { trimSystemd } from "./systemd.ts";

const FINISH_TIMEOUT_MS = 60_000;
const FILES = join(import.meta.dirname, "files");

const SYSTEM = ["systemd", "systemd-sysv", "dbus", "containerd", "runc", "containernetworking-plugins"];
const NETWORK = [
  "iptables",
  "nftables",
  "conntrack",
  "ethtool",
  "socat",
  "iproute2",
  "kmod",
  "netbase",
  "ca-certificates",
];
/** What kubelet, kubeadm, kind and people call. */
const COMMANDS =
  "bash dash coreutils diffutils findutils grep gzip hostname libc-bin mawk mount procps sed tar util-linux".split(" ");
const CNI_PLUGINS = [
  "bandwidth",
  "bridge",
  "firewall",
  "host-local",
  "loopback",
  "macvlan",
  "portmap",
  "ptp",
  "tuning",
];

/** A node without Kubernetes' own programs and images. */
export function nodeRootfs(programs: string, version: string): RootfsRecipe {
  return {
    packages: [...SYSTEM, ...NETWORK, ...COMMANDS],
    // What only the scripts of packages use.
    without: [
      /^(adduser|debconf|dpkg|gcc-\d+-base|init-system-helpers|openssl|passwd|usrmerge|dbus-session-bus-common|dmsetup)_/,
      /^(perl|libperl|perl-modules|lib[a-z-]*-perl|libgdbm|libdb5|libpam-modules|libsemanage|libsepol)/,
    ],
    finish: async (root) => {
      await cp(FILES, root, { recursive: true });
      await layOutMachine(root);
      await trimSystemd(root);
      await layOutKubernetes(root, programs, version);
      for (const command of [["systemd-sysusers"], ["ldconfig"]])
        await runInRoot(root, command, { timeoutMs: FINISH_TIMEOUT_MS });
    },
  };
}

/** What the packages' scripts would have done. */
async function layOutMachine(root: string): Promise<void> {
  await chooseNftables(root);
  await symlink("xtables-nft-multi", join(root, "usr/sbin/ebtables"));
  await symlink("mawk", join(root, "usr/bin/awk"));
  if (!existsSync(join(root, "bin/sh"))) await symlink("dash", join(root, "bin/sh"));
  await gatherCertificates(root);
  await rm(join(root, "usr/share/ca-certificates"), { recursive: true });
  for (const folder of ["etc/cni/net.d", "etc/containerd/certs.d", "var/log", "var/cache"])
    await mkdir(join(root, folder), { recursive: true });
  for (const [name, target] of [
    ["run", "/run"],
    ["lock", "/run/lock"],
  ] as const) {
    await rm(join(root, "var", name), { recursive: true, force: true });
    await symlink(target, join(root, "var", name));
  }
  // Of runtimes that Kubernetes does not use here.
  for (const shim of ["containerd-shim", "containerd-shim-runc-v1"]) await rm(join(root, "usr/bin", shim));
}

async function layOutKubernetes(root: string, programs: string, version: string): Promise<void> {
  for (const name of ["kubeadm", "kubelet", "kubectl", "crictl"])
    await cp(join(programs, name), join(root, "usr/bin", name));
  await mkdir(join(root, "opt/cni/bin"), { recursive: true });
  for (const name of CNI_PLUGINS) await cp(join(root, "usr/lib/cni", name), join(root, "opt/cni/bin", name));
  await rm(join(root, "usr/lib/cni"), { recursive: true });
  await mkdir(join(root, "etc/kubernetes/manifests"), { recursive: true });
  await writeFile(join(root, "kind/version"), version);
}

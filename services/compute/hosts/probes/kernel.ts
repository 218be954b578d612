import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { isMissingTool, run } from "../../../common/process/run.ts";
import type { Probe } from "./probe.ts";

const TIMEOUT_MS = 10_000;

/** Every kind of statement that Gantry's own rules are made of. */
const NFT_TABLE = `
table inet gantry_probe {
  map backends { typeof numgen inc mod 2 : ip daddr; elements = { 0 : 192.0.2.1, 1 : 192.0.2.2 } }
  set seen { type ipv4_addr; flags dynamic, timeout; timeout 1m; }
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr 192.0.2.9 dnat ip to numgen inc mod 2 map @backends
    ip daddr 192.0.2.8 dnat ip to jhash ip saddr mod 2 map { 0 : 192.0.2.1, 1 : 192.0.2.2 }
  }
  chain forward {
    type filter hook forward priority filter;
    ct state established,related accept
    ip saddr @seen update @seen { ip saddr } counter
  }
}
`;

/** Runs a command in a network namespace of its own, which ends with it. */
function inScratchNetwork(command: string, args: string[], signal: AbortSignal, input?: string): Promise<unknown> {
  const options = { timeoutMs: TIMEOUT_MS, signal, ...(input === undefined ? {} : { input }) };
  return run("unshare", ["--net", "--", command, ...args], options);
}

export const nftables: Probe = {
  name: "nftables",
  timeoutMs: TIMEOUT_MS,
  async try({ signal }) {
    await inScratchNetwork("nft", ["-f", "-"], signal, NFT_TABLE);
    return "nft loaded a table with nat, maps and sets in a scratch network namespace";
  },
};

export const vxlan: Probe = {
  name: "vxlan",
  timeoutMs: TIMEOUT_MS,
  async try({ signal }) {
    const link = [
      "link",
      "add",
      "gprobe0",
      "type",
      "vxlan",
      "id",
      "4094",
      "local",
      "127.0.0.1",
      "dstport",
      "4789",
      "nolearning",
    ];
    await inScratchNetwork("ip", link, signal);
    return "ip made a vxlan link in a scratch network namespace";
  },
};

export const wireguard: Probe = {
  name: "wireguard",
  timeoutMs: TIMEOUT_MS,
  async try({ signal }) {
    await inScratchNetwork("ip", ["link", "add", "gprobe0", "type", "wireguard"], signal);
    return "ip made a wireguard link in a scratch network namespace";
  },
};

export const ipvs: Probe = {
  name: "ipvs",
  timeoutMs: TIMEOUT_MS,
  async try({ signal }) {
    try {
      await inScratchNetwork("ipvsadm", ["-A", "-t", "127.0.0.1:1", "-s", "rr"], signal);
      return "ipvsadm made a virtual service in a scratch network namespace";
    } catch (error) {
      const { message } = error as Error;
      // unshare reports a missing tool in its own words.
      if (!isMissingTool(error) && !/ipvsadm: No such file/.test(message)) throw error;
    }
    await inScratchNetwork("cat", ["/proc/net/ip_vs"], signal);
    return "/proc/net/ip_vs is there; ipvsadm is not installed";
  },
};

export const brNetfilter: Probe = {
  name: "br-netfilter",
  timeoutMs: TIMEOUT_MS,
  async try({ signal }) {
    await inScratchNetwork("cat", ["/proc/sys/net/bridge/bridge-nf-call-iptables"], signal);
    return "bridge-nf-call-iptables can be read in a scratch network namespace";
  },
};

export const overlay: Probe = {
  name: "overlay",
  timeoutMs: TIMEOUT_MS,
  async try({ signal, scratchDir }) {
    const dir = (name: string): string => join(scratchDir, "overlay", name);
    for (const name of ["lower", "upper", "work", "merged"]) await mkdir(dir(name), { recursive: true });
    const options = `lowerdir=${dir("lower")},upperdir=${dir("upper")},workdir=${dir("work")}`;
    const mount = ["--mount", "--", "mount", "-t", "overlay", "overlay", "-o", options, dir("merged")];
    await run("unshare", mount, { timeoutMs: TIMEOUT_MS, signal });
    return "mounted an overlay in a scratch mount namespace";
  },
};

/** Smallest file that mkfs.btrfs takes without special options. */
const BTRFS_FILE_BYTES = 128 * 1024 * 1024;

export const btrfs: Probe = {
  name: "btrfs",
  timeoutMs: 20_000,
  async try({ signal, scratchDir }) {
    const image = join(scratchDir, "btrfs.img");
    const mountpoint = join(scratchDir, "btrfs");
    await mkdir(mountpoint);
    // Sparse: takes a few MiB.
    const file = await open(image, "wx");
    await file.truncate(BTRFS_FILE_BYTES).finally(() => file.close());
    await run("mkfs.btrfs", ["-q", image], { timeoutMs: TIMEOUT_MS, signal });
    // The mount, and with it the loop device, ends with its namespace.
    const mount = ["--mount", "--", "mount", "-t", "btrfs", "-o", "loop", image, mountpoint];
    await run("unshare", mount, { timeoutMs: TIMEOUT_MS, signal });
    return "made a btrfs in a file and mounted it in a scratch mount namespace";
  },
};

export const lxcfs: Probe = {
  name: "lxcfs",
  timeoutMs: TIMEOUT_MS,
  async try({ limitsView }) {
    const mounts = await limitsView.look();
    return `shows ${mounts.map(({ target }) => target).join(", ")}`;
  },
};

import { chmod, copyFile, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../process/run-command.ts";
import type { RootfsRecipe } from "./rootfs.ts";

export interface ImageRecipe extends RootfsRecipe {
  name: string;
  /** The image that a registry has. */
  official: string;
  /** Dockerfile instructions for what the tar cannot say. */
  changes: string[];
}

const APPLETS_TIMEOUT_MS = 10_000;
const ENTRYPOINT = join(import.meta.dirname, "dind-entrypoint.sh");
const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export const busyboxImage: ImageRecipe = {
  name: "busybox",
  official: "busybox:latest",
  packages: ["busybox-static"],
  without: [/^(?!busybox-static_)/],
  finish: linkApplets,
  changes: [`ENV ${PATH}`, 'CMD ["sh"]'],
};

export const dindImage: ImageRecipe = {
  name: "dind",
  official: "docker:dind",
  packages: [
    "busybox-static",
    "docker.io",
    "docker-cli",
    "containerd",
    "runc",
    "iptables",
    "openssl",
    "ca-certificates",
  ],
  without: [
    /^(systemd|mount|debconf|dmsetup|openrc|sysvinit-utils|gcc-\d+-base|perl|adduser|passwd|login|kmod)(-[a-z]+)?_/,
    /^lib(systemd-shared|cryptsetup|fdisk|p11-kit|pam|argon2|json-c|devmapper|audit|cap-ng|ffi|blkid|mount|smartcols|udev|acl|kmod|uuid|crypt1)[-a-z0-9]*_/,
  ],
  finish: async (root) => {
    await linkApplets(root);
    await chooseNftables(root);
    await gatherCertificates(root);
    await copyFile(ENTRYPOINT, join(root, "usr/local/bin/dockerd-entrypoint.sh"));
    await chmod(join(root, "usr/local/bin/dockerd-entrypoint.sh"), 0o755);
  },
  changes: [
    `ENV ${PATH}`,
    "ENV DOCKER_TLS_CERTDIR=/certs",
    "VOLUME /var/lib/docker",
    "EXPOSE 2375/tcp 2376/tcp",
    'ENTRYPOINT ["dockerd-entrypoint.sh"]',
  ],
};

/** Every busybox command that no package brings a program of its own for. */
async function linkApplets(root: string): Promise<void> {
  const busybox = join(root, "bin/busybox");
  const present = new Set((await Promise.all(["bin", "sbin"].map((folder) => readdir(join(root, folder))))).flat());
  await mkdir(join(root, "usr/local/bin"), { recursive: true });
  const applets = (await runCommand(busybox, ["--list"], { timeoutMs: APPLETS_TIMEOUT_MS })).split("\n");
  for (const applet of applets.filter((name) => name !== "" && !present.has(name))) {
    await symlink("busybox", join(root, "bin", applet));
  }
}

/** What update-alternatives does when iptables is installed. */
async function chooseNftables(root: string): Promise<void> {
  for (const family of ["iptables", "ip6tables"]) {
    for (const tool of ["", "-save", "-restore"])
      await symlink("xtables-nft-multi", join(root, "usr/sbin", `${family}${tool}`));
  }
}

async function gatherCertificates(root: string): Promise<void> {
  const source = join(root, "usr/share/ca-certificates/mozilla");
  const names = (await readdir(source)).filter((name) => name.endsWith(".crt")).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(source, name), "utf8")));
  await mkdir(join(root, "etc/ssl/certs"), { recursive: true });
  await writeFile(join(root, "etc/ssl/certs/ca-certificates.crt"), texts.join(""));
}

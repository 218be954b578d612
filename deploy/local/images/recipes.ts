import { chmod, copyFile } from "node:fs/promises";
import { join } from "node:path";
import { chooseNftables, gatherCertificates, linkApplets } from "./finish.ts";
import { nodeImage } from "./node/recipe.ts";
import { fromPackages, type ImageRecipe } from "./recipe.ts";

const MAKE_TIMEOUT_MS = 600_000;
const ENTRYPOINT = join(import.meta.dirname, "dind-entrypoint.sh");
const SOURCES = [
  "recipes.ts",
  "recipe.ts",
  "rootfs.ts",
  "finish.ts",
  "dind-entrypoint.sh",
  "../packages/sources.ts",
  "../packages/unpack.ts",
].map((path) => join(import.meta.dirname, path));
const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export const busyboxImage: ImageRecipe = {
  name: "busybox",
  official: "busybox:latest",
  sources: SOURCES,
  make: fromPackages({ packages: ["busybox-static"], without: [/^(?!busybox-static_)/], finish: linkApplets }),
  makeTimeoutMs: MAKE_TIMEOUT_MS,
  changes: [`ENV ${PATH}`, 'CMD ["sh"]'],
};

export const dindImage: ImageRecipe = {
  name: "dind",
  official: "docker:dind",
  sources: SOURCES,
  make: fromPackages({
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
  }),
  makeTimeoutMs: MAKE_TIMEOUT_MS,
  changes: [
    `ENV ${PATH}`,
    "ENV DOCKER_TLS_CERTDIR=/certs",
    "VOLUME /var/lib/docker",
    "EXPOSE 2375/tcp 2376/tcp",
    'ENTRYPOINT ["dockerd-entrypoint.sh"]',
  ],
};

/** The version that Debian's source of Kubernetes is of. */
export const node1202Image = nodeImage("v1.20.2", "kindest/node:v1.20.2");

/** The same source under the next version's name: what a node can be upgraded to. */
export const node1203Image = nodeImage("v1.20.3", "kindest/node:v1.20.15");

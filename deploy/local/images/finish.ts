import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../process/run-command.ts";

const APPLETS_TIMEOUT_MS = 10_000;

/** Every busybox command that no package brings a program of its own for. */
export async function linkApplets(root: string): Promise<void> {
  const busybox = join(root, "bin/busybox");
  const present = new Set((await Promise.all(["bin", "sbin"].map((folder) => readdir(join(root, folder))))).flat());
  await mkdir(join(root, "usr/local/bin"), { recursive: true });
  const applets = (await runCommand(busybox, ["--list"], { timeoutMs: APPLETS_TIMEOUT_MS })).split("\n");
  for (const applet of applets.filter((name) => name !== "" && !present.has(name))) {
    await symlink("busybox", join(root, "bin", applet));
  }
}

/** What update-alternatives does when iptables is installed. */
export async function chooseNftables(root: string): Promise<void> {
  for (const family of ["iptables", "ip6tables"]) {
    for (const tool of ["", "-save", "-restore"])
      await symlink("xtables-nft-multi", join(root, "usr/sbin", `${family}${tool}`));
  }
}

export async function gatherCertificates(root: string): Promise<void> {
  const source = join(root, "usr/share/ca-certificates/mozilla");
  const names = (await readdir(source)).filter((name) => name.endsWith(".crt")).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(source, name), "utf8")));
  await mkdir(join(root, "etc/ssl/certs"), { recursive: true });
  await writeFile(join(root, "etc/ssl/certs/ca-certificates.crt"), texts.join(""));
}

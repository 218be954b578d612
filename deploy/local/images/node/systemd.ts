import { mkdir, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";

/** Of what packages start at boot, the little that a container has use for. The rest would fail, or change the host. */
const KEPT = new Set([
  "dbus.socket",
  "systemd-journald.service",
  "systemd-journald.socket",
  "systemd-journald-dev-log.socket",
  "systemd-tmpfiles-setup.service",
]);
/** Wanted by journald itself. */
const MASKED = "systemd-journald-audit.socket";
const STARTED = [
  ["/lib/systemd/system", "containerd.service"],
  ["/etc/systemd/system", "kubelet.service"],
] as const;

/** Has systemd start a node's services and nothing else. */
export async function trimSystemd(root: string): Promise<void> {
  const units = join(root, "usr/lib/systemd/system");
  for (const folder of (await readdir(units)).filter((name) => name.endsWith(".wants"))) {
    for (const unit of (await readdir(join(units, folder))).filter((name) => !KEPT.has(name)))
      await rm(join(units, folder, unit));
  }
  // They make units of what a machine's disks and consoles are.
  await rm(join(root, "usr/lib/systemd/system-generators"), { recursive: true });
  const own = join(root, "etc/systemd/system");
  await rm(join(own, "multi-user.target.wants"), { recursive: true, force: true });
  await mkdir(join(own, "multi-user.target.wants"), { recursive: true });
  await symlink("/lib/systemd/system/multi-user.target", join(own, "default.target"));
  await symlink("/dev/null", join(own, MASKED));
  for (const [folder, unit] of STARTED) await symlink(`${folder}/${unit}`, join(own, "multi-user.target.wants", unit));
}

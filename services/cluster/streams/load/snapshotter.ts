/** Tables of containerd's configuration (versions 2 and 3) that say what the kubelet's images are unpacked with. */
const TABLES: ReadonlySet<string> = new Set([
  "plugins.io.containerd.grpc.v1.cri.containerd",
  "plugins.io.containerd.cri.v1.images",
]);

/** From `containerd config dump`: TOML as containerd prints it, one key or table header a line. */
export function snapshotterOf(config: string): string | undefined {
  let table = "";
  for (const line of config.split("\n")) {
    const header = /^\s*\[(.+)\]\s*$/.exec(line)?.[1];
    if (header !== undefined) {
      table = header.replaceAll(/["']/g, "");
      continue;
    }
    const value = /^\s*snapshotter\s*=\s*["']([\w-]+)["']/.exec(line)?.[1];
    if (value !== undefined && TABLES.has(table)) return value;
  }
  return undefined;
}

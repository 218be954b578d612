import { access } from "node:fs/promises";

/** Names that engines and Gantry give to interfaces of container networks. */
const INTERNAL = /^(lo|veth|br-|docker|gantry|vx|tun|tap|ifb|cni|flannel|cali)/;

/** Whether an interface belongs to loopback or container networks: bridges, their ports, overlays. */
export async function isInternalInterface(name: string): Promise<boolean> {
  if (INTERNAL.test(name)) return true;
  const folder = `/sys/class/net/${name}`;
  return (await exists(`${folder}/bridge`)) || (await exists(`${folder}/brport`));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

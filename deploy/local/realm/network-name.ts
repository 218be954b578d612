import { listNetworks } from "../../../services/common/engine/api/networks.ts";
import { Engine } from "../../../services/common/engine/engine.ts";
import { otherRealmOf } from "../../../services/common/engine/labels.ts";
import { NETWORK_NAME_DEFAULT } from "../../../services/compute/config.ts";

/**
 * Name of a realm's own network on an engine. Where another realm has the usual name, one of its own: `gantry-` and its id. A realm that once
 * had to take that keeps it, as its instances are in it.
 */
export async function networkNameOf(realm: string, engineSocket: string): Promise<string> {
  const engine = new Engine({ socketPath: engineSocket });
  try {
    const networks = await listNetworks(engine);
    const own = `${NETWORK_NAME_DEFAULT}-${realm}`;
    if (networks.some(({ Name }) => Name === own)) return own;
    const usual = networks.find(({ Name }) => Name === NETWORK_NAME_DEFAULT);
    return otherRealmOf(usual?.Labels, realm) === undefined ? NETWORK_NAME_DEFAULT : own;
  } finally {
    engine.close();
  }
}

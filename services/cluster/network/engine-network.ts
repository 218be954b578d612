import { identityLabels, KIND_CLUSTER_NETWORK } from "../../common/engine/labels.ts";
import { formatIpv4, formatRange, type Range, sizeOf } from "../../common/network/cidr.ts";
import { compareVersions } from "../../common/engine/api-version.ts";

/** From this version of its API on the engine can leave ports of containers unguarded, so that the host may route to them. */
const UNPROTECTED_API = "1.48";

export interface EngineNetworkInput {
  /** On the engine. */
  name: string;
  /** Of the cluster. */
  cluster: { name: string; uid: string };
  /** Id of the realm. */
  realm: string;
  subnet: Range;
  /** Version of the engine's API that was agreed on. */
  api: string;
}

/** Body of POST /networks/create for a cluster's network: a bridge whose subnet is known, so that addresses can be pinned in it. */
export function engineNetworkBody({ name, cluster, realm, subnet, api }: EngineNetworkInput) {
  const half = sizeOf(subnet.prefix) / 2;
  return {
    Name: name,
    Driver: "bridge",
    Labels: identityLabels({ ...cluster, kind: KIND_CLUSTER_NETWORK, realm }),
    Options:
      compareVersions(api, UNPROTECTED_API) < 0
        ? {}
        : { "com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected" },
    IPAM: {
      Driver: "default",
      Config: [
        {
          Subnet: formatRange(subnet),
          Gateway: formatIpv4(subnet.first + 1),
          // What the engine gives out by itself; Gantry pins addresses in the lower half.
          IPRange: formatRange({ first: subnet.first + half, prefix: subnet.prefix + 1 }),
        },
      ],
    },
  };
}

/** The engine names bridges so, where nobody has stated another name. */
export function bridgeOf(networkId: string): string {
  return `br-${networkId.slice(0, 12)}`;
}

import { HostState } from "../../../proto/gen/gantry/compute/v1/host.ts";
import type { Store } from "../../common/store/api.ts";
import { hostKind } from "../kinds.ts";

/** gRPC address of the compute service of a host, as its host record has it; undefined for a host that is lost. */
export async function computeAddressOf(store: Store, host: string): Promise<string | undefined> {
  const { state, endpoints } = (await store.get(hostKind, `hosts/${host}`))?.status ?? {};
  return state === HostState.HOST_STATE_LOST ? undefined : endpoints?.["compute"];
}

import { ID_LENGTH_MAX, isId } from "../../common/names/ids.ts";
import type { Violations } from "../../common/names/violations.ts";
import { HOST_NAME_LENGTH_MAX } from "./limits.ts";
import { containerNameOfNode } from "./names.ts";

/** Names of nodes follow from the cluster's: whether they are good is known from them alone. */
export function checkNodeNames(found: Violations, field: string, cluster: string, nodeIds: readonly string[]): void {
  const longest = nodeIds.reduce((a, b) => (b.length > a.length ? b : a), "");
  if (longest.length > ID_LENGTH_MAX) {
    found.add(field, `is too long: its node ${longest} has ${longest.length} characters; at most ${ID_LENGTH_MAX}`);
    return;
  }
  if (!isId(longest)) return;
  const host = containerNameOfNode(`${cluster}/nodes/${longest}`);
  found.check(
    host.length <= HOST_NAME_LENGTH_MAX,
    field,
    `is too long together with its project: host name ${host} has ${host.length} characters; at most ${HOST_NAME_LENGTH_MAX}`,
  );
}

import type { Step } from "../../common/jobs/api.ts";
import { controlPlanesOf } from "../clusters/control-planes.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import { connectEtcd } from "../etcd/connect.ts";
import { peerUrl } from "../etcd/initial-cluster.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { apiOf } from "../jobs/kubernetes.ts";
import { initPhase } from "../nodes/commands.ts";
import { authoritiesOf } from "../nodes/read-authorities.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { renewIdentity } from "../snapshots/renew-identity.ts";
import { API_TIMEOUT_MS, waitForApi } from "./begin-control-plane.ts";
import { beginEtcdAlone, endEtcd } from "./etcd-alone.ts";
import { startKubelet } from "./join-nodes.ts";
import { aboutNode } from "./node-trouble.ts";
import { waitUntil } from "./wait-until.ts";

const ETCD_INTERVAL_MS = 50;
/** Where API servers say that they are there. The source's last word would be believed for a quarter of a minute. */
const API_SERVERS = "/registry/masterleases/";

/**
 * etcd and the API server run on the source's data, which nothing reads before it is the fork's own: no other part of the control plane is there
 * yet, and no kubelet asks the API.
 */
export const beginFork: Step<ClusterContext> = {
  name: "begin-fork",
  timeoutMs: 2 * API_TIMEOUT_MS + 60_000,
  attempts: 3,
  async do(ctx) {
    const first = ctx.nodes[0]!;
    const container = containerNameOfNode(first.meta!.name);
    const { engine } = ctx.tools;
    const { signal } = ctx;
    const phase = (...name: string[]) => runInNode({ engine, container, command: initPhase(...name), signal });
    await aboutNode(ctx, container, async () => {
      ctx.progress(-1, "starting etcd and the API server");
      const several = controlPlanesOf(ctx.nodes).length > 1;
      if (several) await beginEtcdAlone(ctx);
      else await phase("etcd", "local");
      await readdress(ctx);
      // Begun again as a member like any other, before anybody writes to it.
      if (several) await endEtcd(ctx);
      if (several) await phase("etcd", "local");
      await phase("control-plane", "apiserver");
      if (several) await startKubelet(ctx, first);
      await waitForApi(ctx, [first], { isNew: false });
      ctx.progress(-1, "renewing keys and tokens");
      const authorities = await authoritiesOf(engine, [first], signal);
      await renewIdentity({ api: apiOf(ctx), authorities, endpointName: ctx.endpointName, signal });
    });
  },
};

/** etcd's only member is where the fork is, and knows of no API server. */
async function readdress(ctx: ClusterContext): Promise<void> {
  const { signal, nodes } = ctx;
  const first = nodes[0]!;
  using etcd = await connectEtcd(ctx.tools.engine, [first], signal);
  await waitUntil({
    what: `etcd of ${ctx.engineName} takes the fork's address`,
    timeoutMs: API_TIMEOUT_MS,
    intervalMs: ETCD_INTERVAL_MS,
    signal,
    look: async () => {
      const [member, other] = await etcd.members(signal);
      if (!member || other) return undefined;
      await etcd.moveTo(member.id, peerUrl(first.reservation!.ipv4), signal);
      await etcd.deleteKeys(API_SERVERS, signal);
      return true;
    },
  });
}

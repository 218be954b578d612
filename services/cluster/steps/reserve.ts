import { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { notFound } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { formatRange, parseRange } from "../../common/network/cidr.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
import { chooseSubnet } from "../network/choose-subnet.ts";
import { freePort } from "../network/free-port.ts";
import { apiAddress, planAddresses } from "../network/plan-addresses.ts";
import { reserveMounts } from "./reserve-mounts.ts";
import { reservePorts } from "./reserve-ports.ts";

/** Subnets are chosen and written one cluster after the other: each choice sees the one before. */
let turn: Promise<unknown> = Promise.resolve();

/** Subnet, addresses and ports, in the records and on disk before anything is made with them. What is reserved already is kept. */
export const reserve: Step<ClusterContext> = {
  name: "reserve",
  timeoutMs: 30_000,
  attempts: 5,
  async do(ctx) {
    await reserveSubnet(ctx, []);
    await reservePorts(ctx);
    await reserveMounts(ctx);
  },
};

/** `refused`: subnets that the engine did not take. */
export function reserveSubnet(ctx: ClusterContext, refused: readonly string[]): Promise<void> {
  const mine = turn.then(() => reserveAll(ctx, refused));
  turn = mine.catch(() => undefined);
  return mine;
}

async function reserveAll(ctx: ClusterContext, refused: readonly string[]): Promise<void> {
  const held = ctx.cluster.reservation!;
  const keeps = held.subnet !== "" && !refused.includes(held.subnet);
  const subnet = keeps ? held.subnet : formatRange(await choose(ctx, refused));
  const apiPort = held.apiPort || (await choosePort(ctx));
  const cluster = Cluster.decode(Cluster.encode(ctx.cluster).finish());
  Object.assign(cluster.reservation!, { subnet, apiIpv4: apiAddress(parseRange(subnet)!), apiPort });
  const nodes = keeps
    ? ctx.nodes
    : ctx.nodes.map((node) => ({ ...node, reservation: { ...node.reservation!, ipv4: "" } }));
  const plan = planAddresses(cluster, nodes);
  if (keeps && plan.size === 0 && held.apiPort === apiPort) return;
  await ctx.store
    .transact(
      async (tx) => {
        const record = await tx.need(clusterKind, ctx.name);
        if (record.meta?.uid !== ctx.uid) throw notFound(ctx.name);
        record.reservation = cluster.reservation;
        tx.put(clusterKind, record);
        const written = [];
        for (const node of ctx.nodes) {
          const given = plan.get(node.meta!.name);
          const now = await tx.need(nodeKind, node.meta!.name);
          if (given) {
            now.reservation = { ...now.reservation!, ...given };
            tx.put(nodeKind, now);
          }
          written.push(now);
        }
        return { record, written };
      },
      { fence: ctx.fence, durable: true },
    )
    .then(({ record, written }) => {
      ctx.cluster = record;
      ctx.nodes = written;
      ctx.tools.catalog.clusters.note(record);
      for (const node of written) ctx.tools.catalog.nodes.note(node);
    });
}

function choose(ctx: ClusterContext, refused: readonly string[]) {
  const { engine, subnets, catalog, host } = ctx.tools;
  const others = catalog.onHost(host).filter(({ meta }) => meta?.uid !== ctx.uid);
  const taken = [...refused, ...others.flatMap(({ reservation }) => reservation?.subnet || [])];
  return chooseSubnet({ engine, within: subnets, taken, signal: ctx.signal });
}

/** 0 with several control planes: their API has an address of its own. */
async function choosePort({ cluster, nodes }: ClusterContext): Promise<number> {
  const { apiServerPort, apiServerAddress } = cluster.spec!.networking!;
  const controlPlanes = nodes.filter(({ spec }) => spec?.role === NodeRole.NODE_ROLE_CONTROL_PLANE);
  if (controlPlanes.length > 1) return 0;
  return apiServerPort || freePort(apiServerAddress);
}

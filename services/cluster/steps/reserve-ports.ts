import { NodePort } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { failedPrecondition, type GantryError } from "../../common/errors/errors.ts";
import { portsClash } from "../clusters/check-ports.ts";
import { hostPowers } from "../clusters/host-powers.ts";
import { portHolder } from "../clusters/port-holder.ts";
import { isKernelPort, isSamePort } from "../clusters/published-ports.ts";
import type { HostTools } from "../host-tools.ts";
import { type ClusterContext, updateNode } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { claimHostPort } from "../network/host-port.ts";

/** For a port that may be any: the system gives one that no process has, which a cluster's rules may have. */
const TRIES_MAX = 16;

/** Ports are chosen and written for one cluster after the other: each choice sees the one before. */
let turn: Promise<unknown> = Promise.resolve();

/** Which of the host's ports lead to the nodes of the job, in the records before any does. `engines`: what the engine publishes for a node. */
export function reservePorts(ctx: ClusterContext, engines: readonly NodePort[] = []): Promise<void> {
  const mine = turn.then(() => reserveAll(ctx, engines));
  turn = mine.catch(() => undefined);
  return mine;
}

async function reserveAll(ctx: ClusterContext, engines: readonly NodePort[]): Promise<void> {
  const { network } = await hostPowers();
  for (const { meta, spec, reservation } of nodesOfJob(ctx)) {
    const held = reservation!.ports;
    const own = network
      ? spec!.ports.filter((port) => isKernelPort(port) && !engines.some((e) => isSamePort(port, e)))
      : [];
    const ports: NodePort[] = [];
    for (const port of own) {
      const known = held.find((each) => isSamePort(port, each) && !ports.includes(each));
      ports.push(known ?? (await claim(ctx.tools, meta!.name, port, ports)));
    }
    const same = ports.length === held.length && ports.every((port, i) => port === held[i]);
    if (same) continue;
    await updateNode(ctx, meta!.name, (node) => void (node.reservation!.ports = ports), { durable: true });
  }
}

/** FAILED_PRECONDITION PORT_IN_USE where another has one of the host's ports that are to lead to the nodes of the job. */
export async function checkPortsFree(ctx: ClusterContext): Promise<void> {
  for (const { meta, reservation } of nodesOfJob(ctx)) {
    const { name } = meta!;
    const placed = ctx.tools.nodePorts.of(name);
    for (const port of reservation?.ports ?? []) {
      if (!placed.some((each) => isSamePort(port, each))) await claim(ctx.tools, name, port, []);
    }
  }
}

/** The port, with the host's filled in where that was left open. */
async function claim(tools: HostTools, node: string, port: NodePort, others: readonly NodePort[]): Promise<NodePort> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const hostPort = await freeOf(tools, port);
    const claimed = NodePort.fromPartial({ ...port, hostPort });
    const holder = portHolder(tools.catalog, tools.host, claimed, node);
    if (holder === undefined && !others.some((each) => portsClash(each, claimed))) return claimed;
    if (port.hostPort !== 0)
      throw portInUse(tools, claimed, holder === undefined ? "the node itself" : `node ${holder}`);
  }
  throw failedPrecondition("PORT_IN_USE", `host ${tools.host} gives no free port for port ${port.port} of ${node}`);
}

async function freeOf(tools: HostTools, port: NodePort): Promise<number> {
  try {
    return await claimHostPort(port);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") throw portInUse(tools, port, "a process of the host");
    if (code !== "EADDRNOTAVAIL") throw error;
    const text = `${port.hostIp} is no address of host ${tools.host}`;
    throw failedPrecondition("NO_SUCH_ADDRESS", text, { host: tools.host, address: port.hostIp });
  }
}

function portInUse({ host }: HostTools, { hostIp, hostPort, protocol }: NodePort, holder: string): GantryError {
  const text = `${holder} has port ${hostPort}/${protocol} of ${hostIp} on host ${host} already`;
  return failedPrecondition("PORT_IN_USE", text, { host, port: String(hostPort) });
}

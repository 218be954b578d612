import { isDeepStrictEqual } from "node:util";
import type { Step } from "../../common/jobs/api.ts";
import { enginePorts } from "../clusters/published-ports.ts";
import { type ClusterContext, updateNode } from "../jobs/context.ts";
import { changeOf } from "../jobs/update-node.ts";
import { openPorts } from "./open-ports.ts";
import { reservePorts } from "./reserve-ports.ts";

/** Ports of the host as the spec has them now: those that are free are reserved first. */
export const changePorts: Step<ClusterContext> = {
  name: "change-ports",
  timeoutMs: 60_000,
  attempts: 5,
  async do(ctx) {
    const { node, before } = changeOf(ctx);
    if (isDeepStrictEqual(node.spec!.ports, before.spec.ports)) return;
    ctx.progress(-1, "leading the host's ports to the node");
    await reservePorts(ctx, enginePorts(before));
    await openPorts.do(ctx);
  },
  async undo(ctx) {
    const { node, before } = changeOf(ctx);
    const held = before.reservation!.ports;
    if (isDeepStrictEqual(node.reservation!.ports, held)) return;
    await updateNode(ctx, node.meta!.name, (record) => void (record.reservation!.ports = held), { durable: true });
    await openPorts.do(ctx);
  },
};

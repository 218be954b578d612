import { findNetwork } from "../../common/engine/api/networks.ts";
import { otherRealmOf } from "../../common/engine/labels.ts";
import type { Step } from "../../common/jobs/api.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

/** The realm's network is there, and every other that the spec names. Not undone: the realm's network is for all instances. */
export const ensureNetwork: Step<InstanceContext> = {
  name: "ensure-network",
  timeoutMs: 30_000,
  attempts: ENGINE_ATTEMPTS,
  needed: (ctx) => !ctx.tools.network.isKnown || (ctx.instance.spec?.networks.length ?? 0) > 0,
  async do(ctx) {
    await ctx.tools.network.ensure(ctx.signal);
    for (const name of ctx.instance.spec?.networks ?? []) {
      const network = await findNetwork(ctx.tools.engine, name, { signal: ctx.signal });
      if (network && otherRealmOf(network.Labels, ctx.tools.realm) === undefined) continue;
      throw failedPrecondition("NETWORK_NOT_FOUND", `${ctx.tools.host} has no network ${name}`, { network: name });
    }
  },
};

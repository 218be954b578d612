import {
  ComputeServiceService,
  type StreamInstanceStatsRequest,
} from "../../../proto/gen/gantry/compute/v1/compute.ts";
import type { InstanceUsage } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { INSTANCE, parseName } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { serverStream } from "../../common/rpc/wrappers.ts";
import { durationMs } from "../instances/duration.ts";
import { instanceKind } from "../kinds.ts";
import type { StreamContext } from "../streams/context.ts";
import { checkRunning, locateContainer } from "../streams/locate.ts";
import { stats } from "../streams/stats.ts";

const INTERVAL_DEFAULT_MS = 5_000;
const INTERVAL_MIN_MS = 1_000;
const INTERVAL_MAX_MS = 60 * 60 * 1000;

export const streamInstanceStats = (ctx: StreamContext) =>
  serverStream<StreamInstanceStatsRequest, InstanceUsage>({
    access: (request) => ({ role: "viewer", project: parseName(INSTANCE, request.name).project }),
    async handler(request, call, sink) {
      const intervalMs = request.interval ? durationMs(request.interval) : INTERVAL_DEFAULT_MS;
      const bad = new Violations();
      bad.check(intervalMs >= INTERVAL_MIN_MS && intervalMs <= INTERVAL_MAX_MS, "interval", "must be 1s to 3600s");
      bad.throwIfAny();
      const instance = await ctx.store.need(instanceKind, request.name);
      const { host } = instance.meta!;
      if (host !== ctx.host)
        return ctx.peers.stream(host, call, ComputeServiceService.streamInstanceStats, [request], sink);
      const container = async () => {
        const found = await locateContainer(ctx.engine, instance, call.signal);
        checkRunning(request.name, found);
        return { id: found.Id, pid: found.State.Pid, memoryLimitBytes: found.HostConfig.Memory ?? 0 };
      };
      await stats(
        ctx.meter,
        { instance: request.name, intervalMs, container },
        (usage) => sink.write(usage),
        call.signal,
      );
    },
  });

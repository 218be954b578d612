import {
  ComputeServiceService,
  LogStream,
  type StreamInstanceLogsRequest,
  type StreamInstanceLogsResponse,
} from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { readLogs } from "../../common/engine/api/logs.ts";
import type { LogPart } from "../../common/engine/log-parts.ts";
import { INSTANCE, parseName } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { serverStream } from "../../common/rpc/wrappers.ts";
import { instanceKind } from "../kinds.ts";
import type { StreamContext } from "../streams/context.ts";
import { locateContainer } from "../streams/locate.ts";

export const LOG_TAIL_MAX = 100_000;
/** Lines of one message: with lines of the greatest length it stays below the size limit of a message. */
const LINES_PER_MESSAGE_MAX = 128;

const STREAMS = { stdout: LogStream.LOG_STREAM_STDOUT, stderr: LogStream.LOG_STREAM_STDERR };

export const streamInstanceLogs = (ctx: StreamContext) =>
  serverStream<StreamInstanceLogsRequest, StreamInstanceLogsResponse>({
    access: (request) => ({ role: "viewer", project: parseName(INSTANCE, request.name).project }),
    async handler(request, call, sink) {
      const { name, follow, tail, sinceTime } = request;
      const bad = new Violations();
      bad.check(tail >= 0 && tail <= LOG_TAIL_MAX, "tail", `must be 0 to ${LOG_TAIL_MAX}`);
      bad.throwIfAny();
      const instance = await ctx.store.need(instanceKind, name);
      const { host } = instance.meta!;
      if (host !== ctx.host)
        return ctx.peers.stream(host, call, ComputeServiceService.streamInstanceLogs, [request], sink);
      const container = await locateContainer(ctx.engine, instance, call.signal);
      const options = { follow, tail, since: sinceTime, tty: container.Config.Tty, signal: call.signal };
      for await (const batch of readLogs(ctx.engine, container.Id, options)) {
        for (let at = 0; at < batch.length; at += LINES_PER_MESSAGE_MAX) {
          await sink.write({ lines: batch.slice(at, at + LINES_PER_MESSAGE_MAX).map(toLine) });
        }
      }
    },
  });

function toLine({ time, stream, line }: LogPart) {
  return { time, stream: STREAMS[stream], line };
}

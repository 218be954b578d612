import type { MethodDefinition } from "@grpc/grpc-js";
import type { Engine } from "../engine/engine.ts";
import { invalidArgument } from "../errors/errors.ts";
import type { CallContext, Sink } from "../rpc/call.ts";
import { withFirst } from "../rpc/streams.ts";
import { exec } from "./exec.ts";
import { execOptions, type ExecRequest, type ExecResponse, inputsOf, responseOf, startOf } from "./exec-request.ts";
import type { Peers } from "./peers.ts";

export interface ExecPlace {
  /** Host id. */
  host: string;
  /** Id of the container; rejects, with what to do, unless it runs. Asked for on its host alone. */
  container(): Promise<string>;
}

export interface ExecServerOptions<Req> {
  /** Id of this host. */
  host: string;
  engine: Engine;
  peers: Peers;
  /** By which the call is passed on to another host. */
  method: Pick<MethodDefinition<Req, never>, "requestSerialize">;
  /** Where the resource of that name is. */
  locate(name: string, signal: AbortSignal): Promise<ExecPlace>;
}

/** Runs one command in the container of a resource, here or on the host that has it. */
export function serveExec<Req extends ExecRequest>({ host, engine, peers, method, locate }: ExecServerOptions<Req>) {
  return async (messages: AsyncIterable<Req>, call: CallContext, sink: Sink<ExecResponse>): Promise<void> => {
    const requests = messages[Symbol.asyncIterator]();
    const first = await requests.next();
    if (first.done) throw invalidArgument([{ field: "start", description: "the first message must be `start`" }]);
    const start = startOf(first.value);
    const options = execOptions(start);
    const place = await locate(start.name, call.signal);
    const rest: AsyncIterable<Req> = { [Symbol.asyncIterator]: () => requests };
    if (place.host !== host) return peers.stream(place.host, call, method, withFirst(first.value, rest), sink);
    const container = await place.container();
    const code = await exec(
      engine,
      { ...options, container },
      inputsOf(rest, start.stdin),
      (part) => sink.write(responseOf(part)),
      call.signal,
    );
    await sink.write({ output: { $case: "exitCode", value: code } });
  };
}

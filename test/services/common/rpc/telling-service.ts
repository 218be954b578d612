import { ComputeServiceService, CopyToInstanceResponse } from "../../../../proto/gen/gantry/compute/v1/compute.ts";
import { Instance } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import {
  ListOperationsResponse,
  Operation,
  OperationsService,
} from "../../../../proto/gen/google/longrunning/operations.ts";
import { invalidArgument } from "../../../../services/common/errors/errors.ts";
import type { CallContext } from "../../../../services/common/rpc/call.ts";
import { bidi, clientStream, serverStream, unary } from "../../../../services/common/rpc/wrappers.ts";

export const viewer = () => ({ role: "viewer" as const });
export const CHUNK_BYTES = 64 * 1024;

/** What the handlers have seen and done, and what the test lets them do. */
export const seen = {
  lastContext: undefined as CallContext | undefined,
  writtenChunks: 0,
  readChunks: 0,
  readerMayGo: Promise.withResolvers<void>(),
};

/** Real methods of the contract whose handlers say what came in; every other method answers with its own name. */
export function computeHandlers(): object {
  const all = Object.fromEntries(
    Object.entries(ComputeServiceService).map(([name, method]) => {
      const handler = () => Promise.reject(new Error(`${name} is not part of this test`));
      const wrap = method.requestStream
        ? method.responseStream
          ? bidi
          : clientStream
        : method.responseStream
          ? serverStream
          : unary;
      return [name, (wrap as (options: object) => unknown)({ access: viewer, handler })];
    }),
  );
  return {
    ...all,
    getInstance: unary<{ name: string }, Instance>({
      access: viewer,
      async handler({ name }, ctx) {
        seen.lastContext = ctx;
        if (name === "hang") {
          await new Promise((_resolve, reject) =>
            ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)),
          );
        }
        if (name === "bad") throw invalidArgument([{ field: "name", description: "is bad" }]);
        return Instance.fromPartial({ meta: { name } });
      },
    }),
    copyFromInstance: serverStream<{ name: string }, { data: Buffer }>({
      access: viewer,
      async handler({ name }, ctx, sink) {
        seen.lastContext = ctx;
        for (let i = 0; i < Number(name); i += 1) {
          await sink.write({ data: Buffer.alloc(CHUNK_BYTES, i) });
          seen.writtenChunks += 1;
        }
      },
    }),
    copyToInstance: clientStream<{ part?: { value: unknown } }, object>({
      access: viewer,
      async handler(messages) {
        seen.readChunks = 0;
        for await (const _ of messages) {
          seen.readChunks += 1;
          await seen.readerMayGo.promise;
        }
        return CopyToInstanceResponse.fromPartial({});
      },
    }),
    execInstance: bidi<object, object>({
      access: viewer,
      async handler(messages, _ctx, sink) {
        let count = 0;
        for await (const _ of messages) {
          count += 1;
          await sink.write({ output: { $case: "stdout", value: Buffer.from(String(count)) } });
        }
      },
    }),
  };
}

export const operationsHandlers = Object.fromEntries(
  Object.keys(OperationsService).map((name) => [
    name,
    unary<{ name: string }, unknown>({
      access: viewer,
      handler: async ({ name: operation }) =>
        name === "listOperations"
          ? ListOperationsResponse.fromPartial({})
          : Operation.fromPartial({ name: operation, done: true }),
    }),
  ]),
);

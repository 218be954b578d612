import { Empty } from "../../../proto/gen/google/protobuf/empty.ts";
import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { instanceKind } from "../kinds.ts";
import { releaseStep, removeContainerStep } from "../steps/remove.ts";
import { type InstanceContext, instanceContext, ownInstance } from "./context.ts";
import { writeFailure } from "./instance-job.ts";

export function deleteInstanceJob(tools: HostTools): Job<InstanceContext> {
  return {
    name: "delete-instance",
    steps: [removeContainerStep, releaseStep],
    context: (base) => instanceContext(base, tools),
    async succeed(ctx, tx) {
      if (await ownInstance(ctx, tx)) tx.delete(instanceKind, ctx.name);
      return { typeUrl: "type.googleapis.com/google.protobuf.Empty", value: Buffer.from(Empty.encode({}).finish()) };
    },
    /** The record stays, with the reason: the delete can be asked for again. */
    async fail(ctx, tx, error) {
      const instance = await ownInstance(ctx, tx);
      if (!instance?.meta) return;
      instance.meta.deleteTime = undefined;
      writeFailure(ctx, instance, error, tx.now);
      tx.put(instanceKind, instance);
    },
  };
}

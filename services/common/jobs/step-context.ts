import type { OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import type { JobContext } from "./api.ts";

/**
 * The job's context as one step sees it: `signal` is that of the step's present try, `operation` the record as last written.
 * Everything else is the job's own object, so that what one step finds out a later one can use.
 */
export function stepContext<C extends JobContext>(ctx: C, signal: AbortSignal, operation: () => OperationRecord): C {
  return new Proxy(ctx, {
    get(target, key) {
      if (key === "signal") return signal;
      if (key === "operation") return operation();
      return Reflect.get(target, key, target);
    },
  });
}

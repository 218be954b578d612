import { OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import type { Kind } from "../store/api.ts";

const NO_SPEC = new Uint8Array();

/** Operations are records like any other: stored, logged, watched, kept as files on the host whose queue runs them. */
export const operationKind: Kind<OperationRecord> = {
  name: "Operation",
  typeName: "gantry.common.v1.OperationRecord",
  message: OperationRecord,
  schema: 1,
  spec: () => NO_SPEC,
  hostless: false,
};

/** Store set of the names of operations that have not ended: the intents that the sweeper checks against the queues. */
export const UNFINISHED_SET = "unfinished";

export function queueName(service: string, host: string): string {
  return `${service}@${host}`;
}

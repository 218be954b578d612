import { Instance, InstanceSpec } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Kind } from "../../../services/common/store/api.ts";

export const kind: Kind<Instance> = {
  name: "Instance",
  typeName: "gantry.compute.v1.Instance",
  message: Instance,
  schema: 1,
  spec: (record) => InstanceSpec.encode(record.spec ?? InstanceSpec.create()).finish(),
  hostless: false,
};

/** The whole bench stays in the log. */
export const LOG_POLICY = { entriesMax: 4_000_000, bytesMax: 3 * 1024 ** 3, ageMaxMs: 3_600_000, memoryShare: 1 };

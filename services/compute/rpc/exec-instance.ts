import {
  ComputeServiceService,
  type ExecInstanceRequest,
  type ExecInstanceResponse,
} from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { INSTANCE, parseName } from "../../common/names/resource-names.ts";
import { bidi } from "../../common/rpc/wrappers.ts";
import { startOf } from "../../common/streams/exec-request.ts";
import { serveExec } from "../../common/streams/serve-exec.ts";
import { instanceKind } from "../kinds.ts";
import type { StreamContext } from "../streams/context.ts";
import { checkRunning, locateContainer } from "../streams/locate.ts";

export const execInstance = ({ host, engine, peers, store }: StreamContext) =>
  bidi<ExecInstanceRequest, ExecInstanceResponse>({
    access: (first) => ({ role: "editor", project: parseName(INSTANCE, startOf(first).name, "start.name").project }),
    target: (first) => startOf(first).name,
    handler: serveExec({
      host,
      engine,
      peers,
      method: ComputeServiceService.execInstance,
      async locate(name, signal) {
        const instance = await store.need(instanceKind, name);
        return {
          host: instance.meta!.host,
          async container() {
            const container = await locateContainer(engine, instance, signal);
            checkRunning(name, container);
            return container.Id;
          },
        };
      },
    }),
  });

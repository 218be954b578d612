import type { StartOptions } from "./options.ts";
import type { StartedRealm } from "./start-realm.ts";

/** What a newcomer reads when everything runs. */
export function describeFirstSteps(options: StartOptions, { gateway, context, engineIsPrivate }: StartedRealm): string {
  const { listen, ports, dataDir, contextFile } = options;
  return [
    "",
    `Gantry runs.  Gateway ${gateway}/  gRPC ${listen}:${ports.grpc}`,
    `Data in ${dataDir}, logs in ${dataDir}/log, context ${context.name} of the gantry command in ${contextFile}`,
    ...(context.isCurrent
      ? []
      : [`Another context is in use: add --context ${context.name}, or npx gantry config use-context ${context.name}`]),
    "",
    "In another terminal, in this folder:",
    "  npx gantry add instance web          a small machine with its own Docker engine",
    "  npx gantry get instances",
    "  npx gantry exec web -- docker info",
    "  npx gantry add cluster dev           Kubernetes (no registry answers? npm run node-image, once)",
    "  npx gantry mirror default            every change, live",
    "",
    engineIsPrivate
      ? "Ctrl-C stops Gantry and its engine. Instances and clusters go on running, and the next start finds them; the ports\n" +
        "that they publish on this host, such as a cluster's API, answer again from then on."
      : "Ctrl-C stops Gantry. Instances and clusters go on running in the engine that was found.",
    "",
  ].join("\n");
}

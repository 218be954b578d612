import { runMain } from "../common/lifecycle/run-main.ts";
import { clusterConfig } from "./config.ts";
import { createClusterService } from "./service.ts";

await runMain({ name: "cluster", config: clusterConfig, create: createClusterService });

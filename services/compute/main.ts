import { runMain } from "../common/lifecycle/run-main.ts";
import { computeConfig } from "./config.ts";
import { createComputeService } from "./service.ts";

await runMain({ name: "compute", config: computeConfig, create: createComputeService });

// What the npm scripts run.
import { ensureReady, generateAgain, handOver } from "./bootstrap.js";

const entries = {
  start: "deploy/local/start.ts",
  "node-image": "deploy/local/node-image.ts",
  test: "test/run.ts",
  check: "test/check.ts",
  bench: "test/bench/run.ts",
};

const [command, ...args] = process.argv.slice(2);
ensureReady();
if (command === "proto") generateAgain();
else if (entries[command]) handOver(entries[command], args);
else {
  process.stderr.write(`gantry: unknown entry ${command}; one of proto, ${Object.keys(entries).join(", ")}\n`);
  process.exit(2);
}

// The gantry command. Its modules stay compiled between two calls: half of a short command's time is reading them.
import { enableCompileCache } from "node:module";
import { join } from "node:path";

enableCompileCache(join(import.meta.dirname, "..", "..", "node_modules", ".cache", "gantry"));
const { run } = await import("./program.ts");
await run(process.argv.slice(2), process.env);

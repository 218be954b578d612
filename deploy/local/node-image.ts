/** `npm run node-image`: a Kubernetes node image on the engine that `npm start` uses, for where no registry answers. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Engine } from "../../services/common/engine/engine.ts";
import { chooseEngine } from "./engine/choose-engine.ts";
import { enginePaths } from "./engine/paths.ts";
import { ensureImage } from "./images/ensure-image.ts";
import { LOCAL_NODE_IMAGE } from "./images/local-node-image.ts";
import { node1202Image } from "./images/recipes.ts";
import { readOptions, type StartOptions } from "./options.ts";
import { isRunning } from "./run-lock.ts";
import { createScreen } from "./screen.ts";

const USAGE = `npm run node-image [-- OPTIONS]      has a Kubernetes node image on the engine that npm start uses

  --data-dir FOLDER    the one of npm start (GANTRY_DATA_DIR)
  --help

A registry's kindest/node where one answers; else made on this machine from packages of Debian 12 and its source of
Kubernetes. That takes a quarter of an hour the first time, and 8 GiB in ~/.cache/gantry; nothing is installed on the machine.
`;

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

const screen = createScreen((text) => process.stdout.write(text));
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // What was built so far is kept; programs that run now end with this process.
  process.on(name, () => process.exit(EXIT_FAILURE));
}

process.exit(await main());

async function main(): Promise<number> {
  const options = read();
  if (!options) return EXIT_USAGE;
  if (options.help) {
    screen.plain(USAGE);
    return 0;
  }
  try {
    const engine = new Engine({ socketPath: await findEngine(options) });
    try {
      await provide(engine, options);
    } finally {
      engine.close();
    }
    return 0;
  } catch (error) {
    for (const line of (error as Error).message.split("\n")) screen.bad(line);
    return EXIT_FAILURE;
  }
}

function read(): StartOptions | undefined {
  try {
    const { values } = parseArgs({ options: { "data-dir": { type: "string" }, help: { type: "boolean" } } });
    const dataDir = values["data-dir"];
    const args = [...(dataDir === undefined ? [] : ["--data-dir", dataDir]), ...(values.help ? ["--help"] : [])];
    return readOptions(args, process.env, process.getuid?.() === 0);
  } catch (error) {
    for (const line of (error as Error).message.split("\n")) screen.bad(line);
    return undefined;
  }
}

/** The socket of the engine that `npm start` uses, or would. */
async function findEngine(options: StartOptions): Promise<string> {
  const choice = await chooseEngine(options);
  if (choice.kind === "found") return choice.socket;
  if (choice.kind === "unusable") throw new Error(choice.problem);
  if (await isRunning(options.dataDir)) return enginePaths(join(options.dataDir, "engine")).socket;
  throw new Error(
    `${choice.reason}, so npm start starts an engine of its own, and none runs with the data folder ${options.dataDir}:\n` +
      "run this again while npm start runs",
  );
}

async function provide(engine: Engine, options: StartOptions): Promise<void> {
  const how = await ensureImage({
    engine,
    recipe: node1202Image,
    reference: LOCAL_NODE_IMAGE,
    cacheDir: join(options.cacheDir, "images"),
    say: screen.change,
  });
  const detail = { present: "was there", pulled: `is the registry's ${node1202Image.official}`, made: "is made" }[how];
  screen.good("image", `${LOCAL_NODE_IMAGE} ${detail}`);
  screen.plain(
    `\n  npx gantry add cluster dev --image ${LOCAL_NODE_IMAGE}\n\nFrom the next npm start on clusters that name no image get it.\n`,
  );
}

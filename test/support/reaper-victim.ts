// A test process that is killed in the middle: makes things, tells them, and waits for its end.
import { createContainer, inspectContainer, startContainer } from "../../services/common/engine/api/containers.ts";
import { createNetwork } from "../../services/common/engine/api/networks.ts";
import { Engine } from "../../services/common/engine/engine.ts";
import { BUSYBOX } from "../images/images.ts";
import { testFolder } from "./cleanup.ts";
import { startEngine } from "./engine.ts";
import { startRedis } from "./redis.ts";

const folder = await testFolder();
const redis = await startRedis();
const scratch = await startEngine();
const engine = new Engine({ socketPath: scratch.socketPath });
const { Id: id } = await createContainer(engine, "sleeper", { Image: BUSYBOX, Cmd: ["sleep", "1000"] });
await startContainer(engine, id);
await createNetwork(engine, { Name: "another" });
const { State: state } = await inspectContainer(engine, id);
engine.close();
process.stdout.write(
  `${JSON.stringify({
    folders: [folder.path, redis.dir, scratch.dir],
    pids: [redis.pid, scratch.pids.dockerd, scratch.pids.containerd],
    engineDir: scratch.dir,
    range: scratch.network.range,
    containerPid: state.Pid,
  })}\n`,
);
setInterval(() => {}, 1000);

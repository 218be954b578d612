import assert from "node:assert/strict";
import { test } from "node:test";
import { createContainer, inspectContainer, startContainer } from "../../services/common/engine/api/containers.ts";
import { Engine } from "../../services/common/engine/engine.ts";
import { BUSYBOX } from "../images/images.ts";
import { startEngine } from "./engine.ts";

test("containers live on when the engine is killed, and not when the power goes", { timeout: 120_000 }, async () => {
  await using scratch = await startEngine();
  const engine = new Engine({ socketPath: scratch.socketPath });
  try {
    const { Id: id } = await createContainer(engine, "sleeper", { Image: BUSYBOX, Cmd: ["sleep", "1000"] });
    await startContainer(engine, id);
    const before = await inspectContainer(engine, id);

    for (const what of ["dockerd", "both"] as const) {
      await scratch.kill(what);
      await assert.rejects(inspectContainer(engine, id));
      await scratch.start();
      const after = await inspectContainer(engine, id);
      assert.equal(after.State.Running, true);
      assert.equal(after.State.Pid, before.State.Pid);
    }

    await scratch.powerOff();
    await scratch.start();
    assert.equal((await inspectContainer(engine, id)).State.Running, false);
  } finally {
    engine.close();
  }
});

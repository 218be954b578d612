import assert from "node:assert/strict";
import { test } from "node:test";
import { waitUntil } from "../../../deploy/local/process/wait-until.ts";
import { IMAGE_CONTAINER_LABELS } from "../../../services/cluster/clusters/image-containers.ts";
import { createContainer, findContainer } from "../../../services/common/engine/api/containers.ts";
import { Engine } from "../../../services/common/engine/engine.ts";
import { BUSYBOX } from "../../images/images.ts";
import { withPlatform } from "../../support/platform.ts";

const WAIT_MS = 20_000;

test("what a killed process had looked into an image with is gone when the next one is there; nothing else is", async () => {
  await withPlatform({ services: ["compute", "cluster"], hostName: "host-a" }, async (platform) => {
    const engine = new Engine({ socketPath: platform.engine.socketPath });
    try {
      await platform.kill("cluster");
      const make = (name: string, Labels: Record<string, string> = IMAGE_CONTAINER_LABELS) =>
        createContainer(engine, name, { Image: BUSYBOX, Cmd: ["true"], Labels });
      await make("gantry-image-host-a.1a2b3c4d-left");
      await make("gantry-image-host-a-2.1a2b3c4d-other-host");
      await make("gantry-image-host-a.1a2b3c4d-not-ours", {});
      await make("someone-elses-probe");
      await platform.start("cluster");
      await waitUntil(
        async () => (await findContainer(engine, "gantry-image-host-a.1a2b3c4d-left")) === undefined || undefined,
        { what: "the container is gone", timeoutMs: WAIT_MS },
      );
      for (const name of [
        "gantry-image-host-a-2.1a2b3c4d-other-host",
        "gantry-image-host-a.1a2b3c4d-not-ours",
        "someone-elses-probe",
      ])
        assert.ok(await findContainer(engine, name), name);
    } finally {
      engine.close();
    }
  });
});

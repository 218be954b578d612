import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { chooseEngine } from "../../../../deploy/local/engine/choose-engine.ts";
import { listContainers } from "../../../../services/common/engine/api/containers.ts";
import { listImages } from "../../../../services/common/engine/api/images.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { testFolder } from "../../../support/cleanup.ts";
import { startEngine } from "../../../support/engine.ts";

test("an engine that runs privileged containers is found, tried and left as it was", { timeout: 120_000 }, async () => {
  await using scratch = await startEngine({ images: [] });
  for (const wish of [
    { engineSocket: scratch.socketPath, dockerHost: undefined },
    { engineSocket: undefined, dockerHost: `unix://${scratch.socketPath}` },
  ]) {
    const choice = await chooseEngine(wish);
    assert.equal(choice.kind, "found");
    assert.equal(choice.kind === "found" && choice.socket, scratch.socketPath);
  }
  const engine = new Engine({ socketPath: scratch.socketPath });
  try {
    assert.deepEqual(await listContainers(engine), []);
    assert.deepEqual(await listImages(engine), []);
  } finally {
    engine.close();
  }
});

test("an engine that was asked for and does not answer is a problem, not a reason for another", async () => {
  await using folder = await testFolder();
  const socket = join(folder.path, "none.sock");
  const choice = await chooseEngine({ engineSocket: socket, dockerHost: undefined });
  assert.equal(choice.kind, "unusable");
  assert.match(choice.kind === "unusable" ? choice.problem : "", /none\.sock does not answer/);
});

test("what answers but is no engine is a reason for a private one", async () => {
  await using folder = await testFolder();
  const socket = join(folder.path, "web.sock");
  const server = createServer((_request, response) => response.writeHead(404).end());
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    const choice = await chooseEngine({ engineSocket: undefined, dockerHost: `unix://${socket}` });
    // A machine with a good engine of its own has that one chosen.
    if (choice.kind === "private") assert.match(choice.reason, /web\.sock does not answer/);
    else assert.equal(choice.kind === "found" && choice.socket, "/var/run/docker.sock");
  } finally {
    server.close();
  }
});

import assert from "node:assert/strict";
import { createServer, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import {
  createContainer,
  inspectContainer,
  listContainers,
  removeContainer,
  startContainer,
  waitContainer,
} from "../../../../services/common/engine/api/containers.ts";
import { pullImage } from "../../../../services/common/engine/api/images.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { EngineError, isEngineNotFound, isEngineUnavailable } from "../../../../services/common/engine/errors.ts";
import type { GantryError } from "../../../../services/common/errors/errors.ts";
import { BUSYBOX } from "../../../images/images.ts";
import { testFolder, type TestFolder } from "../../../support/cleanup.ts";
import { sharedEngine } from "../../../support/engine.ts";
import { removeAll, testName, TEST_LABELS } from "./support.ts";

const code = (expected: Code, reason?: string) => (error: GantryError) => {
  assert.equal(error.code, expected, error.message);
  if (reason !== undefined) assert.equal(error.reason, reason);
  return true;
};

describe("engine client against a real engine", () => {
  let engine: Engine;
  before(async () => {
    engine = new Engine({ socketPath: (await sharedEngine()).socketPath });
  });
  after(async () => {
    await removeAll(engine);
    engine.close();
  });

  test("agrees on a version once, for all that wait", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => engine.version()));
    assert.ok(answers.every((answer) => answer === answers[0]));
    assert.match(answers[0]!.api, /^1\.\d+$/);
  });

  test("errors are typed: not found, name in use, bad request", async () => {
    const name = testName();
    await assert.rejects(inspectContainer(engine, name), code(Code.NOT_FOUND, "ENGINE_NOT_FOUND"));
    await assert.rejects(
      createContainer(engine, name, { Image: "gantry-test/none:1" }),
      (error) => isEngineNotFound(error) && /gantry-test\/none/.test(error.message),
    );
    await createContainer(engine, name, { Image: BUSYBOX, Labels: TEST_LABELS });
    await assert.rejects(
      createContainer(engine, name, { Image: BUSYBOX }),
      code(Code.ALREADY_EXISTS, "ENGINE_NAME_IN_USE"),
    );
    await assert.rejects(createContainer(engine, "bad name", { Image: BUSYBOX }), code(Code.INVALID_ARGUMENT));
    assert.equal(await removeContainer(engine, name), true);
    assert.equal(await removeContainer(engine, name), false);
  });

  test("a container runs to its end, and starting it twice is no error", async () => {
    const { Id } = await createContainer(engine, testName(), {
      Image: BUSYBOX,
      Cmd: ["sh", "-c", "sleep 0.3; exit 7"],
      Labels: TEST_LABELS,
    });
    await startContainer(engine, Id);
    await startContainer(engine, Id);
    assert.equal(await waitContainer(engine, Id, { timeoutMs: 20_000 }), 7);
  });

  test("sixty-four creations at once all succeed", async () => {
    const names = Array.from({ length: 64 }, () => testName());
    const made = await Promise.all(
      names.map((name) => createContainer(engine, name, { Image: BUSYBOX, Labels: TEST_LABELS })),
    );
    assert.equal(new Set(made.map(({ Id }) => Id)).size, 64);
    const listed = await listContainers(engine, { label: [`gantry.dev/test=${TEST_LABELS["gantry.dev/test"]}`] });
    assert.ok(names.every((name) => listed.some(({ Names }) => Names.includes(`/${name}`))));
    await Promise.all(made.map(({ Id }) => removeContainer(engine, Id)));
  });

  test("a signal ends a call that waits, with its own reason", async () => {
    const { Id } = await createContainer(engine, testName(), {
      Image: BUSYBOX,
      Cmd: ["sleep", "60"],
      Labels: TEST_LABELS,
    });
    await startContainer(engine, Id);
    const stop = new AbortController();
    const waiting = waitContainer(engine, Id, { signal: stop.signal, timeoutMs: 60_000 });
    setTimeout(() => stop.abort(), 100);
    await assert.rejects(waiting, code(Code.CANCELLED));
    await assert.rejects(waitContainer(engine, Id, { timeoutMs: 100 }), code(Code.DEADLINE_EXCEEDED));
    await removeContainer(engine, Id);
  });

  test("a pull from a registry that is not there says so", async () => {
    const pull = async (): Promise<void> => {
      for await (const line of pullImage(engine, "registry.invalid/none:1")) assert.ok(line);
    };
    await assert.rejects(pull(), (error) => error instanceof EngineError);
  });
});

describe("engine client against an engine that fails", () => {
  let folder: TestFolder;
  let server: Server;
  let engine: Engine;
  let answer: (response: ServerResponse, path: string) => void;

  before(async () => {
    folder = await testFolder("engine-client");
    const socketPath = join(folder.path, "engine.sock");
    server = createServer((request, response) => {
      if (request.url === "/version")
        response.end(JSON.stringify({ Version: "0", ApiVersion: "1.45", MinAPIVersion: "1.24" }));
      else answer(response, request.url ?? "");
    });
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    engine = new Engine({ socketPath });
  });
  after(async () => {
    engine.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await folder.remove();
  });

  test("paths carry the version agreed on", async () => {
    let asked = "";
    answer = (response, path) => {
      asked = path;
      response.end("[]");
    };
    await listContainers(engine, { label: ["a=b"] });
    assert.equal(asked, `/v1.45/containers/json?all=true&filters=${encodeURIComponent('{"label":["a=b"]}')}`);
  });

  test("no socket: unavailable, whatever the environment says", async () => {
    const gone = new Engine({ socketPath: join(folder.path, "none.sock") });
    await assert.rejects(
      listContainers(gone),
      (error) => isEngineUnavailable(error) && error.reason === "ENGINE_UNAVAILABLE",
    );
  });

  test("an answer cut in the middle: unavailable, not for ever", async () => {
    answer = (response) => {
      response.writeHead(200, { "Content-Length": "1000" });
      response.write("[");
      setTimeout(() => response.destroy(), 50);
    };
    await assert.rejects(engine.call("POST", "/x"), (error) => isEngineUnavailable(error));
  });

  test("no answer: deadline exceeded", async () => {
    answer = () => undefined;
    await assert.rejects(engine.call("GET", "/x", { timeoutMs: 100 }), code(Code.DEADLINE_EXCEEDED));
  });

  test("an answer that is no JSON", async () => {
    answer = (response) => void response.end("<html>");
    await assert.rejects(engine.call("GET", "/x"), code(Code.INTERNAL, "ENGINE_ANSWER_NOT_JSON"));
  });

  test("a read on a kept connection that the engine closed is asked once more", async () => {
    let asked = 0;
    answer = (response) => {
      asked += 1;
      if (asked === 1) response.socket?.destroy();
      else response.end('{"ok":true}');
    };
    assert.deepEqual(await engine.call("GET", "/x"), { ok: true });
    assert.equal(asked, 2);
  });

  test("busy and broken engines differ", async () => {
    answer = (response) => void response.writeHead(503).end('{"message":"starting"}');
    await assert.rejects(engine.call("GET", "/x"), code(Code.UNAVAILABLE, "ENGINE_BUSY"));
    answer = (response) => void response.writeHead(500).end('{"message":"OCI runtime create failed"}');
    await assert.rejects(engine.call("POST", "/x"), code(Code.INTERNAL, "ENGINE_ERROR"));
  });
});

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { status as Code } from "@grpc/grpc-js";
import {
  createContainer,
  inspectContainer,
  startContainer,
} from "../../../../services/common/engine/api/containers.ts";
import { inspectExec } from "../../../../services/common/engine/api/exec.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { cancelled, type GantryError } from "../../../../services/common/errors/errors.ts";
import { exec, type ExecInput, type ExecOptions, type ExecOutput } from "../../../../services/common/streams/exec.ts";
import { BUSYBOX } from "../../../images/images.ts";
import { sharedEngine } from "../../../support/engine.ts";
import { removeAll, testName, TEST_LABELS, until } from "../engine/support.ts";

const TIMEOUT_MS = 30_000;
const STDIN_BYTES = 10 * 1024 * 1024;

describe("exec", () => {
  let engine: Engine;
  let container: string;

  before(async () => {
    engine = new Engine({ socketPath: (await sharedEngine()).socketPath });
    const body = { Image: BUSYBOX, Cmd: ["sleep", "600"], Labels: TEST_LABELS };
    container = (await createContainer(engine, testName(), body)).Id;
    await startContainer(engine, container);
  });
  after(async () => {
    await removeAll(engine);
    engine.close();
  });

  const DEFAULTS = { env: {}, tty: false, size: undefined, user: "", workingDir: "", stdin: false };

  interface Ran {
    code: number;
    stdout: Buffer;
    stderr: Buffer;
    id: string;
  }

  async function run(
    command: string[],
    options: Partial<ExecOptions> = {},
    input: AsyncIterable<ExecInput> = nothing(),
    signal: AbortSignal = AbortSignal.timeout(TIMEOUT_MS),
    onOutput: (part: ExecOutput) => Promise<void> | void = () => undefined,
  ): Promise<Ran> {
    const out = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    let id = "";
    const code = await exec(
      engine,
      { ...DEFAULTS, container, command, ...options },
      input,
      async (part) => {
        await onOutput(part);
        if (part.type === "started") id = part.id;
        else out[part.stream].push(part.data);
      },
      signal,
    );
    return { code, stdout: Buffer.concat(out.stdout), stderr: Buffer.concat(out.stderr), id };
  }

  test("output and error are told apart, the exit code comes last", async () => {
    const ran = await run(["sh", "-c", "echo out; echo err >&2; exit 3"]);
    assert.deepEqual([ran.code, ran.stdout.toString(), ran.stderr.toString()], [3, "out\n", "err\n"]);
    assert.match(ran.id, /^[0-9a-f]{64}$/);
  });

  test("environment, folder and user are the command's", async () => {
    const options = { env: { GREETING: "hello  world" }, workingDir: "/tmp", user: "12:34" };
    const ran = await run(["sh", "-c", 'echo "$GREETING"; pwd; id -u; id -g'], options);
    assert.equal(ran.stdout.toString(), "hello  world\n/tmp\n12\n34\n");
  });

  test("a command killed by a signal ends with 128 and its number", async () => {
    assert.equal((await run(["sh", "-c", "kill -9 $$"])).code, 137);
  });

  test("a command that cannot be started is an error that says why", async () => {
    for (const [command, why] of [
      ["no-such-command", /not found/],
      ["/etc", /permission denied/],
    ] as const) {
      for (const tty of [false, true]) {
        await assert.rejects(run([command], { tty }), (error: GantryError) => {
          assert.equal(error.code, Code.FAILED_PRECONDITION);
          assert.equal(error.reason, "COMMAND_NOT_STARTED");
          return why.test(error.message);
        });
      }
    }
  });

  test("ten megabytes of binary input come through whole, and their end is seen", async () => {
    const data = randomBytes(STDIN_BYTES);
    const ran = await run(["sha256sum"], { stdin: true }, pieces(data, 60_001));
    assert.equal(ran.stdout.toString().split(" ")[0], createHash("sha256").update(data).digest("hex"));
  });

  test("ten megabytes go in and come out again while both flow", async () => {
    const data = randomBytes(STDIN_BYTES);
    const ran = await run(["cat"], { stdin: true }, pieces(data, 100_000));
    assert.equal(ran.code, 0);
    assert.ok(ran.stdout.equals(data));
  });

  test("a slow reader of the output stops the command, memory does not grow with it", async () => {
    let held = 0;
    let most = 0;
    let reading = false;
    // The command writes 64 MiB; while nobody reads, it cannot have written more than the pipes between hold.
    const started = Promise.withResolvers<void>();
    const ran = run(
      ["sh", "-c", "head -c 67108864 /dev/zero; touch /tmp/all-written"],
      {},
      nothing(),
      undefined,
      async (part) => {
        if (part.type === "started") return;
        held += part.data.length;
        most = Math.max(most, held);
        started.resolve();
        if (!reading) {
          await delay(1_500);
          const { code } = await run(["test", "-e", "/tmp/all-written"]);
          assert.equal(code, 1, "the command was held up");
          reading = true;
        }
        held = 0;
      },
    );
    await started.promise;
    const { stdout } = await ran;
    assert.equal(stdout.length, 67_108_864);
    assert.ok(most < 1024 * 1024, `${most} bytes at once`);
  });

  test("a command that ends before its input is all read gives its output and code", async () => {
    const ran = await run(["head", "-c", "5"], { stdin: true }, pieces(Buffer.alloc(STDIN_BYTES, "a"), 65_536));
    assert.deepEqual([ran.code, ran.stdout.toString()], [0, "aaaaa"]);
  });

  test("input that only ends closes the command's input", async () => {
    assert.equal((await run(["cat"], { stdin: true })).code, 0);
    assert.equal((await run(["cat"])).code, 0);
  });

  test("a terminal has the size asked for, and the new one after a resize", async () => {
    const resized = Promise.withResolvers<void>();
    async function* input(): AsyncGenerator<ExecInput> {
      await resized.promise;
      yield { type: "resize", size: { rows: 50, columns: 132 } };
      yield { type: "data", data: Buffer.from("\n") };
    }
    const options = { tty: true, stdin: true, size: { rows: 24, columns: 80 } };
    const ran = await run(
      ["sh", "-c", "test -t 0 && stty size; read x; stty size"],
      options,
      input(),
      undefined,
      (part) => {
        if (part.type === "data" && part.data.includes("24 80")) resized.resolve();
      },
    );
    assert.match(ran.stdout.toString(), /24 80\r\n\r\n50 132\r\n/);
    assert.equal(ran.stderr.length, 0);
  });

  test("the end of the input is told to a terminal too, and loses no output", async () => {
    const ran = await run(["sh", "-c", "cat; echo over"], { tty: true, stdin: true }, pieces(Buffer.from("line\n"), 3));
    assert.equal(ran.stdout.toString(), "line\r\nline\r\nover\r\n");
  });

  for (const tty of [false, true]) {
    test(`cancelling ends the command and its children (${tty ? "terminal" : "no terminal"})`, async () => {
      const stop = new AbortController();
      const mark = `${10_000 + Math.floor(Math.random() * 80_000)}`;
      let id = "";
      const command = ["sh", "-c", `trap '' TERM HUP; sleep ${mark} & echo up; sleep ${mark}; sleep ${mark}`];
      const ran = run(command, { tty, stdin: true }, forever(stop.signal), stop.signal, (part) => {
        if (part.type === "started") id = part.id;
        else if (part.data.includes("up")) stop.abort(cancelled("enough"));
      });
      await assert.rejects(ran, (error: GantryError) => error.code === Code.CANCELLED);
      await until(async () => !(await inspectExec(engine, id)).Running, {
        what: "the end of the command",
        timeoutMs: 10_000,
      });
      const left = await run(["sh", "-c", `ps -o args | grep -c "^sleep ${mark}" || true`]);
      assert.equal(left.stdout.toString().trim(), "0");
    });
  }

  test("the session of another container's process is never touched", async () => {
    const { killSession } = await import("../../../../services/common/streams/kill-session.ts");
    const other = (
      await createContainer(engine, testName(), { Image: BUSYBOX, Cmd: ["sleep", "600"], Labels: TEST_LABELS })
    ).Id;
    await startContainer(engine, other);
    const { Pid } = (await inspectContainer(engine, other)).State;
    await killSession(Pid, container);
    assert.match(await readFile(`/proc/${Pid}/cmdline`, "utf8"), /sleep/);
  });

  test("a stopped container is refused", async () => {
    const { Id } = await createContainer(engine, testName(), { Image: BUSYBOX, Cmd: ["true"], Labels: TEST_LABELS });
    await assert.rejects(
      exec(
        engine,
        { ...DEFAULTS, container: Id, command: ["true"] },
        nothing(),
        async () => undefined,
        AbortSignal.timeout(TIMEOUT_MS),
      ),
      (error: GantryError) => error.code === Code.FAILED_PRECONDITION,
    );
  });
});

async function* nothing(): AsyncGenerator<ExecInput> {
  // Ends at once.
}

async function* pieces(data: Buffer, size: number): AsyncGenerator<ExecInput> {
  for (let at = 0; at < data.length; at += size) yield { type: "data", data: data.subarray(at, at + size) };
}

/** A client that sends nothing and goes only when `signal` says so. */
async function* forever(signal: AbortSignal): AsyncGenerator<ExecInput> {
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  yield { type: "end" };
}

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import { after, before, describe, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { extract, pack } from "tar-stream";
import { createContainer, startContainer } from "../../../../services/common/engine/api/containers.ts";
import { readLogs } from "../../../../services/common/engine/api/logs.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import type { GantryError } from "../../../../services/common/errors/errors.ts";
import type { InstanceUsage } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { ContainerMeter } from "../../../../services/compute/observe/usage/container-meter.ts";
import { engineCounters } from "../../../../services/compute/observe/usage/engine-counters.ts";
import { stats } from "../../../../services/compute/streams/stats.ts";
import { copyFrom, copyTo } from "../../../../services/compute/streams/transfer.ts";
import { inspectContainer, waitContainer } from "../../../../services/common/engine/api/containers.ts";
import { BUSYBOX } from "../../../images/images.ts";
import { sharedEngine } from "../../../support/engine.ts";
import { removeAll, testName, TEST_LABELS } from "../../common/engine/support.ts";

const TIMEOUT_MS = 60_000;
const limit = (): AbortSignal => AbortSignal.timeout(TIMEOUT_MS);

describe("copy, logs and stats", () => {
  let engine: Engine;
  let container: string;

  async function start(command: string[], more: object = {}): Promise<string> {
    const { Id } = await createContainer(engine, testName(), {
      Image: BUSYBOX,
      Cmd: command,
      Labels: TEST_LABELS,
      ...more,
    });
    await startContainer(engine, Id);
    return Id;
  }

  before(async () => {
    engine = new Engine({ socketPath: (await sharedEngine()).socketPath });
    container = await start(["sleep", "600"]);
  });
  after(async () => {
    await removeAll(engine);
    engine.close();
  });

  async function* archiveOf(files: Record<string, Buffer>, partBytes = 300_000): AsyncGenerator<Uint8Array> {
    const archive = pack();
    for (const [name, data] of Object.entries(files)) archive.entry({ name }, data);
    archive.finalize();
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of archive.pipe(new PassThrough())) {
      rest = Buffer.concat([rest, chunk as Buffer]);
      while (rest.length >= partBytes) {
        yield rest.subarray(0, partBytes);
        rest = rest.subarray(partBytes);
      }
    }
    yield rest;
  }

  async function copyOut(path: string): Promise<Record<string, Buffer>> {
    const files: Record<string, Buffer> = {};
    const reader = extract();
    const done = new Promise<void>((resolve, reject) => {
      reader.on("error", reject);
      reader.on("finish", () => resolve());
      reader.on("entry", (header, stream, next) => {
        const chunks: Buffer[] = [];
        stream.on("data", (chunk) => void chunks.push(chunk as Buffer));
        stream.on("end", () => {
          files[header.name] = Buffer.concat(chunks);
          next(undefined);
        });
      });
    });
    await copyFrom(engine, container, path, async (data) => void reader.write(data), limit());
    reader.end(undefined);
    await done;
    return files;
  }

  test("what is copied in can be copied out again", async () => {
    const data = randomBytes(10 * 1024 * 1024);
    const bytes = await copyTo(
      engine,
      container,
      "/tmp",
      archiveOf({ "big.bin": data, "small.txt": Buffer.from("hi") }),
      limit(),
    );
    assert.ok(bytes > data.length);
    assert.ok((await copyOut("/tmp/big.bin"))["big.bin"]!.equals(data));
    assert.equal((await copyOut("/tmp/small.txt"))["small.txt"]!.toString(), "hi");
  });

  test("a folder that does not exist is refused before anything is sent", async () => {
    let taken = 0;
    async function* parts(): AsyncGenerator<Uint8Array> {
      taken += 1;
      yield Buffer.alloc(1);
    }
    await assert.rejects(
      copyTo(engine, container, "/no/such/folder", parts(), limit()),
      (error: GantryError) => error.code === Code.NOT_FOUND && error.reason === "PATH_NOT_FOUND",
    );
    await assert.rejects(
      copyTo(engine, container, "/bin/busybox", parts(), limit()),
      (error: GantryError) => error.code === Code.INVALID_ARGUMENT,
    );
    const throughFile = (field: string) => (error: GantryError) =>
      error.code === Code.INVALID_ARGUMENT &&
      error.violations[0]?.field === field &&
      /\/etc\/hostname\/x leads through/.test(error.message);
    await assert.rejects(copyTo(engine, container, "/etc/hostname/x", parts(), limit()), throughFile("target.path"));
    assert.equal(taken, 0);
    await assert.rejects(
      copyFrom(engine, container, "/etc/hostname/x", async () => undefined, limit()),
      throughFile("path"),
    );
    await assert.rejects(
      copyFrom(engine, container, "/no/such/file", async () => undefined, limit()),
      (error: GantryError) => error.reason === "PATH_NOT_FOUND",
    );
  });

  test("what is not a tar archive is the caller's fault", async () => {
    async function* parts(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(4096, "x");
    }
    await assert.rejects(
      copyTo(engine, container, "/tmp", parts(), limit()),
      (error: GantryError) => error.code === Code.INVALID_ARGUMENT,
    );
  });

  test("a client that breaks off is told its own error, and the engine goes on", async () => {
    async function* parts(): AsyncGenerator<Uint8Array> {
      for await (const part of archiveOf({ "part.bin": randomBytes(1_000_000) })) {
        yield part;
        throw new Error("the client is gone");
      }
    }
    await assert.rejects(copyTo(engine, container, "/tmp", parts(), limit()), /the client is gone/);
    assert.ok(await copyTo(engine, container, "/tmp", archiveOf({ "after.txt": Buffer.from("1") }), limit()));
  });

  async function logsOf(id: string, options: Partial<Parameters<typeof readLogs>[2]> = {}) {
    const lines = [];
    for await (const batch of readLogs(engine, id, { follow: false, tail: 0, tty: false, signal: limit(), ...options }))
      lines.push(...batch);
    return lines;
  }

  test("logs: streams, times, long lines in parts, tail and since", async () => {
    const script = "echo one; echo two >&2; head -c 40000 /dev/zero | tr '\\0' x; echo; echo last";
    const id = await start(["sh", "-c", script]);
    await waitContainer(engine, id, { timeoutMs: TIMEOUT_MS });
    const lines = await logsOf(id);
    assert.ok(lines.some(({ stream, line }) => stream === "stdout" && line.toString() === "one"));
    assert.ok(lines.some(({ stream, line }) => stream === "stderr" && line.toString() === "two"));
    const long = lines.filter(({ line }) => /^x+$/.test(line.toString()));
    assert.deepEqual(
      long.map(({ line }) => line.length),
      [16_384, 16_384, 7_232],
    );
    assert.ok(lines.every(({ time }) => time !== undefined && Math.abs(time.getTime() - Date.now()) < TIMEOUT_MS));
    // The engine reads the two streams beside each other: which of their lines comes last is chance, but the log keeps to it.
    assert.deepEqual(await logsOf(id, { tail: 2 }), lines.slice(-2));
    assert.deepEqual(await logsOf(id, { since: new Date(Date.now() + 60_000) }), []);
  });

  test("logs of one stream are in the order of writing, to their tail", async () => {
    const id = await start(["sh", "-c", "for i in 1 2 3; do echo $i; done"]);
    await waitContainer(engine, id, { timeoutMs: TIMEOUT_MS });
    const text = async (options: Partial<Parameters<typeof readLogs>[2]>) =>
      (await logsOf(id, options)).map(({ line }) => line.toString());
    assert.deepEqual(await text({}), ["1", "2", "3"]);
    assert.deepEqual(await text({ tail: 2 }), ["2", "3"]);
  });

  test("logs of a terminal", async () => {
    const id = await start(["sh", "-c", "echo one; echo two >&2"], { Tty: true });
    await waitContainer(engine, id, { timeoutMs: TIMEOUT_MS });
    assert.deepEqual(
      (await logsOf(id, { tty: true })).map(({ line }) => line.toString()),
      ["one", "two"],
    );
  });

  test("following ends with the container, or with its signal", async () => {
    const id = await start(["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done"]);
    const lines = await logsOf(id, { follow: true });
    assert.deepEqual(
      lines.map(({ line }) => line.toString()),
      ["1", "2", "3"],
    );
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 200);
    await assert.rejects(
      logsOf(container, { follow: true, signal: stop.signal }),
      (error: GantryError) => error.code === Code.CANCELLED,
    );
  });

  const metered = async (id: string) => {
    const { State, HostConfig } = await inspectContainer(engine, id);
    return { id, pid: State.Pid, memoryLimitBytes: HostConfig.Memory ?? 0 };
  };

  test("stats: one sample at once, then one per interval; a busy loop uses about the processor it may", async () => {
    const id = await start(["sh", "-c", "while :; do :; done"], {
      HostConfig: { NanoCpus: 250_000_000, Memory: 64 * 1024 * 1024 },
    });
    const samples: { usage: InstanceUsage; at: number }[] = [];
    const stop = new AbortController();
    const begun = performance.now();
    const running = stats(
      new ContainerMeter(engine),
      { instance: "projects/default/instances/busy", intervalMs: 1_000, container: () => metered(id) },
      async (usage) => {
        samples.push({ usage, at: performance.now() - begun });
        if (samples.length === 4) stop.abort();
      },
      stop.signal,
    );
    await assert.rejects(running);
    assert.ok(samples[0]!.at < 1_000, `the first came after ${samples[0]!.at} ms`);
    const { usage } = samples.at(-1)!;
    // The machine may be too busy to give it all it may use, but it never gets more.
    assert.ok(usage.cpuMillis > 20n && usage.cpuMillis < 350n, `${usage.cpuMillis} thousandths`);
    assert.equal(usage.memoryLimitBytes, 67_108_864n);
    assert.ok(usage.memoryBytes > 0n && usage.memoryBytes < 67_108_864n);
    assert.equal(usage.pids, 1n);
  });

  test("the kernel's counters and the engine's are the same", async () => {
    const target = await metered(container);
    const kernel = await new ContainerMeter(engine).read(target, limit());
    const asked = await engineCounters(engine, container, 0, limit());
    for (const field of [
      "pids",
      "networkTransmitBytes",
      "blockReadBytes",
      "blockWriteBytes",
      "memoryLimitBytes",
    ] as const) {
      assert.equal(kernel[field], asked[field], field);
    }
    assert.ok(Math.abs(kernel.cpuMs - asked.cpuMs) < 50, `${kernel.cpuMs} and ${asked.cpuMs} ms`);
    assert.ok(
      Math.abs(kernel.memoryBytes - asked.memoryBytes) < 256 * 1024,
      `${kernel.memoryBytes} and ${asked.memoryBytes}`,
    );
  });

  test("stats of what has ended: refused with what to do", async () => {
    const id = await start(["true"]);
    await waitContainer(engine, id, { timeoutMs: TIMEOUT_MS });
    const options = {
      instance: "projects/default/instances/gone",
      intervalMs: 1_000,
      container: async () => undefined,
    };
    await assert.rejects(
      stats(new ContainerMeter(engine), options, async () => undefined, limit()),
      /start it first/,
    );
  });
});

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import { after, before, describe, test } from "node:test";
import { status as Code, type ClientDuplexStream, type ServiceError } from "@grpc/grpc-js";
import { pack } from "tar-stream";
import {
  CopyFromInstanceRequest,
  type CopyToInstanceRequest,
  type CopyToInstanceResponse,
  ExecInstanceRequest,
  type ExecInstanceResponse,
  ExecStart,
  StreamInstanceLogsRequest,
  StreamInstanceStatsRequest,
} from "../../../../proto/gen/gantry/compute/v1/compute.ts";
import type { GantryError } from "../../../../services/common/errors/errors.ts";
import { fromServiceError } from "../../../../services/common/errors/status.ts";
import { metadataOf, stream } from "../../../../services/common/rpc/client.ts";
import { JoinedHost } from "../hosts/joined-host.ts";
import { failure, TestCompute } from "../support/compute.ts";

const LOUD = ["/bin/sh", "-c", "echo hello; echo oops >&2; trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"];
const STDIN_BYTES = 10 * 1024 * 1024;
const PART_BYTES = 1024 * 1024;

describe("interactive streams through the front door", () => {
  let compute: TestCompute;
  let second: JoinedHost;

  before(async () => {
    compute = await TestCompute.start();
    second = await JoinedHost.start(compute);
    await compute.until("the second host is ready", async () => {
      const host = await compute.ask("getHost", { name: `hosts/${second.host}` });
      return (host.status?.capacity?.cpuMillis ?? 0n) > 0n;
    });
    await Promise.all([
      compute.created("here", { command: LOUD, placement: { host: compute.host } }),
      compute.created("there", { command: LOUD, placement: { host: second.host } }),
    ]);
  });
  after(async () => {
    if (second) await compute.delete("there");
    await second?.[Symbol.asyncDispose]();
    await compute?.[Symbol.asyncDispose]();
  });

  function open(token = compute.token): ClientDuplexStream<ExecInstanceRequest, ExecInstanceResponse> {
    return compute.client.execInstance(metadataOf({ token }));
  }

  const start = (id: string, command: string[], more: Partial<ExecStart> = {}): ExecInstanceRequest => ({
    input: { $case: "start", value: ExecStart.fromPartial({ name: compute.name(id), command, ...more }) },
  });

  interface Ran {
    cases: string[];
    stdout: Buffer;
    code: number | undefined;
  }

  async function collect(call: ClientDuplexStream<ExecInstanceRequest, ExecInstanceResponse>): Promise<Ran> {
    const ran: Ran = { cases: [], stdout: Buffer.alloc(0), code: undefined };
    const chunks: Buffer[] = [];
    try {
      for await (const { output } of call as AsyncIterable<ExecInstanceResponse>) {
        ran.cases.push(output!.$case);
        if (output?.$case === "stdout") chunks.push(output.value as Buffer);
        if (output?.$case === "exitCode") ran.code = output.value;
      }
    } catch (error) {
      throw fromServiceError(error);
    }
    ran.stdout = Buffer.concat(chunks);
    return ran;
  }

  async function send(
    call: ClientDuplexStream<ExecInstanceRequest, ExecInstanceResponse>,
    data: Buffer,
  ): Promise<void> {
    for (let at = 0; at < data.length; at += PART_BYTES) {
      const message: ExecInstanceRequest = { input: { $case: "stdin", value: data.subarray(at, at + PART_BYTES) } };
      if (!call.write(message)) await new Promise((resolve) => call.once("drain", resolve));
    }
  }

  for (const id of ["here", "there"]) {
    test(`exec on ${id}: started first, exit code last, ten megabytes of input whole`, async () => {
      const data = randomBytes(STDIN_BYTES);
      const call = open();
      const ran = collect(call);
      call.write(start(id, ["sh", "-c", "sha256sum; exit 5"], { stdin: true }));
      await send(call, data);
      call.write({ input: { $case: "stdinClosed", value: true } });
      const { cases, stdout, code } = await ran;
      assert.equal(stdout.toString().split(" ")[0], createHash("sha256").update(data).digest("hex"));
      assert.equal(code, 5);
      assert.deepEqual([cases[0], cases.at(-1)], ["started", "exitCode"]);
    });

    test(`exec on ${id}: what cannot be started is an error with its reason`, async () => {
      const call = open();
      const ran = collect(call);
      call.write(start(id, ["no-such-command"]));
      const error = await failure(ran);
      assert.deepEqual([error.code, error.reason], [Code.FAILED_PRECONDITION, "COMMAND_NOT_STARTED"]);
    });

    test(`exec on ${id}: a client that cancels leaves no process`, async () => {
      const mark = String(10_000 + Math.floor(Math.random() * 80_000));
      const call = open();
      const ran = collect(call);
      call.on("data", () => undefined);
      call.write(start(id, ["sh", "-c", `sleep ${mark} & sleep ${mark}`], { stdin: true }));
      const count = async (): Promise<string> => {
        const look = open();
        const seen = collect(look);
        look.write(start(id, ["sh", "-c", `ps -o args | grep -c "^sleep ${mark}" || true`]));
        return (await seen).stdout.toString().trim();
      };
      await compute.until("both sleep", async () => (await count()) === "2");
      call.cancel();
      await failure(ran);
      await compute.until("neither sleeps", async () => (await count()) === "0");
    });

    test(`logs of ${id}`, async () => {
      const request = StreamInstanceLogsRequest.fromPartial({ name: compute.name(id) });
      const lines = [];
      for await (const message of stream(compute.client, "streamInstanceLogs", request, { token: compute.token })) {
        lines.push(...message.lines);
      }
      assert.deepEqual(lines.map(({ line }) => Buffer.from(line).toString()).toSorted(), ["hello", "oops"]);
    });

    test(`stats of ${id}: one at once`, async () => {
      const request = StreamInstanceStatsRequest.fromPartial({ name: compute.name(id) });
      for await (const usage of stream(compute.client, "streamInstanceStats", request, { token: compute.token })) {
        assert.equal(usage.instance, compute.name(id));
        assert.ok(usage.memoryBytes > 0n && usage.pids >= 1n);
        break;
      }
    });

    test(`copy to and from ${id}`, async () => {
      const data = randomBytes(3_000_000);
      const archive = pack();
      archive.entry({ name: "data.bin" }, data);
      archive.finalize();
      const answer = await upload(id, "/tmp", archive.pipe(new PassThrough()));
      assert.ok(answer.bytes > BigInt(data.length));
      const request = CopyFromInstanceRequest.fromPartial({ name: compute.name(id), path: "/tmp/data.bin" });
      const parts: Uint8Array[] = [];
      for await (const part of stream(compute.client, "copyFromInstance", request, { token: compute.token }))
        parts.push(part.data);
      assert.ok(Buffer.concat(parts).includes(data));
      const missing = await failure(upload(id, "/no/such/folder", new PassThrough().end()));
      assert.equal(missing.reason, "PATH_NOT_FOUND");
    });
  }

  async function upload(id: string, path: string, archive: AsyncIterable<unknown>): Promise<CopyToInstanceResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<CopyToInstanceResponse>();
    const call = compute.client.copyToInstance(
      metadataOf({ token: compute.token }),
      (error: ServiceError | null, answer) => (error ? reject(fromServiceError(error)) : resolve(answer)),
    );
    call.write({ part: { $case: "target", value: { name: compute.name(id), path } } } satisfies CopyToInstanceRequest);
    for await (const chunk of archive) {
      const bytes = chunk as Buffer;
      for (let at = 0; at < bytes.length; at += PART_BYTES) {
        const message: CopyToInstanceRequest = { part: { $case: "data", value: bytes.subarray(at, at + PART_BYTES) } };
        if (!call.write(message)) await new Promise((done) => call.once("drain", done));
      }
    }
    call.end();
    return promise;
  }

  const REFUSED: [string, () => ExecInstanceRequest, (error: GantryError) => boolean][] = [
    [
      "a first message that is no start",
      () => ({ input: { $case: "stdinClosed", value: true } }),
      ({ code }) => code === Code.INVALID_ARGUMENT,
    ],
    [
      "every bad field of a start at once",
      () => start("here", [], { workingDir: "tmp", user: "a b", size: { rows: 0, columns: 70_000 } }),
      ({ violations }) =>
        [
          "start.command",
          "start.size.columns",
          "start.size.rows",
          "start.size",
          "start.user",
          "start.working_dir",
        ].every((field) => violations.some((violation) => violation.field === field)),
    ],
    ["an instance that is not there", () => start("nobody", ["true"]), ({ code }) => code === Code.NOT_FOUND],
  ];
  for (const [what, message, holds] of REFUSED) {
    test(`exec refuses ${what}`, async () => {
      const call = open();
      const ran = collect(call);
      call.write(message());
      const error = await failure(ran);
      assert.ok(holds(error), `${error.code} ${error.message}`);
    });
  }

  test("a viewer reads logs, and may not exec or copy", async () => {
    const token = await compute.realm.token({ roles: { [`p${compute.id}`]: "viewer" } });
    const call = open(token);
    const ran = collect(call);
    call.write(start("here", ["true"]));
    assert.equal((await failure(ran)).code, Code.PERMISSION_DENIED);
    const logs = stream(
      compute.client,
      "streamInstanceLogs",
      StreamInstanceLogsRequest.fromPartial({ name: compute.name("here") }),
      { token },
    );
    assert.equal((await logs.next()).done, false);
    await logs.return();
    const copy = stream(
      compute.client,
      "copyFromInstance",
      { name: compute.name("here"), path: "/etc/passwd" },
      { token },
    );
    await assert.rejects(copy.next(), (error: GantryError) => error.code === Code.PERMISSION_DENIED);
  });

  test("an instance that is stopped: exec and stats say what to do, logs are still there", async () => {
    await compute.created("stopped", {
      command: ["/bin/sh", "-c", "echo once; exec sleep 600"],
      restartPolicy: 3,
      stopTimeout: { seconds: 0n, nanos: 0 },
    });
    await compute.verb("stop", "stopped");
    const call = open();
    const ran = collect(call);
    call.write(start("stopped", ["true"]));
    const error = await failure(ran);
    assert.deepEqual([error.code, error.reason], [Code.FAILED_PRECONDITION, "INSTANCE_NOT_RUNNING"]);
    assert.match(error.message, /start it first/);
    const usage = stream(
      compute.client,
      "streamInstanceStats",
      StreamInstanceStatsRequest.fromPartial({ name: compute.name("stopped") }),
      { token: compute.token },
    );
    await assert.rejects(usage.next(), /start it first/);
    const lines = [];
    for await (const message of stream(
      compute.client,
      "streamInstanceLogs",
      StreamInstanceLogsRequest.fromPartial({ name: compute.name("stopped"), follow: true }),
      { token: compute.token },
    ))
      lines.push(...message.lines);
    assert.deepEqual(
      lines.map(({ line }) => Buffer.from(line).toString()),
      ["once"],
    );
  });
});

import type { ClientDuplexStream } from "@grpc/grpc-js";
import { extract } from "tar-stream";
import {
  ExecNodeRequest,
  type ExecNodeResponse,
  LoadImageRequest,
  type LoadImageResponse,
  LoadImageStart,
} from "../../../../proto/gen/gantry/cluster/v1/service.ts";
import { ExecStart } from "../../../../proto/gen/gantry/compute/v1/compute.ts";
import { fromServiceError } from "../../../../services/common/errors/status.ts";
import { metadataOf, stream } from "../../../../services/common/rpc/client.ts";
import { written } from "../../../../services/common/streams/written.ts";
import type { TestClusters } from "./clusters.ts";

export interface Ran {
  code: number | undefined;
  stdout: Buffer;
  stderr: Buffer;
}

/** ExecNode to its end. */
export async function execNode(
  clusters: TestClusters,
  node: string,
  command: string[],
  stdin?: AsyncIterable<Uint8Array>,
): Promise<Ran> {
  const call = clusters.client.execNode(metadataOf(clusters.token));
  const start = ExecStart.fromPartial({ name: node, command, stdin: stdin !== undefined });
  call.write(ExecNodeRequest.fromPartial({ input: { $case: "start", value: start } }));
  const sending = stdin === undefined ? undefined : sendInput(call, stdin);
  const ran: Ran = { code: undefined, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  const parts = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  for await (const { output } of answers(call)) {
    if (output?.$case === "stdout" || output?.$case === "stderr") parts[output.$case].push(output.value);
    if (output?.$case === "exitCode") {
      ran.code = output.value;
      call.end();
    }
  }
  await sending;
  return { ...ran, stdout: Buffer.concat(parts.stdout), stderr: Buffer.concat(parts.stderr) };
}

async function sendInput(
  call: ClientDuplexStream<ExecNodeRequest, ExecNodeResponse>,
  input: AsyncIterable<Uint8Array>,
): Promise<void> {
  for await (const value of input) {
    const part = ExecNodeRequest.fromPartial({ input: { $case: "stdin", value: Buffer.from(value) } });
    if (!(await written(call as never, part as never))) return;
  }
  call.write(ExecNodeRequest.fromPartial({ input: { $case: "stdinClosed", value: true } }));
}

/** LoadImage to its end; every answer. */
export async function loadImage(
  clusters: TestClusters,
  start: Partial<LoadImageStart>,
  archive?: AsyncIterable<Uint8Array>,
): Promise<LoadImageResponse[]> {
  const call = clusters.client.loadImage(metadataOf(clusters.token));
  call.write(
    LoadImageRequest.fromPartial({ part: { $case: "start", value: LoadImageStart.fromPartial({ ...start }) } }),
  );
  const sending = sendArchive(call, archive);
  const all: LoadImageResponse[] = [];
  for await (const answer of answers(call)) all.push(answer);
  await sending;
  return all;
}

async function sendArchive(
  call: ClientDuplexStream<LoadImageRequest, LoadImageResponse>,
  archive: AsyncIterable<Uint8Array> | undefined,
): Promise<void> {
  for await (const value of archive ?? none()) {
    const part = LoadImageRequest.fromPartial({ part: { $case: "data", value: Buffer.from(value) } });
    if (!(await written(call as never, part as never))) return;
  }
  call.end();
}

async function* none(): AsyncGenerator<Uint8Array> {
  // There is nothing.
}

async function* answers<Req, Res>(call: ClientDuplexStream<Req, Res>): AsyncGenerator<Res> {
  try {
    yield* call as AsyncIterable<Res>;
  } catch (error) {
    throw fromServiceError(error);
  }
}

/** ExportLogs, unpacked: the content of each file by its name. */
export async function exportLogs(clusters: TestClusters, cluster: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const entries = extract();
  const feed = async (): Promise<void> => {
    const parts = stream(clusters.client, "exportLogs", { name: clusters.name(cluster) }, clusters.token);
    for await (const { data } of parts) await written(entries, data);
    entries.end(null);
  };
  const feeding = feed().catch((error: unknown) => entries.destroy(error as Error));
  for await (const entry of entries) {
    const parts: Buffer[] = [];
    for await (const part of entry) parts.push(part as Buffer);
    if (entry.header.type === "file") files.set(entry.header.name, Buffer.concat(parts).toString("utf8"));
  }
  await feeding;
  return files;
}

import type Docker from "dockerode";
import type { Extract } from "tar-stream";
import { getArchive } from "../../../common/engine/api/containers.ts";
import { readLogs } from "../../../common/engine/api/logs.ts";
import { readContainerFile } from "../../../common/engine/api/read-file.ts";
import type { Engine } from "../../../common/engine/engine.ts";
import { internal } from "../../../common/errors/errors.ts";
import { written } from "../../../common/streams/written.ts";
import { TextTail } from "../../nodes/text-tail.ts";
import { runPlain, type Take } from "../node-command.ts";
import type { LogArchive } from "./archive.ts";
import type { Spool } from "./spool.ts";

/** Of one command in a node. */
const COMMAND_TIMEOUT_MS = 120_000;
const VERSION_PATH = "/kind/version";
const VERSION_BYTES_MAX = 4 * 1024;
const ERROR_BYTES_MAX = 2 * 1024;

/** As `kind export logs` has them. */
const COMMANDS: readonly [file: string, command: string[]][] = [
  ["journal.log", ["journalctl", "--no-pager"]],
  ["kubelet.log", ["journalctl", "--no-pager", "--unit=kubelet.service"]],
  ["containerd.log", ["journalctl", "--no-pager", "--unit=containerd.service"]],
  ["images.log", ["crictl", "images"]],
];

/** Links are followed: those in `containers` lead out of the folder. Ends with 1 where a log grew meanwhile. */
const PACK_LOGS = ["tar", "--hard-dereference", "--dereference", "--create", "--file=-", "--directory=/var/log", "."];
const PACK_CODE_CHANGED = 1;

export interface NodeLogs {
  engine: Engine;
  container: Docker.ContainerInspectInfo;
  /** Folder of the node in the archive. */
  folder: string;
}

/** Everything that one node has to say. Of one that does not run: what needs no command. */
export async function addNodeLogs(archive: LogArchive, node: NodeLogs, signal: AbortSignal): Promise<void> {
  const { engine, container, folder } = node;
  await archive.folder(`${folder}/`);
  await archive.file(`${folder}/inspect.json`, `${JSON.stringify([container], null, 4)}\n`);
  await archive.spooled(`${folder}/serial.log`, (spool) => addContainerLog(spool, node, signal), signal);
  await archive.spooled(`${folder}/kubernetes-version.txt`, (spool) => addVersion(spool, node, signal), signal);
  const { Running, Paused, Restarting } = container.State;
  if (!Running || Paused || Restarting) {
    const files = (into: Extract): Promise<void> => readFolder(engine, container.Id, into, signal);
    return archive.repack(files, (name) => inFolder(folder, name, "log/"));
  }
  for (const [file, command] of COMMANDS) {
    await archive.spooled(`${folder}/${file}`, (spool) => addOutput(spool, node, command, signal), signal);
  }
  const files = (into: Extract): Promise<void> => packFolder(engine, container.Id, into, signal);
  await archive.repack(files, (name) => inFolder(folder, name, "./"));
}

/** Undefined for what would be elsewhere, and for the folder itself. */
export function inFolder(folder: string, name: string, prefix: string): string | undefined {
  if (!name.startsWith(prefix)) return undefined;
  const rest = name.slice(prefix.length);
  const parts = rest.split("/");
  return rest === "" || rest.startsWith("/") || parts.includes("..") ? undefined : `${folder}/${rest}`;
}

async function addContainerLog(spool: Spool, { engine, container }: NodeLogs, signal: AbortSignal): Promise<void> {
  const options = { follow: false, tail: 0, tty: container.Config.Tty, signal };
  for await (const parts of readLogs(engine, container.Id, options)) {
    for (const { line } of parts) await spool.add(Buffer.concat([line, Buffer.from("\n")]));
  }
}

async function addVersion(spool: Spool, { engine, container }: NodeLogs, signal: AbortSignal): Promise<void> {
  const options = { bytesMax: VERSION_BYTES_MAX, signal };
  const text = await readContainerFile(engine, container.Id, VERSION_PATH, options);
  if (text === undefined) throw internal("FILE_MISSING", `the node has no ${VERSION_PATH}`);
  await spool.add(text);
}

async function addOutput(
  spool: Spool,
  { engine, container }: NodeLogs,
  command: string[],
  signal: AbortSignal,
): Promise<void> {
  const ends = AbortSignal.any([signal, AbortSignal.timeout(COMMAND_TIMEOUT_MS)]);
  const code = await runPlain({ engine, container: container.Id, command }, (_, data) => spool.add(data), ends);
  if (code !== 0) throw internal("NODE_COMMAND_FAILED", `${command[0]} ended with code ${code}`);
}

async function packFolder(engine: Engine, container: string, into: Extract, signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const said = new TextTail(ERROR_BYTES_MAX);
  const take: Take = async (stream, data) => {
    if (stream === "stderr") said.add(data);
    // Whoever read it is gone.
    else if (!(await written(into, data))) stop.abort();
  };
  const ends = AbortSignal.any([signal, stop.signal]);
  const code = await runPlain({ engine, container, command: PACK_LOGS }, take, ends);
  if (code > PACK_CODE_CHANGED)
    throw internal("NODE_COMMAND_FAILED", `tar ended with code ${code}: ${said.text.trim()}`);
}

async function readFolder(engine: Engine, container: string, into: Extract, signal: AbortSignal): Promise<void> {
  const stream = await getArchive(engine, container, "/var/log", { signal });
  try {
    for await (const chunk of stream) if (!(await written(into, chunk as Buffer))) return;
  } finally {
    stream.destroy();
  }
}

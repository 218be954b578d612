import { readLogs } from "../../common/engine/api/logs.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { GantryError } from "../../common/errors/errors.ts";
import { runInNode } from "./run-in-node.ts";
import { TextTail } from "./text-tail.ts";

const LOG_BYTES_MAX = 8 * 1024;
const LOG_LINES_MAX = 200;
const TIMEOUT_MS = 10_000;
/** Of each container of a pod. */
const POD_LOG_BYTES = 1_024;

const KUBELET_LOG = ["journalctl", "--unit=kubelet", "--no-pager", "--output=cat", `--lines=${LOG_LINES_MAX}`];
/** Of the cluster's own pods: what users' pods write is not for everybody who may read an operation. */
const POD_LOGS = [
  "find",
  "/var/log/pods",
  "-path",
  "/var/log/pods/kube-system_*",
  "-name",
  "*.log",
  "-exec",
  "tail",
  "-v",
  "-c",
  String(POD_LOG_BYTES),
  "{}",
  "+",
];

/**
 * The same error, with what its node had to say last: metadata `node`, `containerLog`, and where the node still runs `kubeletLog` and
 * `podLogs`. Each is bounded.
 */
export async function withNodeLogs(engine: Engine, container: string, error: GantryError): Promise<GantryError> {
  const [containerLog, kubeletLog, podLogs] = await Promise.all([
    orWhyNot(() => readContainerLog(engine, container)),
    orWhyNot(() => runInNode({ engine, container, command: KUBELET_LOG, signal: AbortSignal.timeout(TIMEOUT_MS) })),
    orWhyNot(() => runInNode({ engine, container, command: POD_LOGS, signal: AbortSignal.timeout(TIMEOUT_MS) })),
  ]);
  const last = lastLine(kubeletLog) || lastLine(containerLog);
  return new GantryError(error.code, `${error.message}${last === "" ? "" : `; ${container} said last: ${last}`}`, {
    reason: error.reason,
    metadata: { ...error.metadata, node: container, containerLog, kubeletLog, podLogs },
    violations: error.violations,
    cause: error,
  });
}

/** A log that can't be had must not hide the error it was to explain. */
async function orWhyNot(read: () => Promise<string>): Promise<string> {
  try {
    return await read();
  } catch (error) {
    return `(not to be had: ${(error as Error).message})`;
  }
}

async function readContainerLog(engine: Engine, container: string): Promise<string> {
  const tail = new TextTail(LOG_BYTES_MAX);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  for await (const parts of readLogs(engine, container, { follow: false, tail: LOG_LINES_MAX, tty: true, signal })) {
    for (const { line } of parts) tail.add(Buffer.concat([line, Buffer.from("\n")]));
  }
  return tail.text;
}

const LINE_CHARS_MAX = 300;

function lastLine(log: string): string {
  const line = log.startsWith("(") ? "" : (log.trim().split("\n").at(-1) ?? "");
  return line.slice(0, LINE_CHARS_MAX);
}

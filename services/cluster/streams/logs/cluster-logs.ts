import { readFileSync } from "node:fs";
import type { Node } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { engineInfo } from "../../../common/engine/api/info.ts";
import type { Engine } from "../../../common/engine/engine.ts";
import { containerNameOfNode } from "../../clusters/names.ts";
import { findNodeContainer } from "../locate-node.ts";
import { LogArchive } from "./archive.ts";
import { addNodeLogs } from "./node-logs.ts";

/** A tar archive with a folder for each node, as `kind export logs` lays it out. */
export function clusterLogs(engine: Engine, nodes: readonly Node[], signal: AbortSignal): AsyncGenerator<Buffer> {
  return new LogArchive().read(async (archive) => {
    const info = await engineInfo(engine, { signal });
    await archive.file("docker-info.txt", `${JSON.stringify(info, null, 2)}\n`);
    await archive.file("kind-version.txt", `gantry v${version()}\n`);
    for (const node of nodes) {
      const folder = containerNameOfNode(node.meta!.name);
      const container = await findNodeContainer(engine, node, signal);
      if (container) await addNodeLogs(archive, { engine, container, folder }, signal);
      else await archive.file(`${folder}/missing.txt`, "the node's container is not to be found\n");
    }
  });
}

function version(): string {
  const text = readFileSync(new URL("../../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

import { type Node, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { isEngineNotFound } from "../../common/engine/errors.ts";
import { failedPrecondition, GantryError } from "../../common/errors/errors.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import { type Authorities, AUTHORITY_PATHS, readAuthorities } from "../pki/authorities.ts";
import { PKI_FOLDER } from "../pki/paths.ts";
import { readFolder } from "./read-folder.ts";

const PKI_BYTES_MAX = 1024 * 1024;

/** From the first of the control planes that has them, running or not: they are nowhere else. `where`: container of one that has it elsewhere. */
export async function authoritiesOf(
  engine: Engine,
  nodes: readonly Node[],
  signal: AbortSignal,
  where: (container: string) => string = (container) => container,
): Promise<Authorities> {
  const problems: string[] = [];
  for (const { meta, spec } of nodes) {
    if (spec?.role !== NodeRole.NODE_ROLE_CONTROL_PLANE || meta!.deleteTime) continue;
    const container = where(containerNameOfNode(meta!.name));
    try {
      const files = await readFolder(engine, container, PKI_FOLDER, { bytesMax: PKI_BYTES_MAX, signal });
      return readAuthorities(new Map(AUTHORITY_PATHS.flatMap((path) => pair(path, files.get(path)))));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof GantryError && !isEngineNotFound(error)) throw error;
      problems.push(`${container}: ${(error as Error).message}`);
    }
  }
  throw failedPrecondition("NO_AUTHORITY", `no control plane has the keys that sign for it: ${problems.join("; ")}`);
}

function pair(path: string, content: string | undefined): [string, string][] {
  return content === undefined ? [] : [[path, content]];
}

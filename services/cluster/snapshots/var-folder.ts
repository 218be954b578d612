import { access, constants } from "node:fs/promises";
import type Docker from "dockerode";
import { failedPrecondition } from "../../common/errors/errors.ts";

/** Where a node's `/var` is on the host. FAILED_PRECONDITION VAR_OUT_OF_REACH where this process cannot work on it. */
export async function varFolderOf({ Name, Mounts }: Docker.ContainerInspectInfo): Promise<string> {
  const folder = Mounts.find(({ Destination }) => Destination === "/var")?.Source ?? "";
  const container = Name.slice(1);
  try {
    await access(folder, constants.R_OK | constants.W_OK);
    return folder;
  } catch (error) {
    const text = `the volume of ${container} (${folder || "none"}) cannot be read and written here: ${(error as Error).message}`;
    throw failedPrecondition("VAR_OUT_OF_REACH", text, { container });
  }
}

import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const FOLDER = "/var/run/cdi";

export interface MadeUpGpus extends AsyncDisposable {
  /** Vendor and class; the devices are `kind=0`, `kind=1`... */
  kind: string;
  /** The engine knows them no more. */
  remove(): Promise<void>;
}

/** Devices of a made-up vendor, by a file of the Container Device Interface: each an environment variable and a node that is really /dev/null. */
export async function addMadeUpGpus(count: number): Promise<MadeUpGpus> {
  const vendor = `gantry-test-${randomBytes(4).toString("hex")}.example`;
  const kind = `${vendor}/gpu`;
  const path = join(FOLDER, `${vendor}.yaml`);
  const devices = Array.from({ length: count }, (_, i) => ({
    name: String(i),
    containerEdits: {
      env: [`MADE_UP_GPU_${i}=yes`],
      deviceNodes: [{ path: `/dev/made-up${i}`, hostPath: "/dev/null", type: "c", major: 1, minor: 3 }],
    },
  }));
  await mkdir(FOLDER, { recursive: true });
  // JSON is YAML.
  await writeFile(path, JSON.stringify({ cdiVersion: "0.5.0", kind, devices }));
  const remove = (): Promise<void> => rm(path, { force: true });
  return { kind, remove, [Symbol.asyncDispose]: remove };
}

import { join } from "node:path";
import { debianPackage } from "../support/debian-package.ts";

/** Path of an etcd server, from its package; fetched once into `cacheDir`. */
export async function etcdProgram(cacheDir: string): Promise<string> {
  return join(await debianPackage(cacheDir, "etcd-server"), "usr/bin/etcd");
}

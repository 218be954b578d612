import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { OperationRecord } from "../../../../proto/gen/gantry/common/v1/operation.ts";
import { Instance, InstanceSpec } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { Project, ProjectSpec } from "../../../../proto/gen/gantry/compute/v1/project.ts";
import type { AnyKind, Kind } from "../../../../services/common/store/api.ts";
import type { StoreHandle, StoreOptions } from "../../../../services/common/store/store.ts";
import { openStore } from "../../../../services/common/store/store.ts";

export const HOST = "host-a";
export const testLog = pino({ level: process.env["TEST_LOG_LEVEL"] ?? "silent" });

/** The store's tests use the real messages with kinds of their own, so that they hold whatever the services do. */
export const instances: Kind<Instance> = {
  name: "Instance",
  typeName: "gantry.compute.v1.Instance",
  message: Instance,
  schema: 1,
  spec: (record) => InstanceSpec.encode(record.spec ?? InstanceSpec.create()).finish(),
  hostless: false,
};

export const projects: Kind<Project> = {
  name: "Project",
  typeName: "gantry.compute.v1.Project",
  message: Project,
  schema: 1,
  spec: (record) => ProjectSpec.encode(record.spec ?? ProjectSpec.create()).finish(),
  hostless: true,
};

export const operations: Kind<OperationRecord> = {
  name: "Operation",
  typeName: "gantry.common.v1.OperationRecord",
  message: OperationRecord,
  schema: 1,
  spec: () => new Uint8Array(),
  hostless: false,
};

export const kinds: readonly AnyKind[] = [instances, projects, operations];

export function instance(id: string, labels: Record<string, string> = {}, host = HOST, project = "default"): Instance {
  const name = `projects/${project}/instances/${id}`;
  return Instance.fromPartial({ meta: { name, labels, host }, spec: { image: "img:1" } });
}

export const nameOf = (id: string, project = "default"): string => `projects/${project}/instances/${id}`;

export interface TestFolder {
  path: string;
  remove(): Promise<void>;
}

export async function tempFolder(): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), "store-test-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export type OpenOptions = Pick<StoreOptions, "redisUrl" | "dataDir"> & Partial<StoreOptions>;

export function open(options: OpenOptions): Promise<StoreHandle> {
  return openStore({
    service: "compute",
    host: HOST,
    kinds,
    log: testLog,
    signal: new AbortController().signal,
    ...options,
  });
}

/** Waits until `check` gives something; fails after `timeoutMs`. */
export async function eventually<T>(
  check: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 15_000,
): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await check();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > endMs) throw new Error(`did not come true within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

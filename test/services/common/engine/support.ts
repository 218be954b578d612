import { randomBytes } from "node:crypto";
import { waitUntil } from "../../../../deploy/local/process/wait-until.ts";
import { listContainers, removeContainer } from "../../../../services/common/engine/api/containers.ts";
import type { Engine } from "../../../../services/common/engine/engine.ts";
import { LABEL_TEST } from "../../../../services/common/engine/labels.ts";

const RUN = `engine-${randomBytes(4).toString("hex")}`;

/** On everything that this test process makes on an engine. */
export const TEST_LABELS: Record<string, string> = { [LABEL_TEST]: RUN };

/** A name that nothing else has. */
export function testName(): string {
  return `${RUN}-${randomBytes(4).toString("hex")}`;
}

/** Removes every container that this process made. */
export async function removeAll(engine: Engine): Promise<void> {
  const containers = await listContainers(engine, { label: [`${LABEL_TEST}=${RUN}`] });
  await Promise.all(containers.map(({ Id }) => removeContainer(engine, Id)));
}

/** Waits until `check` holds. */
export async function until(
  check: () => boolean | Promise<boolean>,
  options: { what: string; timeoutMs: number },
): Promise<void> {
  await waitUntil(async () => ((await check()) ? true : undefined), options);
}

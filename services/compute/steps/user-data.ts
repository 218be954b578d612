import type { Socket } from "node:net";
import { createExec, inspectExec, startExec } from "../../common/engine/api/exec.ts";
import type { Step } from "../../common/jobs/api.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { INSTANCE_FILES_PATH } from "../inner-engine/command.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";
import { needContainer } from "./find-container.ts";
import { runOnce } from "./run-once.ts";

const SCRIPT = `${INSTANCE_FILES_PATH}/user-data`;
const RUN_ONCE = runOnce(SCRIPT);

/** The user's script, after the first start. Its output stays inside, at user-data.log: it may be secret. */
export const runUserData: Step<InstanceContext> = {
  name: "user-data",
  timeoutMs: 30 * 60_000,
  // The script goes on while the engine is away, and runs once however often it is asked for.
  attempts: ENGINE_ATTEMPTS,
  needed: ({ instance }) => instance.spec!.userData !== "" && instance.spec!.power !== PowerState.POWER_STATE_STOPPED,
  async do(ctx) {
    const { engine } = ctx.tools;
    const limits = { signal: ctx.signal };
    const body = { Cmd: ["/bin/sh", "-c", RUN_ONCE], AttachStdout: true, AttachStderr: true };
    const id = await createExec(engine, await needContainer(ctx), body, limits);
    await ended(await startExec(engine, id, { tty: false }, limits));
    const { ExitCode: code } = await inspectExec(engine, id, limits);
    if (code === 0) return;
    throw failedPrecondition(
      "USER_DATA_FAILED",
      `the user data script ended with code ${code}: see ${SCRIPT}.log inside`,
      {
        exitCode: String(code),
      },
    );
  },
};

async function ended(output: Socket): Promise<void> {
  output.resume();
  await new Promise<void>((resolve, reject) => {
    output.on("end", resolve);
    output.on("error", reject);
    output.on("close", resolve);
  });
  output.destroy();
}

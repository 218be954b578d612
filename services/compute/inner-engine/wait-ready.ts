import { request } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { deadlineExceeded } from "../../common/errors/errors.ts";
import type { Credentials } from "./authority.ts";
import { INNER_ENGINE_PORT } from "./command.ts";

const PROBE_INTERVAL_MS = 50;
const PROBE_TIMEOUT_MS = 2_000;
const ANSWER_BYTES_MAX = 64 * 1024;

export interface InnerEngineTarget {
  /** Of the instance in the realm's network. */
  address: string;
  /** PEM of the instance's own authority. */
  ca: string;
  client: Credentials;
}

/** Version of the inner engine once it answers over mutual TLS; rejects when it does not. */
export async function probeInnerEngine(target: InnerEngineTarget, signal: AbortSignal): Promise<string> {
  const answer = JSON.parse(await get(target, "/version", signal)) as { Version?: unknown };
  return typeof answer.Version === "string" ? answer.Version : "";
}

function get(target: InnerEngineTarget, path: string, signal: AbortSignal): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const call = request(
      {
        host: target.address,
        port: INNER_ENGINE_PORT,
        path,
        ca: target.ca,
        cert: target.client.certificate,
        key: target.client.key,
        agent: false,
        signal: AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]),
      },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8");
        answer.on("data", (part: string) => {
          body += part;
          if (body.length > ANSWER_BYTES_MAX) answer.destroy(new Error("the inner engine's answer is too long"));
        });
        answer.on("error", reject);
        answer.on("end", () => {
          if (answer.statusCode !== 200) return reject(new Error(`the inner engine answers ${answer.statusCode}`));
          resolve(body);
        });
      },
    );
    call.on("error", reject);
    call.end();
  });
}

/**
 * Waits until the inner engine answers over mutual TLS; returns its version. `giveUp` is asked before each try for a reason not to go on
 * (the container has ended).
 */
export async function waitInnerEngine(
  target: InnerEngineTarget,
  options: { timeoutMs: number; signal: AbortSignal; giveUp: () => Promise<Error | undefined> | undefined },
): Promise<string> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal.throwIfAborted();
    const reason = await options.giveUp();
    if (reason) throw reason;
    try {
      return await probeInnerEngine(target, options.signal);
    } catch (error) {
      options.signal.throwIfAborted();
      if (performance.now() > deadline) {
        throw deadlineExceeded(
          `the inner engine did not answer within ${options.timeoutMs} ms: ${(error as Error).message}`,
        );
      }
    }
    await delay(PROBE_INTERVAL_MS, undefined, { signal: options.signal });
  }
}

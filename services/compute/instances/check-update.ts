import { isDeepStrictEqual } from "node:util";
import { type Instance, InstanceSpec, RestartPolicy } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Violations } from "../../common/names/violations.ts";
import { checkStopTimeout } from "./check-spec.ts";

const BY_VERB: Record<string, string> = {
  cpu_millis: "is changed by resize",
  memory_bytes: "is changed by resize",
  pids_max: "is changed by resize",
  power: "is changed by start, stop, pause and resume",
};

export interface UpdateCheck {
  /** Paths of update_mask; empty: whatever is set. */
  mask: readonly string[] | undefined;
  mutable: readonly string[];
  asked: Instance;
  current: Instance;
}

/** Everything an update asks for that can't be: paths of the mask, and fields that are set to another value than they have. */
export function checkMutable(found: Violations, { mask, mutable, asked, current }: UpdateCheck): void {
  for (const path of mask ?? []) {
    if (path === "*" || mutable.includes(path)) continue;
    const field = /^spec\.(\w+)/.exec(path)?.[1];
    const known = field !== undefined && localName(field) in InstanceSpec.fromPartial({});
    const why = known ? (BY_VERB[field] ?? "is immutable") : `can't be updated; these can: ${mutable.join(", ")}`;
    found.add("update_mask", `"${path}" ${why}`);
  }
  const wanted = asked.spec;
  if (!wanted) return;
  if (!mask || mask.length === 0) checkUnchanged(found, wanted, current.spec!, mutable);
  const policies: number[] = Object.values(RestartPolicy).filter((value) => value >= 0);
  found.check(
    policies.includes(wanted.restartPolicy),
    "instance.spec.restart_policy",
    "is not a value of RestartPolicy",
  );
  checkStopTimeout(found, wanted, "instance.spec");
}

/** Without a mask a client sends what it read, with its changes: fields that can't change may stand there as they are. */
function checkUnchanged(
  found: Violations,
  wanted: InstanceSpec,
  current: InstanceSpec,
  mutable: readonly string[],
): void {
  const empty = InstanceSpec.fromPartial({});
  for (const key of Object.keys(empty) as (keyof InstanceSpec)[]) {
    const field = protoName(key);
    if (key === "_unknownFields" || mutable.includes(`spec.${field}`)) continue;
    if (isDeepStrictEqual(wanted[key], empty[key]) || isDeepStrictEqual(wanted[key], current[key])) continue;
    found.add(`instance.spec.${field}`, BY_VERB[field] ?? "is immutable");
  }
}

function localName(field: string): string {
  return field.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function protoName(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

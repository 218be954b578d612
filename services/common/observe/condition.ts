import { type Condition, ConditionStatus } from "../../../proto/gen/gantry/common/v1/meta.ts";
import { clipBytes } from "./clip.ts";

const CONDITION_MESSAGE_BYTES_MAX = 1024;

/** What a condition is found to be. */
export type Verdict = Pick<Condition, "status" | "reason" | "message">;

/** `last_transition_time` moves only when `status` does. */
export function setCondition(
  conditions: Condition[],
  condition: Omit<Condition, "lastTransitionTime">,
  now: Date,
): void {
  const at = conditions.findIndex((known) => known.type === condition.type);
  const known = conditions[at];
  const since = known?.status === condition.status ? known.lastTransitionTime : now;
  const next = {
    ...condition,
    message: clipBytes(condition.message, CONDITION_MESSAGE_BYTES_MAX),
    lastTransitionTime: since,
  };
  if (at === -1) conditions.push(next);
  else conditions[at] = next;
}

export function yes(reason: string): Verdict {
  return { status: ConditionStatus.CONDITION_STATUS_TRUE, reason, message: "" };
}

export function no(reason: string, message: string): Verdict {
  return { status: ConditionStatus.CONDITION_STATUS_FALSE, reason, message };
}

export function unknown(reason: string, message: string): Verdict {
  return { status: ConditionStatus.CONDITION_STATUS_UNKNOWN, reason, message };
}

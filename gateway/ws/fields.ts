import { invalidArgument, type FieldViolation } from "../../services/common/errors/errors.ts";
import type { FrameId } from "./error-frame.ts";
import type { ClientFrame } from "./parse-frame.ts";

const ID_CHARS_MAX = 64;
const MIRROR_CHARS_MAX = 255;
const EPOCH_CHARS_MAX = 64;

/** The frame's id; undefined when it has none or one that cannot be echoed. */
export function frameId(frame: ClientFrame): FrameId | undefined {
  const id = frame["id"];
  if (typeof id === "string") return id.length <= ID_CHARS_MAX ? id : undefined;
  return Number.isSafeInteger(id) ? (id as number) : undefined;
}

/** Throws INVALID_ARGUMENT with every bad field. */
export function mirrorField(frame: ClientFrame): string {
  const problems: FieldViolation[] = [];
  checkMirror(frame, problems);
  if (problems.length > 0) throw invalidArgument(problems);
  return frame["m"] as string;
}

/** Mirror, and where the client says it stands. Throws INVALID_ARGUMENT with every bad field. */
export function subscribeFields(frame: ClientFrame): {
  mirror: string;
  from: { epoch: string; s: number } | undefined;
} {
  const problems: FieldViolation[] = [];
  checkMirror(frame, problems);
  const { e, s } = frame;
  if (e !== undefined && (typeof e !== "string" || e.length > EPOCH_CHARS_MAX)) {
    problems.push({ field: "e", description: `text of at most ${EPOCH_CHARS_MAX} characters` });
  }
  if (s !== undefined && !(Number.isSafeInteger(s) && (s as number) >= 0)) {
    problems.push({ field: "s", description: "whole number, 0 or more" });
  }
  if ((e === undefined) !== (s === undefined)) problems.push({ field: "s", description: "`e` and `s` go together" });
  if (problems.length > 0) throw invalidArgument(problems);
  const from = e === undefined ? undefined : { epoch: e as string, s: s as number };
  return { mirror: frame["m"] as string, from };
}

function checkMirror(frame: ClientFrame, problems: FieldViolation[]): void {
  const mirror = frame["m"];
  if (typeof mirror !== "string" || mirror === "" || mirror.length > MIRROR_CHARS_MAX) {
    problems.push({ field: "m", description: `name of a mirror, at most ${MIRROR_CHARS_MAX} characters` });
  }
}

import { status as Code } from "@grpc/grpc-js";
import type { ExactJson } from "../../services/common/codec/text.ts";
import { GantryError } from "../../services/common/errors/errors.ts";
import { Violations } from "../../services/common/names/violations.ts";
import type { FrameId } from "../ws/error-frame.ts";
import { frameId } from "../ws/fields.ts";
import type { ClientFrame } from "../ws/parse-frame.ts";

const METHOD_LENGTH_MAX = 200;
const REQUEST_ID_LENGTH_MAX = 64;

export interface CommandFields {
  id: FrameId;
  method: string;
  requestId: string | undefined;
  deadlineMs: number | undefined;
  /** Undefined when the frame has none. */
  body: ExactJson | undefined;
}

/** Fields of `call` and `open`; INVALID_ARGUMENT with every bad one. */
export function commandFields(frame: ClientFrame, maxDeadlineMs: number): CommandFields {
  const violations = new Violations();
  const { method, request_id: requestId, deadline_ms: deadlineMs, body } = frame;
  const id = frameId(frame);
  if (id === undefined) violations.add("id", "text of at most 64 characters, or a whole number");
  if (typeof method !== "string" || method === "" || method.length > METHOD_LENGTH_MAX) {
    violations.add("method", "full name of a method, such as gantry.compute.v1.ComputeService/GetInstance");
  }
  if (requestId !== undefined && (typeof requestId !== "string" || requestId.length > REQUEST_ID_LENGTH_MAX)) {
    violations.add("request_id", `text of at most ${REQUEST_ID_LENGTH_MAX} characters`);
  }
  if (deadlineMs !== undefined && !isDeadline(deadlineMs, maxDeadlineMs)) {
    violations.add("deadline_ms", `whole number of milliseconds, 1 to ${maxDeadlineMs}`);
  }
  violations.throwIfAny();
  return {
    id: id!,
    method: method as string,
    requestId: requestId as string | undefined,
    deadlineMs: deadlineMs as number | undefined,
    body: body as ExactJson | undefined,
  };
}

function isDeadline(value: unknown, maxMs: number): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= maxMs;
}

/** The frame's id is that of something under way: which of the two an answer is for would be unclear. */
export function idInUse(id: FrameId): GantryError {
  return new GantryError(Code.ALREADY_EXISTS, `a call or stream with id ${JSON.stringify(id)} is under way`, {
    reason: "ID_IN_USE",
  });
}

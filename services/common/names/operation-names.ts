import { type FieldViolation, invalidArgument } from "../errors/errors.ts";
import { isId } from "./ids.ts";

const OPERATION =
  /^(?:projects\/([^/]+)\/)?operations\/(([a-z]{1,20})-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;

/** Parts of `projects/<project>/operations/<service>-<uuid>` or, for work on hosts, `operations/<service>-<uuid>`. */
export interface OperationName {
  /** Project id; empty for operations of the realm. */
  project: string;
  /** Service that runs it, for example `compute`. */
  service: string;
  /** `<service>-<uuid>`: also the id of its job. */
  id: string;
}

export function matchOperationName(name: string): OperationName | undefined {
  const found = OPERATION.exec(name);
  if (found === null || (found[1] !== undefined && !isId(found[1]))) return undefined;
  return { project: found[1] ?? "", id: found[2]!, service: found[3]! };
}

/** INVALID_ARGUMENT on `field` when it is not the name of an operation. */
export function parseOperationName(name: string, field = "name"): OperationName {
  const parts = matchOperationName(name);
  if (parts === undefined) throw invalidArgument(checkOperationName(field, name));
  return parts;
}

export function checkOperationName(field: string, name: string): FieldViolation[] {
  if (matchOperationName(name) !== undefined) return [];
  return [{ field, description: "is not a name of the form projects/{project}/operations/{service}-{uuid}" }];
}

/** `project` empty: an operation of the realm. */
export function formatOperationName(project: string, id: string): string {
  return project === "" ? `operations/${id}` : `projects/${project}/operations/${id}`;
}

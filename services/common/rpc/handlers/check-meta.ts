import type { Meta } from "../../../../proto/gen/gantry/common/v1/meta.ts";
import { checkAnnotations, checkLabels } from "../../names/labels.ts";
import type { Violations } from "../../names/violations.ts";

/** What a client may write of a resource's meta; `path` is that of the resource. */
export function checkMeta(found: Violations, path: string, meta: Meta | undefined): void {
  found.addAll(checkLabels(`${path}.meta.labels`, meta?.labels ?? {}));
  found.addAll(checkAnnotations(`${path}.meta.annotations`, meta?.annotations ?? {}));
}

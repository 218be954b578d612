import type { MirrorSpec } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { GantryError } from "../../common/errors/errors.ts";
import { NAME_BYTES_MAX } from "../../common/names/resource-names.ts";
import { parseSelector } from "../../common/names/selector.ts";
import type { Violations } from "../../common/names/violations.ts";
import { checkDisplayName } from "./project-rules.ts";

const SELECTORS_MAX = 32;
const ORIGIN = /^[a-z]{1,62}(\/[a-z0-9][-a-z0-9]{0,62})?$/;
const KIND = /^[A-Z][A-Za-z]{0,62}$/;

export function checkMirrorSpec(found: Violations, spec: MirrorSpec | undefined): void {
  const at = "mirror.spec.selectors";
  const selectors = spec?.selectors ?? [];
  found.check(selectors.length >= 1, at, "must have at least one");
  if (!found.check(selectors.length <= SELECTORS_MAX, at, `has ${selectors.length}; at most ${SELECTORS_MAX}`)) return;
  for (const [i, selector] of selectors.entries()) {
    const path = `${at}[${i}]`;
    const { origin, kind, namePrefix, labelSelector } = selector;
    found.check(origin === "" || ORIGIN.test(origin), `${path}.origin`, 'is not an origin such as "docker/rack1-07"');
    found.check(kind === "" || KIND.test(kind), `${path}.kind`, 'is not a kind such as "Instance"');
    const bytes = Buffer.byteLength(namePrefix);
    found.check(bytes <= NAME_BYTES_MAX, `${path}.name_prefix`, `has ${bytes} bytes; at most ${NAME_BYTES_MAX}`);
    try {
      parseSelector(labelSelector, `${path}.label_selector`);
    } catch (error) {
      if (!(error instanceof GantryError)) throw error;
      found.addAll(error.violations);
    }
  }
  checkDisplayName(found, "mirror.spec.display_name", spec?.displayName ?? "");
}

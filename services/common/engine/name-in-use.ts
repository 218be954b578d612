import type Docker from "dockerode";
import { failedPrecondition, type GantryError } from "../errors/errors.ts";
import { ofAnotherRealm } from "./labels.ts";

export interface NameInUse {
  host: string;
  /** Id of the realm. */
  realm: string;
  container: string;
  /** What has the name; undefined: it has gone again. */
  found: Docker.ContainerInspectInfo | undefined;
}

/** An engine's container has the name that one of ours was to have, and it is left alone. */
export function containerNameInUse({ host, realm, container, found }: NameInUse): GantryError {
  const whose = ofAnotherRealm(found?.Config.Labels, realm);
  return failedPrecondition(
    "CONTAINER_NAME_IN_USE",
    `the engine of ${host} has another container named ${container}${whose}: choose another name, or remove it`,
    { container },
  );
}

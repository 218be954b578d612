import { InnerEngine, InstanceSpec, PowerState, RestartPolicy } from "../../../proto/gen/gantry/compute/v1/instance.ts";

export interface SpecDefaults {
  /** Id of the instance. */
  id: string;
  defaultImage: string;
}

/** The spec with what empty fields stand for filled in, so that a later change of the realm's defaults changes no instance. */
export function withDefaults(spec: InstanceSpec, { id, defaultImage }: SpecDefaults): InstanceSpec {
  const image = spec.image || defaultImage;
  const innerEngine =
    spec.innerEngine !== InnerEngine.INNER_ENGINE_UNSPECIFIED
      ? spec.innerEngine
      : image === defaultImage
        ? InnerEngine.INNER_ENGINE_ENABLED
        : InnerEngine.INNER_ENGINE_DISABLED;
  return {
    ...spec,
    image,
    innerEngine,
    hostname: spec.hostname || id,
    privileged: spec.privileged || innerEngine === InnerEngine.INNER_ENGINE_ENABLED,
    restartPolicy:
      spec.restartPolicy === RestartPolicy.RESTART_POLICY_UNSPECIFIED
        ? RestartPolicy.RESTART_POLICY_ALWAYS
        : spec.restartPolicy,
    power: spec.power === PowerState.POWER_STATE_UNSPECIFIED ? PowerState.POWER_STATE_RUNNING : spec.power,
    ports: spec.ports.map((port) => ({
      ...port,
      hostIp: port.hostIp || "127.0.0.1",
      protocol: port.protocol || "tcp",
    })),
  };
}

export function hasInnerEngine(spec: InstanceSpec): boolean {
  return spec.innerEngine === InnerEngine.INNER_ENGINE_ENABLED;
}

import type { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { instanceKind } from "../kinds.ts";
import { RecordCatalog } from "../../common/store/record-catalog.ts";

/** Every instance of the realm, for placement, addresses and the reconciler. */
export class InstanceCatalog extends RecordCatalog<Instance> {
  readonly #byUid = new Map<string, Instance>();

  constructor() {
    super(instanceKind);
    this.onChange((instance, deleted) => {
      const { uid } = instance.meta!;
      if (deleted) this.#byUid.delete(uid);
      else this.#byUid.set(uid, instance);
    });
  }

  byUid(uid: string): Instance | undefined {
    return this.#byUid.get(uid);
  }

  onHost(host: string): Instance[] {
    return [...this.all()].filter((instance) => instance.meta?.host === host);
  }
}

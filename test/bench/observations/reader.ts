// A raw watch of all pods: says which change it was told, and when. A process of its own, so that it waits for nobody.
import { get } from "node:https";
import { jsonLines } from "../../../services/common/engine/json-lines.ts";
import { parseAdminConf } from "../../../services/cluster/kubernetes/credentials.ts";
import { apiAgent } from "../../../services/cluster/kubernetes/transport.ts";
import { LABEL, type SeenChange } from "./seen.ts";

export interface ReaderStart {
  port: number;
  adminConf: string;
  resourceVersion: string;
}

interface PodEvent {
  object: { metadata: { name: string; labels?: Record<string, string> } };
}

function read({ port, adminConf, resourceVersion }: ReaderStart): void {
  const agent = apiAgent(parseAdminConf(adminConf, "admin.conf"));
  const path = `/api/v1/pods?watch=1&resourceVersion=${resourceVersion}`;
  get({ agent, host: "127.0.0.1", port, path }, async (response) => {
    process.send!("ready");
    for await (const { object } of jsonLines<PodEvent>(response)) {
      const nanos = String(process.hrtime.bigint());
      const value = object.metadata.labels?.[LABEL];
      if (value !== undefined) process.send!({ key: `${object.metadata.name} ${value}`, nanos } satisfies SeenChange);
    }
  }).on("error", (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  });
  process.once("disconnect", () => process.exit(0));
}

process.once("message", (start: ReaderStart) => read(start));

import { stringify } from "yaml";
import type { RegularFile } from "../nodes/node-file.ts";
import type { Document } from "./documents.ts";

/** Where node images made to kind's contract have it, and its tools look for it. */
const PATH = "/kind/kubeadm.conf";

export function renderDocuments(documents: readonly Document[]): string {
  return documents.map(renderDocument).join("---\n");
}

export function renderDocument(document: object): string {
  // Quoted where version 1.1 needs it, which is what Kubernetes reads: `on` would be a truth value.
  return stringify(document, { lineWidth: 0, version: "1.1", aliasDuplicateObjects: false });
}

/** kubeadm's configuration as a file of the node. It holds the token with which nodes join. */
export function kubeadmFile(documents: readonly Document[]): RegularFile {
  return { path: PATH, mode: 0o600, content: renderDocuments(documents) };
}

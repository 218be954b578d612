import { parseAllDocuments } from "yaml";
import { UsageError } from "../exit-codes.ts";
import { isKindConfig, KIND_API, type KindConfig, readKindConfig } from "./kind-config.ts";

/** A file with one kind configuration; every problem at once. `name` is what it is called in errors. */
export function readKindFile(content: string, name: string): KindConfig {
  const parsed = parseAllDocuments(content);
  const documents = (Array.isArray(parsed) ? parsed : []).filter(
    (document) => document.contents !== null || document.errors.length > 0,
  );
  const errors = documents.flatMap((document) => document.errors.map((error) => `${name}: ${error.message.trim()}`));
  if (errors.length > 0) throw new UsageError(errors.join("\n"));
  const [document, ...more] = documents;
  if (!document || more.length > 0)
    throw new UsageError(`${name}: one kind configuration is needed, it holds ${documents.length} documents`);
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (!isKindConfig(value))
    throw new UsageError(`${name}: is no kind configuration: kind: Cluster and apiVersion: ${KIND_API} are needed`);
  const read = readKindConfig(value);
  if (Array.isArray(read)) throw new UsageError(read.map((problem) => `${name}: ${problem}`).join("\n"));
  return read;
}

import { isObject, type Named, named, readKubeconfig } from "./read.ts";

/** kubectl and kind keep extensions of others. */
const EXTENSION = "gantry.dev";

/** Says of a context whose it is: another's of the same name is not to go with this cluster. */
export function mark(context: Named, uid: string): Named {
  const content = contentOf(context);
  const extensions = named(content["extensions"], "extensions").filter(({ name }) => name !== EXTENSION);
  const own = { name: EXTENSION, extension: { cluster: uid } };
  return { ...context, context: { ...content, extensions: [...extensions, own] } } as Named;
}

/** Uid of the cluster that the context is marked with. */
export function markOf(context: Named): string | undefined {
  const { extensions } = contentOf(context);
  const own = Array.isArray(extensions)
    ? extensions.find((each) => isObject(each) && each["name"] === EXTENSION)
    : undefined;
  const cluster = isObject(own) && isObject(own["extension"]) ? own["extension"]["cluster"] : undefined;
  return typeof cluster === "string" && cluster !== "" ? cluster : undefined;
}

export function markedClusters(text: string, name: string): Set<string> {
  const config = readKubeconfig(text, name);
  return new Set(named(config?.["contexts"], `${name}: contexts`).flatMap((context) => markOf(context) ?? []));
}

export function contentOf(context: Named): Record<string, unknown> {
  const content = (context as { context?: unknown }).context;
  return isObject(content) ? content : {};
}

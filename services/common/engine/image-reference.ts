const DOMAIN = String.raw`(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?`;
const PATH_PART = String.raw`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`;
const REFERENCE = new RegExp(
  `^(?:${DOMAIN}/)?${PATH_PART}(?:/${PATH_PART})*(?::[\\w][\\w.-]{0,127})?(?:@[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,})?$`,
);
const REFERENCE_BYTES_MAX = 512;

/** Whether `text` is an OCI image reference as engines take it: `[domain/]path[:tag][@digest]`. */
export function isImageReference(text: string): boolean {
  return text.length <= REFERENCE_BYTES_MAX && REFERENCE.test(text);
}

/** As engines list it: with the tag `latest` where the reference has neither tag nor digest, and without Docker Hub's domain. */
export function familiarReference(reference: string): string {
  const short = reference.replace(/^docker\.io\/(library\/)?/, "");
  if (short.includes("@")) return short;
  const lastPart = short.slice(short.lastIndexOf("/") + 1);
  return lastPart.includes(":") ? short : `${short}:latest`;
}
